# checkpoint and restore: what comes back.
# timeout_s: 40

. "$INTEGRATION/lib/criu.sh"

test_a_container_with_an_open_file_a_pipe_and_a_tcp_listener_comes_back() {
    needs_criu
    bundle
    serves
    piped
    counts
    local mounts
    mounts=$(mounts_of)
    ok tare checkpoint --image-path "$T/img" --work-path "$T/work" "$ID"
    eq "$out$err" "" "output of checkpoint"
    eq "$(stat -c %a "$T/img")" 700 "mode of the images' folder"
    exists "$T/work/dump.log"
    refuses 'does not exist' tare state "$ID"
    absent "$(cgroup_file pids cgroup.procs)" "the control group"
    restored --work-path "$T/work" --pid-file "$T/pid"
    eq "$(state .status)" running
    eq "$(cat "$T/pid")" "$PID" "pid file"
    counts
    eq "$(mounts_of)" "$mounts" "mounts"
    has "$(tr '\n' ' ' <"/proc/$PID/cgroup")" "$(container_group)" "control group"
    is_masked
    ok tare kill "$ID" KILL
    becomes stopped
    ok tare delete "$ID"
}
# Mount points, types and flags of the container.
mounts_of() { awk '{ print $5, $6, $9 }' "/proc/$PID/mountinfo" | sort; }
is_masked() {
    local inside="nsenter --mount=/proc/$PID/ns/mnt --root=/proc/$PID/root"
    eq "$($inside /bin/cat /proc/keys)" "" "a masked file"
    eq "$($inside /bin/ls /sys/firmware)" "" "a masked folder"
    ! $inside /bin/touch /sys/firmware/x 2>/dev/null || fail "a masked folder can be written"
    ! $inside /bin/sh -c 'echo 1 >/proc/sys/kernel/sysrq' 2>/dev/null || fail "/proc/sys can be written"
}

# As containerd's is. CRIU mounts the control groups in it, in a mount namespace of its own.
test_the_folders_of_images_and_of_work_may_be_absolute_links() {
    needs_criu
    bundle
    serves
    piped
    mkdir "$T/far" "$T/farther"
    ln -s "$T/far" "$T/work"
    ln -s "$T/farther" "$T/img"
    ok tare checkpoint --image-path "$T/img" --work-path "$T/work" "$ID"
    restored --work-path "$T/work"
    counts
    exists "$T/far/restore.log"
    gone
}

test_a_checkpoint_goes_on_from_a_pre_dump() {
    needs_criu
    needs_dirty_pages
    bundle
    serves
    piped
    counts
    ok tare checkpoint --pre-dump --image-path "$T/pre" "$ID"
    eq "$(state .status)" running
    counts
    ok tare checkpoint --pre-dump --leave-running --parent-path ../pre --image-path "$T/pre2" "$ID"
    counts
    ok tare checkpoint --parent-path ../pre2 --image-path "$T/img" "$ID"
    exists "$T/img/parent"
    at_most "$(cat "$T"/img/pages-*.img | wc -c)" "$(($(cat "$T"/pre/pages-*.img | wc -c) - 1))" "bytes of pages after a pre-dump"
    restored
    counts
    gone
}

test_a_container_can_be_left_running_and_saved_again() {
    needs_criu
    bundle
    serves
    piped
    counts
    # podman may say it twice.
    ok tare checkpoint --leave-running --leave-running --image-path "$T/a" "$ID"
    eq "$(state .status)" running
    counts
    ok tare checkpoint --image-path "$T/img" "$ID"
    restored
    counts
    ok tare checkpoint --image-path "$T/img" "$ID"
    restored
    counts
    gone
}

test_a_terminal_comes_back_on_the_console_socket() {
    needs_criu
    bundle
    config '.process.terminal = true'
    script 'echo ready; while read line; do echo "got $line"; done'
    receiver before --send 'one\n'
    started --console-socket "$T/before.sock"
    eventually grep -q 'got one' "$T/before"
    ok tare checkpoint --image-path "$T/img" "$ID"
    refuses 'console socket' tare restore --detach --image-path "$T/img" "$ID"
    receiver after --send 'two\n'
    ok tare restore --detach --image-path "$T/img" --console-socket "$T/after.sock" "$ID"
    eventually grep -q 'got two' "$T/after"
    gone
    wait
}
# A receiver of a console; its socket is $T/NAME.sock, what it prints is in $T/NAME.
receiver() { # NAME [AGENT-OPTION...]
    local name=$1
    shift
    python3 "$INTEGRATION/lib/agent.py" console "$T/$name.sock" "$@" >"$T/$name" 2>"$T/$name.err" &
    eventually grep -q listening "$T/$name.err"
}

