# containerd with its shim for runc: its calls of the runtime, through ctr.

. "$ENGINES/containerd.sh"

test_a_command_runs_and_its_output_comes_back() {
    ok start_with --rm $IMAGE c1 echo hello
    eq "$out" hello
}

test_the_exit_code_of_a_command_is_that_of_the_engine() {
    ends 42 start_with --rm $IMAGE c1 sh -c 'exit 42'
    ends 0 start_with --rm $IMAGE c2 true
}

test_standard_input_reaches_the_command_and_ends() {
    ok start_with --rm $IMAGE c1 wc -c < <(head -c 300000 /dev/zero)
    eq "$out" 300000
}

test_much_output_is_not_lost_at_the_end() {
    local tries=0
    within 20 all_comes_back
}
# The command has written all of it when it ends; on a busy machine ctr may end before it has read that.
all_comes_back() {
    start_with --rm $IMAGE c$((tries += 1)) sh -c 'seq 100000; echo end >&2' >"$T/all" 2>"$T/end" &&
        [ "$(wc -l <"$T/all") $(tail -1 "$T/all") $(cat "$T/end")" = "100000 100000 end" ]
}

test_a_terminal_has_the_size_of_the_users() {
    on_terminal "${START[@]}" -t --rm $IMAGE c1 sh -c 'tty; until stty size 2>/dev/null | grep -v "^0 0"; do sleep 0.1; done; echo over >&2'
    eq "$code $out" "0 /dev/pts/0
33 77
over"
    on_terminal "${START[@]}" -t --rm $IMAGE c1 sh -c 'exit 7'
    eq $code 7
}

test_a_missing_command_is_named() {
    ends 1 start_with --rm $IMAGE c1 no-such-command
    is_missing "$err" no-such-command
    ends 1 start_with --rm $IMAGE c2 /no/such/command
    is_missing "$err" /no/such/command
}

test_a_file_that_is_not_executable_is_named() {
    ends 1 start_with --rm $IMAGE c1 /etc/passwd
    is_forbidden "$err" /etc/passwd
    ends 1 start_with --rm $IMAGE c2 /etc
    is_forbidden "$err" /etc
}

test_memory_and_processors_are_limited() {
    start_box c1 --memory-limit 67108864 --cpus 0.5 "${CPU_0[@]}"
    eq "$(limit_of "$pid" memory memory.limit_in_bytes memory.max)" 67108864
    [ "$(layout)" = v2 ] || eq "$(limit_of "$pid" cpu cpu.cfs_quota_us -)/$(limit_of "$pid" cpu cpu.cfs_period_us -)" 50000/100000
    [ "$(layout)" != v2 ] || eq "$(limit_of "$pid" - - cpu.max)" "50000 100000"
    is_on_cpus "$pid" 0
    ! has_cpuset || eq "$(awk '/^Cpus_allowed_list/ { print $2 }' "/proc/$pid/status")" 0
    remove c1
    start_box c2 --cpu-shares 2048 --cpu-quota 20000 --cpu-period 50000
    [ "$(layout)" = v2 ] || eq "$(limit_of "$pid" cpu cpu.shares -) $(limit_of "$pid" cpu cpu.cfs_quota_us -)" "2048 20000"
    [ "$(layout)" != v2 ] || eq "$(limit_of "$pid" - - cpu.max)" "20000 50000"
    [ "$(layout)" != v2 ] || at_least "$(limit_of "$pid" - - cpu.weight)" 79
    remove c2
}

test_limits_rlimits_sysctls_and_the_adjustment_of_a_configuration_are_set() {
    unpack_box
    edited_spec "
spec['root'] = {'path': '$T/files'}
spec['linux']['resources'].update(pids={'limit': 33}, memory={'limit': 67108864, 'reservation': 33554432, 'swap': 67108864})
spec['linux']['sysctl'] = {'net.ipv4.ip_forward': '1', 'kernel.msgmax': '4096'}
spec['process'].update(rlimits=[{'type': 'RLIMIT_NOFILE', 'hard': 77, 'soft': 66}], oomScoreAdj=500)"
    ok start_with -d -c "$T/config.json" c1
    pid=$(task_pid c1)
    eq "$(limit_of "$pid" pids pids.max pids.max)" 33
    eq "$(limit_of "$pid" memory memory.soft_limit_in_bytes memory.low)" 33554432
    matches "$(cat "/proc/$pid/limits")" '^Max open files +66 +77 '
    eq "$(cat "/proc/$pid/oom_score_adj")" 500
    ask c1 /bin/cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax
    eq "$out" "1
4096"
    remove c1
}

