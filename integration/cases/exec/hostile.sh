# exec into a container that means harm.

# Containers whose processes may trace all others that they can see.
tracer() {
    bundle
    capabilities CAP_SYS_PTRACE CAP_KILL CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH
    config '.process.noNewPrivileges = false'
}

test_cve_2019_5736_no_process_of_exec_runs_the_hosts_binary_inside() {
    tracer
    local sum
    sum=$(sha256sum "$TARE")
    # Watches every new process for its program, as fast as it can.
    script 'while ! [ -e /stop ]; do for p in /proc/[0-9]*; do readlink $p/exe; done; done 2>/dev/null | sort | uniq -c >/seen; echo end >/end'
    started
    local i
    for i in $(seq 60); do call tare exec "$ID" true; done
    touch "$R/stop"
    becomes stopped
    exists "$R/end"
    # The sealed stage may be seen; it is a copy in memory.
    eq "$(grep -v memfd: "$R/seen" | grep -c "/$(basename "$TARE")")" 0 "$(cat "$R/seen")"
    eq "$(sha256sum "$TARE")" "$sum" "the host's binary"
    gone
}

test_a_process_on_its_way_in_shows_no_descriptor_of_the_host() {
    tracer
    script 'while ! [ -e /stop ]; do for p in /proc/[0-9]*; do ls -l $p/fd; readlink $p/cwd $p/root; done; done >/seen 2>/dev/null'
    started
    local i
    for i in $(seq 40); do ok tare exec "$ID" true </dev/null; done
    touch "$R/stop"
    becomes stopped
    local seen
    seen=$(sed -n 's/.* -> //p' "$R/seen" | sort -u)
    lacks "$seen" "$STATE" "descriptors"
    # Sockets, pipes and the sealed stage are nothing to a container; a folder or the host's /proc would be.
    eq "$(grep -vE '^(socket|pipe|anon_inode):|^/memfd:|^/dev/(null|pts|tty)|^/proc/[0-9]+/(fd|stat)|^/proc/?$|^/proc/[0-9]+$|^/(seen|end)?( \(deleted\))?$|^/bin|^'"$T"'|^/tmp/' <<<"$seen")" "" "other targets"
    gone
}

test_a_process_on_its_way_in_has_no_more_rights_than_its_program() {
    tracer
    script 'while ! [ -e /stop ]; do grep -h ^CapPrm /proc/[0-9]*/status; done 2>/dev/null | sort | uniq -c >/seen; echo end >/end'
    started
    local i
    for i in $(seq 60); do ok tare exec "$ID" true; done
    touch "$R/stop"
    becomes stopped
    exists "$R/end"
    eq "$(awk '{ print $3 }' "$R/seen" | sort -u)" "$(sed -n 's/^CapBnd:\t//p' <(tare_caps))" "permitted capabilities that were seen inside: $(cat "$R/seen")"
    gone
}
# The bounding set of this container, by one more of it.
tare_caps() { script 'grep ^CapBnd /proc/self/status'; tare run "${ID}x"; }

test_a_process_on_its_way_in_has_no_right_to_load_filters_either() {
    needs_root "look at a process of a container without a user namespace (with one the kernel guards it: its memory belongs to the namespace outside)"
    tracer
    config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
        syscalls: [{names: ["unshare"], action: "SCMP_ACT_ERRNO", errnoRet: 5}]}'
    script 'while ! [ -e /stop ]; do grep -hE "^(CapPrm|Seccomp):" /proc/[0-9]*/status; done 2>/dev/null | sort | uniq -c >/seen; echo end >/end'
    started
    local i
    for i in $(seq 60); do ok tare exec "$ID" true; done
    ok tare exec "$ID" grep Seccomp: /proc/self/status
    eq "$out" "Seccomp:	2" "the filter of the program"
    touch "$R/stop"
    becomes stopped
    exists "$R/end"
    eq "$(awk '/Seccomp/ { print $3 }' "$R/seen" | sort -u)" 2 "filters that were seen inside: $(cat "$R/seen")"
    lacks "$(awk '/CapPrm/ { print $3 }' "$R/seen" | sort -u)" 28 "permitted capabilities that were seen inside"
    gone
}

test_a_killed_exec_leaves_no_process_although_its_ids_have_changed() {
    bundle
    command_is sleep 300
    started
    # Slows the lookup of the program down, which happens as the user, and kills the runtime meanwhile.
    strace -f -qq -o "$T/trace" -e trace=faccessat2 -e inject=faccessat2:delay_enter=700000 \
        "$TARE" --root "$STATE" exec --user 1000:1000 "$ID" true >/dev/null 2>&1 &
    eventually busy
    pkill -KILL -f "^$TARE --root $STATE exec" || :
    wait
    eventually is_alone
    gone
}
busy() { [ "$(wc -l <"$(cgroup_file pids cgroup.procs)")" -gt 1 ]; }