test_a_terminal_comes_back_in_the_foreground() {
    needs_criu
    bundle
    config '.process.terminal = true'
    script 'while read line; do echo "got $line"; [ "$line" = end ] && exit 5; done'
    receiver before --send 'one\n'
    started --console-socket "$T/before.sock"
    eventually grep -q 'got one' "$T/before"
    ok tare checkpoint --image-path "$T/img" "$ID"
    call python3 "$INTEGRATION/lib/agent.py" tty --send 'end\n' "$TARE" --root "$STATE" restore --image-path "$T/img" "$ID"
    eq "$code" 5 "exit code: $err $out"
    has "$out" "got end"
    refuses 'does not exist' tare state "$ID"
    wait
}

test_what_was_a_pipe_can_become_a_file() {
    needs_criu
    bundle
    script 'n=0; while :; do n=$((n + 1)); echo $n; sleep 0.05; done'
    piped
    eventually grep -q 3 "$B/stdout"
    ok tare checkpoint --image-path "$T/img" "$ID"
    ok tare restore --detach --image-path "$T/img" "$ID"
    eventually grep -q '[0-9]' "$T/.out"
    gone
}

test_restore_in_the_foreground_has_the_containers_exit_code() {
    needs_criu
    bundle
    script 'trap "exit 7" TERM; echo up; while :; do sleep 0.05; done'
    piped
    eventually grep -q up "$B/stdout"
    ok tare checkpoint --image-path "$T/img" "$ID"
    "$TARE" --root "$STATE" restore --image-path "$T/img" "$ID" </dev/null 2>"$T/err" > >(cat) &
    local runtime=$!
    eventually status_is running
    kill -TERM $runtime
    wait $runtime
    eq $? 7 "exit code: $(cat "$T/err")"
    refuses 'does not exist' tare state "$ID"
}

test_bind_mounts_come_from_the_bundle_that_it_is_restored_from() {
    needs_criu
    mkdir -p "$T/old/sub" "$T/new/sub"
    mount -t tmpfs tmpfs "$T/old/sub" && mount -t tmpfs tmpfs "$T/new/sub" || fail "mount"
    echo old >"$T/old/name"; echo new >"$T/new/name"; echo old >"$T/old/sub/name"; echo new >"$T/new/sub/name"
    bundle
    add_mount /data bind "$T/old" rbind ro
    add_mount /etc/name bind "$T/old/name" bind
    add_mount /linked bind "$T/old" bind
    rmdir "$R/linked" 2>/dev/null; ln -s /var/real "$R/linked"
    script 'while :; do cat /data/name /data/sub/name /etc/name /linked/name | tr "\n" " "; echo; sleep 0.05; done'
    piped
    eventually grep -q 'old old old old' "$B/stdout"
    ok tare checkpoint --image-path "$T/img" "$ID"
    # A root that has never seen the container: no mountpoints in it.
    mv "$R" "$B/used" && cp -a "$BASE/rootfs" "$R"
    config --arg n "$T/new" '(.mounts[] | select(.destination == "/data" or .destination == "/linked")).source = $n
        | (.mounts[] | select(.destination == "/etc/name")).source = "\($n)/name"'
    ln -s /var/real "$R/linked"
    restored
    eventually grep -q 'new new new new' "$B/stdout"
    ! touch "/proc/$(state .pid)/root/data/x" 2>/dev/null || fail "the read-only bind mount can be written"
    gone
    umount "$T/old/sub" "$T/new/sub"
}

test_ipc_and_uts_namespaces_that_are_joined_are_joined_again() {
    needs_criu
    local other
    unshare --ipc --uts sleep 100 &
    other=$!
    eventually sh -c "[ \$(readlink /proc/$other/ns/uts) != \$(readlink /proc/$$/ns/uts) ]"
    bundle
    config 'del(.hostname)'
    add_namespace ipc "/proc/$other/ns/ipc"
    add_namespace uts "/proc/$other/ns/uts"
    serves
    piped
    counts
    ok tare checkpoint --image-path "$T/img" "$ID"
    restored
    counts
    eq "$(readlink "/proc/$PID/ns/ipc")" "$(readlink "/proc/$other/ns/ipc")" "ipc namespace"
    eq "$(readlink "/proc/$PID/ns/uts")" "$(readlink "/proc/$other/ns/uts")" "uts namespace"
    gone
    kill $other
}