test_a_container_without_a_path_of_its_group_gets_one_of_its_name() {
    ok start_with -d --cgroup "" $IMAGE c1 sleep 100000
    pid=$(task_pid c1)
    # On v2 below the parent of the engine's own group.
    matches "$(sed 's/.*://' "/proc/$pid/cgroup" | sort -u)" '^(/system.slice)?/c1$'
    remove c1
    eq "$(groups_of c1)" ""
}

test_a_control_group_of_choice_is_used_and_removed() {
    start_box c1 --cgroup /chosen/below/it
    has "$(cat "/proc/$pid/cgroup")" /chosen/below/it
    remove c1
    eq "$(groups_of it | grep /chosen/below/it)" ""
    find /sys/fs/cgroup -depth -path '*/chosen*' -type d -exec rmdir {} +
}

test_memory_above_the_limit_ends_the_container_with_137() {
    ctr events >"$T/events" 2>&1 &
    local listener=$!
    ok start_with -d --memory-limit 33554432 $IMAGE c1 sh -c 'x=a; while :; do x=$x$x; done'
    within 20 is_status c1 STOPPED
    remove c1
    eq $exited 137
    within 20 grep -q /tasks/oom "$T/events"
    kill $listener
}

test_folders_are_mounted_with_their_options() {
    mkdir "$T/given"
    echo inside >"$T/given/file"
    ok start_with --rm --mount "type=bind,src=$T/given,dst=/given,options=rbind:ro" --mount "type=bind,src=$T/given,dst=/other/place,options=rbind:rw" \
        --mount type=tmpfs,src=tmpfs,dst=/memory,options=size=1m:mode=700 $IMAGE c1 \
        sh -c 'cat /given/file; echo x >/given/new; echo x >/other/place/new && stat -c %a /memory; df -k /memory | tail -1 | awk "{ print \$2 }"'
    eq "$out" "inside
700
1024"
    has "$err" "Read-only file system"
    eq "$(cat "$T/given/new")" x
}

test_a_mount_whose_source_is_missing_is_named() {
    ends 1 start_with --rm --mount "type=bind,src=$T/missing,dst=/given,options=rbind" $IMAGE c1 true
    is_missing "$err" "$T/missing"
}

test_a_read_only_container_keeps_its_own_mounts_writable() {
    ok start_with --rm --read-only --mount type=tmpfs,src=tmpfs,dst=/tmp $IMAGE c1 sh -c 'touch /file; touch /tmp/file /dev/shm/file && echo done'
    has "$err" "Read-only file system"
    eq "$out" done
}

test_mounts_of_the_host_appear_in_a_container_that_is_a_slave() {
    mkdir "$T/given"
    mount -t tmpfs given "$T/given" && mount --make-shared "$T/given" && mkdir "$T/given/late" || fail mount
    start_box c1 --rootfs-propagation rslave --mount "type=bind,src=$T/given,dst=/given,options=rbind:rslave"
    mount -t tmpfs late "$T/given/late"
    local seen
    seen=$(grep -c ' /given/late ' "/proc/$pid/mounts")
    umount "$T/given/late"
    umount "$T/given"
    eq "$seen" 1
    remove c1
}

test_users_and_groups_are_those_asked_for() {
    ok start_with --rm --user app $IMAGE c1 sh -c 'id -u; id -g; touch /home/app/file && echo own'
    eq "$out" "1000
1000
own"
    ok start_with --rm --user 1234:4321 $IMAGE c2 sh -c 'id -u; id -g; touch /root/file; true'
    eq "$out" "1234
4321"
    has "$err" "Permission denied"
    start_box c3
    ask --user app c3 id -un
    eq "$out" app
    remove c3
}