test_a_fifo_or_an_endless_file_in_place_of_passwd_does_not_stop_it() {
    bundle
    rm "$R/etc/passwd"
    mkfifo "$R/etc/passwd"
    config '.process.env = ["PATH=/bin"]'
    command_is sleep 300
    started
    ok timeout 5 "$TARE" --root "$STATE" exec "$ID" sh -c 'echo $HOME'
    eq "$out" /
    rm "$R/etc/passwd"
    ln -s /dev/zero "$R/etc/passwd"
    ok timeout 5 "$TARE" --root "$STATE" exec "$ID" sh -c 'echo $HOME'
    eq "$out" /
    rm "$R/etc/passwd"
    truncate -s 4G "$R/etc/passwd"
    ok timeout 5 "$TARE" --root "$STATE" exec "$ID" sh -c 'echo $HOME'
    eq "$out" /
    gone
}

test_cve_2024_21626_exec_cannot_leave_by_a_working_directory() {
    bundle
    command_is sleep 300
    started
    local fd
    for fd in 3 4 5 6 7 8 9; do
        call sh -c "exec 3</ 7</ 9</; '$TARE' --root '$STATE' exec --cwd /proc/self/fd/$fd '$ID' cat etc/hostname"
        ne "$code" 0 "cwd /proc/self/fd/$fd"
        lacks "$out" "$(cat /etc/hostname)" "the host's file"
    done
    ln -s /proc/self/fd "$R/link"
    call sh -c "exec 7</; '$TARE' --root '$STATE' exec --cwd /link/7 '$ID' cat etc/hostname"
    ne "$code" 0 "cwd through a link"
    gone
}

test_a_swapped_ptmx_is_not_taken_for_a_terminal() {
    bundle
    capabilities CAP_SYS_ADMIN CAP_DAC_OVERRIDE CAP_MKNOD
    script 'umount /dev/pts; mkdir -p /dev/pts; ln -s /etc/passwd /dev/pts/ptmx; echo ready; sleep 300'
    started
    eventually grep -q ready "$B/stdout"
    ends 255 tare exec -t "$ID" true
    has "$err" "a terminal needs a devpts mount on /dev/pts"
    gone
}

test_the_container_may_end_at_any_moment() {
    bundle
    script 'sleep 0.15'
    local i seen=""
    for i in $(seq 12); do
        started
        while :; do
            call tare exec "$ID" true
            [ $code = 0 ] && continue
            [ $code = 255 ] || [ $code = 137 ] || fail "exec in a dying container ended with $code: $err"
            [ $code = 137 ] || matches "$err" 'not running|ended|died' "error"
            break
        done
        seen+="$code "
        ok tare delete --force "$ID"
    done
    has "$seen" 255 "codes of exec in a dying container"
}

# A caller that gets the processes of `exec` for children and never asks how they ended.
careless() { # SCRIPT
    python3 -c 'import ctypes, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
sys.exit(subprocess.run(["sh", "-c", sys.argv[1]]).returncode)' "$1"
}

test_a_container_that_cannot_end_before_its_process_is_collected_does_not_run() {
    bundle
    command_is sleep 300
    started
    # "no such file or directory" is what engines take for a missing program.
    call careless "'$TARE' --root '$STATE' exec --detach '$ID' true </dev/null >/dev/null 2>&1; sleep 0.2
        kill -KILL $PID; sleep 0.2; '$TARE' --root '$STATE' exec '$ID' true"
    eq "$code" 255 "exit code"
    matches "$err" 'container not running' "error"
    gone
}

test_the_mounts_of_a_container_that_cannot_end_are_not_changed() {
    bundle
    command_is sleep 300
    started
    echo '[{"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"}]' >"$T/mounts.json"
    call careless "'$TARE' --root '$STATE' exec --detach '$ID' true </dev/null >/dev/null 2>&1; sleep 0.2
        kill -KILL $PID; sleep 0.2; '$TARE' --root '$STATE' mounts add '$ID' '$T/mounts.json'"
    ne "$code" 0 "exit code"
    matches "$err" 'container not running' "error"
    gone
}

test_nothing_is_left_when_exec_is_killed() {
    bundle
    command_is sleep 300
    started
    local call
    for call in clone3 execveat sendto recvfrom pidfd_open prctl; do killed_at "$call" ""; done
    for call in sendto recvfrom prctl; do killed_at "$call" ":when=2"; done
    eventually is_alone
    gone
}
# Kills each process of an exec at this call. Those that live on must end.
killed_at() { # CALL WHEN
    local began=$SECONDS
    { timeout -s KILL 20 strace -f -qq -o "$T/trace" -e trace="$1" -e inject="$1:signal=SIGKILL$2" \
        "$TARE" --root "$STATE" exec "$ID" true; } >/dev/null 2>&1
    [ $((SECONDS - began)) -lt 20 ] || fail "exec never ended: killed at $1$2"
    grep -q 'killed by SIGKILL' "$T/trace" || fail "nothing was killed at $1$2: $(cat "$T/trace")"
}
is_alone() { [ "$(cat "$(cgroup_file pids cgroup.procs)")" = "$PID" ]; }