test_a_pid_namespace_that_is_joined_stays_outside() {
    needs_criu
    local other inside
    # Its first process reaps the container's orphans, or their pids would stay taken.
    unshare --pid --fork --kill-child sh -c 'while :; do sleep 0.1; done' &
    other=$!
    eventually pgrep -P $other
    inside=$(pgrep -P $other)
    bundle
    add_namespace pid "/proc/$inside/ns/pid"
    serves
    piped
    counts
    ok tare checkpoint --image-path "$T/img" "$ID"
    restored
    counts
    eq "$(readlink "/proc/$PID/ns/pid")" "$(readlink "/proc/$inside/ns/pid")" "pid namespace"
    gone
    kill -KILL "$inside"
    wait $other
}

test_bind_mounts_keep_their_flags() {
    needs_criu
    mkdir -p "$T/dir"
    echo x >"$T/dir/file"
    bundle
    add_mount /d bind "$T/dir" rbind ro nosuid nodev noexec
    add_mount /f bind "$T/dir/file" bind ro nosuid nodev
    add_mount /w bind "$T/dir" bind rw nosuid noatime
    add_mount /x bind "$T/dir" bind rw
    add_mount /d2 bind "$T/dir" rbind ro nosuid nodev noexec
    add_mount /d3 bind "$T/dir" rbind ro nosuid nodev noexec
    add_mount /proc/uptime bind "$T/dir/file" bind ro nosuid nodev noexec
    add_mount /etc/hostname bind /etc/hostname bind ro nosuid nodev noexec
    serves
    piped
    counts
    local mounts
    mounts=$(mounts_of)
    ok tare checkpoint --image-path "$T/img" "$ID"
    restored
    eq "$(mounts_of)" "$mounts" "mounts"
    gone
}

test_a_network_namespace_that_is_joined_stays_outside() {
    needs_criu
    local other
    unshare --net sleep 100 &
    other=$!
    eventually test "/proc/$other/ns/net" -ef "/proc/$other/ns/net"
    eventually sh -c "[ \$(readlink /proc/$other/ns/net) != \$(readlink /proc/$$/ns/net) ]"
    nsenter --net="/proc/$other/ns/net" ip link set lo up
    bundle
    add_namespace network "/proc/$other/ns/net"
    serves
    piped
    counts
    refuses 'empty-ns network: .* joined by path' tare checkpoint --empty-ns network --image-path "$T/img" "$ID"
    ok tare checkpoint --image-path "$T/img" "$ID"
    restored
    eq "$(readlink "/proc/$PID/ns/net")" "$(readlink "/proc/$other/ns/net")" "network namespace"
    counts
    gone
    kill $other
}

test_a_user_namespace_and_its_devices_come_back() {
    needs_criu
    bundle
    user_namespace 100000 65536
    script 'while :; do echo x >/dev/null && id -u; sleep 0.05; done'
    piped
    eventually grep -q 0 "$B/stdout"
    ok tare checkpoint --image-path "$T/img" "$ID"
    : >"$B/stdout"
    restored
    eventually grep -q 0 "$B/stdout"
    eq "$(awk '{ print $2 }' "/proc/$PID/uid_map")" 100000 "uid_map"
    eq "$(stat -c %a "$T/img")" 700 "mode of the images' folder"
    eq "$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$PID/status")" 100000 "user on the host"
    gone
}

test_limits_are_those_of_the_bundle_and_hooks_run() {
    needs_criu
    is_on_v1 pids || skip "no pids controller of v1 here"
    bundle
    config '.linux.resources.pids.limit = 33'
    for moment in prestart createRuntime poststart poststop; do
        config --arg m "$moment" --arg f "$T/hooks" \
            '.hooks[$m] = [{path: "/bin/sh", args: ["sh", "-c", "echo \($m) $(jq -r \"[.status, (.pid > 0)] | join(\\\" \\\")\") >>\($f)"], env: ["PATH=/usr/bin:/bin"]}]'
    done
    serves
    piped
    counts
    ok tare checkpoint --image-path "$T/img" "$ID"
    eq "$(tail -1 "$T/hooks")" "poststop stopped false" "hook at the checkpoint"
    rm "$T/hooks"
    config '.linux.resources.pids.limit = 44'
    restored
    limit_is pids.limit 44
    eq "$(tr '\n' ',' <"$T/hooks")" "prestart creating true,createRuntime creating true,poststart running true," "hooks at the restore"
    gone
}