test_the_environment_the_folder_and_the_name_are_those_asked_for() {
    printf 'SECOND=2 2\n' >"$T/env"
    ok start_with --rm --env FIRST=1 --env-file "$T/env" --cwd /var/www --hostname boxer $IMAGE c1 sh -c 'echo $FIRST $SECOND; pwd; hostname'
    eq "$out" "1 2 2
/var/www
boxer"
    ok start_with --rm --cwd /made/for/it $IMAGE c2 pwd
    eq "$out" /made/for/it
}

test_capabilities_are_added_and_dropped() {
    ok start_with --rm --cap-add CAP_SYS_TIME --cap-drop CAP_CHOWN $IMAGE c1 sh -c 'awk "/^Cap/ { print \$2 }" /proc/self/status; chown 1 /etc/passwd; true'
    local caps
    mapfile -t caps <<<"$out"
    eq "$((16#${caps[1]} >> 25 & 1)) $((16#${caps[1]} & 1)) $((16#${caps[2]} & 1)) $((16#${caps[3]} & 1))" "1 0 0 0"
    has "$err" "Operation not permitted"
}

test_a_privileged_container_has_all_rights_and_devices() {
    ok start_with --rm --privileged $IMAGE c1 sh -c 'awk "/^(CapEff|Seccomp:)/ { print \$2 }" /proc/self/status; ls -l /dev/full | cut -c1; touch /proc/sys/kernel/msgmax && echo writable; mount -t tmpfs x /tmp && echo mounted'
    eq "$out" "$(awk '/^CapBnd/ { print $2 }' /proc/self/status)
0
c
writable
mounted"
    ok start_with --rm $IMAGE c2 sh -c 'touch /proc/sys/kernel/msgmax; mount -t tmpfs x /tmp; true'
    has "$err" "Read-only file system"
}

test_new_privileges_are_refused_unless_allowed() {
    ok start_with --rm $IMAGE c1 grep NoNewPrivs /proc/self/status
    matches "$out" '1$'
    ok start_with --rm --allow-new-privs $IMAGE c2 grep NoNewPrivs /proc/self/status
    matches "$out" '0$'
}

test_a_seccomp_profile_is_loaded() {
    ok start_with --rm --seccomp $IMAGE c1 sh -c 'grep ^Seccomp: /proc/self/status; unshare -U true; true'
    matches "$out" '2$'
    has "$err" "Operation not permitted"
    echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}' >"$T/profile"
    ok start_with --rm --seccomp --seccomp-profile "$T/profile" $IMAGE c2 sh -c 'grep ^Seccomp: /proc/self/status; mkdir /folder; true'
    matches "$out" '2$'
    has "$err" "No space left on device"
    ok start_with --rm $IMAGE c3 grep ^Seccomp: /proc/self/status
    matches "$out" '0$'
}

test_a_device_of_the_host_can_be_used_and_others_cannot() {
    ok start_with --rm --device /dev/fuse --cap-add CAP_MKNOD $IMAGE c1 sh -c ': </dev/fuse && echo given; mknod /tmp/kmsg c 1 11 && echo made; cat /tmp/kmsg; true'
    eq "$out" $'given\nmade'
    has "$err" "Operation not permitted"
}

test_a_folder_is_a_root() {
    unpack_box
    echo mine >"$T/files/etc/mine"
    ok start_with --rm --rootfs "$T/files" c1 /bin/cat /etc/mine
    eq "$out" mine
    ok start_with --rm --rootfs --no-pivot "$T/files" c2 /bin/cat /etc/mine
    eq "$out" mine
}

test_namespaces_of_another_container_are_joined() {
    start_box c1
    ok start_with --rm --with-ns "network:/proc/$pid/ns/net" --with-ns "pid:/proc/$pid/ns/pid" --with-ns "ipc:/proc/$pid/ns/ipc" $IMAGE c2 \
        sh -c 'readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; cat /proc/1/comm'
    eq "$out" "$(readlink "/proc/$pid/ns/net" "/proc/$pid/ns/ipc")
sleep"
    remove c1
}