test_criu_manages_control_groups_as_it_is_told() {
    needs_criu
    is_on_v1 pids || skip "no pids controller of v1 here"
    local mode
    bundle
    config '.linux.resources.pids.limit = 33'
    serves
    piped
    counts
    for mode in ignore full soft; do
        config '.linux.resources.pids.limit = 33'
        ok tare checkpoint --manage-cgroups-mode $mode --image-path "$T/img" "$ID"
        config '.linux.resources.pids.limit = 44'
        restored --manage-cgroups-mode $mode
        counts
        has "$(cat "/proc/$PID/cgroup")" "pids:$(container_group)" "control group with $mode"
        case $mode in full) mode=33 ;; *) mode=44 ;; esac
        limit_is pids.limit $mode
        # So that the next image has the old one again.
        echo 33 >"$(cgroup_file pids pids.max)"
    done
    gone
}

test_a_container_without_control_groups_comes_back() {
    needs_criu
    bundle
    config 'del(.linux.resources, .linux.cgroupsPath)'
    script 'n=0; while :; do n=$((n + 1)); echo $n; sleep 0.05; done'
    tare --cgroup-manager disabled create "$ID" </dev/null > >(cat >"$B/stdout") 2>&1 || fail "create"
    ok tare start "$ID"
    eventually grep -q 3 "$B/stdout"
    ok tare checkpoint --image-path "$T/img" "$ID"
    : >"$B/stdout"
    tare --cgroup-manager disabled restore --detach --image-path "$T/img" "$ID" </dev/null > >(cat >"$B/stdout") 2>"$B/err" || fail "restore: $(cat "$B/err")"
    eventually grep -q '[0-9]' "$B/stdout"
    gone
}

test_a_cgroup_mount_shows_the_new_group() {
    needs_criu
    bundle
    add_mount /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime ro
    serves
    piped
    counts
    ok tare checkpoint --image-path "$T/img" "$ID"
    restored
    counts
    local procs
    procs=$(cat /proc/$PID/root/sys/fs/cgroup/{pids/,unified/,}cgroup.procs 2>/dev/null | sort -u)
    has " $(tr '\n' ' ' <<<"$procs")" " $PID " "processes in the container's own view"
    gone
}

test_an_established_connection_comes_back() {
    needs_criu
    bundle
    script 'nc -l -p 9000 -e sh -c "while read x; do echo got \$x; done" & sleep 0.3
        mkfifo /tmp/talk; nc 127.0.0.1 9000 </tmp/talk & exec 7>/tmp/talk; n=0
        while :; do n=$((n + 1)); echo $n >&7; sleep 0.1; done'
    piped
    eventually grep -q 'got 3' "$B/stdout"
    refuses "CRIU: .*Error \\(.*[Tt][Cc][Pp].*all of it is in $T/img/dump.log" tare checkpoint --image-path "$T/img" "$ID"
    eq "$(state .status)" running "after a checkpoint that failed"
    local seen
    seen=$(grep -c got "$B/stdout")
    eventually sh -c "[ \$(grep -c got $B/stdout) -gt $((seen + 2)) ]"
    ok tare checkpoint --tcp-established --image-path "$T/img" "$ID"
    : >"$B/stdout"
    restored --tcp-established
    eventually grep -q got "$B/stdout"
    gone
}

test_streams_that_are_files_of_the_host_are_taken_up_again() {
    needs_criu
    bundle
    script 'n=0; while :; do n=$((n + 1)); echo $n; sleep 0.05; done'
    tare create "$ID" </dev/null >>"$B/out" 2>>"$B/err" || fail "create: $(cat "$B/err")"
    ok tare start "$ID"
    eventually grep -q 5 "$B/out"
    ok tare checkpoint --image-path "$T/img" "$ID"
    local last
    last=$(tail -1 "$B/out")
    tare restore --detach --image-path "$T/img" "$ID" </dev/null >>"$B/out" 2>>"$B/err" || fail "restore: $(cat "$B/err")"
    eventually sh -c "[ \$(tail -1 $B/out) -gt $((last + 3)) ]"
    gone
    eq "$(sort -n -u "$B/out" | wc -l)" "$(tail -1 "$B/out")" "numbers without a gap"
}