test_the_network_of_the_host_is_used_if_asked_for() {
    ok start_with --rm --net-host $IMAGE c1 readlink /proc/self/ns/net
    eq "$out" "$(readlink /proc/self/ns/net)"
    ok start_with --rm $IMAGE c2 readlink /proc/self/ns/net
    ne "$out" "$(readlink /proc/self/ns/net)"
}

test_a_user_namespace_maps_its_root_to_another_user() {
    start_box c1 --uidmap 0:100000:65536 --gidmap 0:200000:65536
    eq "$(awk '{ print $1, $2, $3 }' "/proc/$pid/uid_map" "/proc/$pid/gid_map")" "0 100000 65536
0 200000 65536"
    eq "$(stat -c '%u %g' "/proc/$pid/root/proc/1" 2>/dev/null)" "100000 200000"
    ask c1 sh -c 'id -u; touch /root/file && stat -c %u:%g /root/file /home/app'
    eq "$out" "0
0:0
1000:1000"
    eq "$(stat -c %u:%g "/proc/$pid/root/root/file")" 100000:200000
    remove c1
}

test_exec_has_its_own_exit_code_input_folder_and_terminal() {
    start_box c1
    ends 3 ctr tasks exec --exec-id e1 c1 sh -c 'exit 3'
    ends 137 ctr tasks exec --exec-id e2 c1 sh -c 'kill -KILL $$'
    ask --cwd /var/www c1 pwd
    eq "$out" /var/www
    ok ctr tasks exec --exec-id e4 c1 cat <<<"to the command"
    eq "$out" "to the command"
    on_terminal ctr tasks exec -t --exec-id e5 c1 sh -c 'tty; until stty size 2>/dev/null | grep -v "^0 0"; do sleep 0.1; done; exit 9'
    eq "$code $out" "9 /dev/pts/0
33 77"
    remove c1
}

test_exec_names_a_missing_command() {
    start_box c1
    ends 1 ctr tasks exec --exec-id e1 c1 no-such-command
    is_missing "$err" no-such-command
    ends 1 ctr tasks exec --exec-id e2 c1 /etc/passwd
    is_forbidden "$err" /etc/passwd
    ends 1 ctr tasks exec --exec-id e3 --cwd /no/folder c1 true
    is_missing "$err" /no/folder
    ok ctr tasks exec --exec-id e4 c1 true
    remove c1
}

test_a_detached_exec_is_seen_and_killed_by_its_name() {
    start_box c1
    ok ctr tasks exec -d --exec-id e1 c1 sleep 1000
    has "$(ctr tasks ps c1)" e1
    local inner
    inner=$(pgrep -P "$(cut -d' ' -f4 "/proc/$pid/stat")" -x sleep | grep -vx "$pid")
    eq "$(cut -d: -f2- "/proc/$inner/cgroup")" "$(cut -d: -f2- "/proc/$pid/cgroup")" "the groups of an exec"
    ok ctr tasks kill --exec-id e1 -s TERM c1
    within 20 test ! -e "/proc/$inner"
    is_status c1 RUNNING || fail "the container has ended with an exec"
    remove c1
}

test_a_container_that_ignores_TERM_is_ended_by_KILL() {
    ok start_with -d $IMAGE c1 sh -c 'trap "" TERM; while :; do sleep 0.1; done'
    pid=$(task_pid c1)
    within 20 has_ignored TERM
    ok ctr tasks kill -s TERM c1
    sleep 0.3
    eq "$(status c1)" RUNNING
    ok ctr tasks kill -s KILL c1
    within 20 is_status c1 STOPPED
    remove c1
    eq $exited 137
}
has_ignored() { (((16#$(awk '/^SigIgn/ { print $2 }' "/proc/$pid/status") >> ($(kill -l "$1") - 1)) & 1)); }
has_caught() { (((16#$(awk '/^SigCgt/ { print $2 }' "/proc/$pid/status") >> ($(kill -l "$1") - 1)) & 1)); }

test_a_signal_reaches_the_command_that_waits_for_it() {
    ok start_with -d $IMAGE c1 sh -c 'trap "exit 5" TERM; trap "echo usr1 >/signals" USR1; while :; do sleep 0.1; done'
    pid=$(task_pid c1)
    within 20 has_caught TERM
    ok ctr tasks kill -s SIGUSR1 c1
    within 20 test -s "/proc/$pid/root/signals"
    remove c1 TERM
    eq $exited 5
}

test_a_signal_for_all_reaches_every_process() {
    ok start_with -d $IMAGE c1 sh -c 'trap "" TERM; sh -c "trap \"exit 0\" TERM; while :; do sleep 0.1; done"; exit 4'
    pid=$(task_pid c1)
    within 20 has_ignored TERM
    within 20 pgrep -P "$pid"
    ok ctr tasks kill --all -s KILL c1
    remove c1
    eq $exited 137
}

test_a_signal_for_a_container_that_has_ended_is_said() {
    ok start_with -d $IMAGE c1 true
    within 20 is_status c1 STOPPED
    ends 1 ctr tasks kill -s TERM c1
    matches "$err" 'not found|already finished|not running'
    remove c1
}

test_a_paused_container_stands_still_and_goes_on() {
    ok start_with -d $IMAGE c1 sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/count; done'
    pid=$(task_pid c1)
    within 20 test -e "/proc/$pid/root/count"
    ok ctr tasks pause c1
    eq "$(status c1)" PAUSED
    local before
    before=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
    sleep 0.5
    eq "$(awk '{ print $14 + $15 }' "/proc/$pid/stat")" "$before" "CPU time of a paused container"
    call ctr tasks exec --exec-id e1 c1 true
    [ $code != 0 ] || fail "exec in a paused container"
    has "$err" paused
    ok ctr tasks resume c1
    eq "$(status c1)" RUNNING
    within 20 goes_on "$before"
    remove c1
}
goes_on() { [ "$(awk '{ print $14 + $15 }' "/proc/$pid/stat")" -gt "$1" ]; }

test_a_paused_container_is_killed() {
    start_box c1
    ok ctr tasks pause c1
    ok ctr tasks kill -s KILL c1
    [ "$(layout)" = v2 ] || call ctr tasks resume c1
    within 20 is_status c1 STOPPED
    remove c1
    eq $exited 137
}

test_metrics_and_processes_are_those_of_the_group() {
    start_box c1 --memory-limit 67108864
    ok ctr tasks exec -d --exec-id e1 c1 sleep 1000
    ok ctr tasks metrics c1
    matches "$out" '(memory.hierarchical_memory_limit|memory.usage_limit|memory.max) +67108864|67108864'
    matches "$out" 'pids.current +2 *$'
    ok ctr tasks ps c1
    eq "$(awk 'NR > 1 { print $1 }' <<<"$out" | sort -n)" "$(pgrep -P "$(cut -d' ' -f4 "/proc/$pid/stat")" -x sleep | sort -n)"
    remove c1
}

test_orphans_of_a_container_in_the_hosts_pid_namespace_end_with_it() {
    ok start_with -d --with-ns pid:/proc/1/ns/pid $IMAGE c1 sh -c 'sleep 4321 & until [ -e /go ]; do sleep 0.1; done'
    within 20 sleepers 4321
    touch "/proc/$(task_pid c1)/root/go"
    within 20 is_status c1 STOPPED
    within 20 no_sleepers 4321
    remove c1
}

test_hooks_get_the_state_and_a_failed_one_ends_the_creation() {
    unpack_box
    edited_spec "
spec['root'] = {'path': '$T/files'}
hook = lambda name, line: [{'path': '/bin/sh', 'args': ['given-name', '-c', line, name], 'env': ['FROM=the configuration']}]
spec['annotations'] = {'of.the.user': 'value'}
spec['hooks'] = {name: hook(name, 'cat >$T/' + name + '; echo \$FROM >>$T/' + name) for name in ('createRuntime', 'poststart', 'poststop')}"
    ok start_with -d -c "$T/config.json" c1
    matches "$(cat "$T/createRuntime")" '"of.the.user": *"value"'
    has "$(cat "$T/createRuntime")" "the configuration"
    exists "$T/poststart"
    absent "$T/poststop"
    remove c1
    exists "$T/poststop"
    edited_spec "
spec['root'] = {'path': '$T/files'}
spec['hooks'] = {'createRuntime': [{'path': '/bin/sh', 'args': ['sh', '-c', 'echo the network is full >&2; exit 3']}]}"
    ends 1 start_with -d -c "$T/config.json" c2
    has "$err" "the network is full"
    call ctr containers rm c2
}

test_a_checkpoint_is_restored() {
    needs_criu
    ok start_with -d $IMAGE c1 sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/count; sleep 0.1; done'
    pid=$(task_pid c1)
    within 20 test -e "/proc/$pid/root/count"
    ok ctr containers checkpoint --rw --image --task c1 localhost/saved:1
    remove c1
    ok ctr containers restore --rw --live c1 localhost/saved:1
    within 20 is_status c1 RUNNING
    remove c1
    ok ctr images rm localhost/saved:1
}

test_50_containers_run_at_once() {
    # timeout_s: 150
    local i started=()
    for i in $(seq 50); do start_with -d $IMAGE "many$i" sleep 100000 >"$T/start$i" 2>&1 & started+=($!); done
    for i in "${started[@]}"; do wait "$i" || fail "one of 50 has not started: $(cat "$T"/start*)"; done
    eq "$(ctr tasks ls | grep -c RUNNING)" 50
    for i in $(seq 50); do (T=$T/own$i; mkdir "$T"; remove "many$i") >"$T/stop$i" 2>&1 & started[i - 1]=$!; done
    for i in "${started[@]}"; do wait "$i" || fail "one of 50 has not ended: $(cat "$T"/stop*)"; done
}

test_what_a_killed_shim_leaves_is_removed() {
    start_box c1
    exists "$STATES/c1"
    kill -KILL "$(pgrep -f 'containerd-shim.* -id c1')"
    within 20 test ! -e "/proc/$pid"
    within 20 test ! -e "$STATES/c1"
    eq "$(groups_of c1)" ""
    call ctr tasks rm -f c1
    ok ctr containers rm c1
}

test_a_container_survives_a_restart_of_the_engine() {
    ok start_with -d $IMAGE c1 sh -c 'trap "exit 6" TERM; while :; do sleep 0.1; done'
    pid=$(task_pid c1)
    within 20 has_caught TERM
    engine_stop
    exists "/proc/$pid"
    containerd_start || fail "containerd has not started again"
    eq "$(status c1) $(task_pid c1)" "RUNNING $pid"
    ask c1 echo hello
    eq "$out" hello
    remove c1 TERM
    eq $exited 6
}

# A shim without a process is taken for one that has been forgotten when containerd starts: the exit code goes with it.
test_a_container_that_ends_while_the_engine_is_down_is_cleaned_up_afterwards() {
    ok start_with -d $IMAGE c1 sh -c 'trap "exit 8" TERM; while :; do sleep 0.1; done'
    pid=$(task_pid c1)
    within 20 has_caught TERM
    engine_stop
    kill -TERM "$pid"
    within 20 test ! -e "/proc/$pid"
    containerd_start || fail "containerd has not started again"
    within 20 test ! -e "$STATES/c1"
    eq "$(groups_of c1)$(status c1)" ""
    ok ctr containers rm c1
}

test_the_features_of_the_runtime_are_told() {
    ok ctr plugins inspect-runtime --runtime=io.containerd.runc.v2 --runc-binary="$RUNTIME_PATH"
    python3 -c "
import json, sys
features = json.load(open('$T/.out'))['Features']
assert features['ociVersionMin'] and 'bind' in features['mountOptions'] and 'rro' in features['mountOptions']
linux = features['linux']
assert 'user' in linux['namespaces'] and 'CAP_CHOWN' in linux['capabilities'] and linux['mountExtensions']['idmap']['enabled']
assert linux['cgroup']['v1'] and linux['cgroup']['v2'] and linux['seccomp']['enabled'] and linux['apparmor']['enabled']
" 2>"$T/why" || fail "features: $(tail -1 "$T/why"): $out"
}
