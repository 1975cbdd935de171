# The Container Runtime Interface of containerd, as a kubelet speaks it: its calls of the runtime.

. "$ENGINES/cri.sh"

test_a_pod_is_run_stopped_and_removed_and_each_may_be_said_twice() {
    run_pod p1
    local id="{\"pod_sandbox_id\": \"$pod\"}"
    eq "$(cri PodSandboxStatus "$id" status.state) $(cri PodSandboxStatus "$id" status.runtime_handler)" "SANDBOX_READY tested"
    eq "$(cat "/proc/$(pid_of "$pod")/comm")" pause
    run_container c1
    ok cri StopPodSandbox "$id"
    ok cri StopPodSandbox "$id"
    eq "$(cri PodSandboxStatus "$id" status.state) $(field state)" "SANDBOX_NOTREADY CONTAINER_EXITED"
    remove
    remove
    ok cri RemovePodSandbox "$id"
    ok cri RemovePodSandbox "$id"
}

test_output_goes_to_the_log_in_the_form_of_the_kubelet() {
    run_pod p1
    run_script c1 'echo to the output; echo to the errors >&2; printf unfinished'
    ended
    sort -k2 "$T/logs/c1.log" >"$T/sorted"
    matches "$(sed -n 1p "$T/sorted")" '^[0-9-]{10}T[0-9:.]+(Z|[+-][0-9:]+) stderr F to the errors$'
    eq "$(grep -c 'stdout F to the output' "$T/sorted") $(grep -cE 'stdout [PF] unfinished' "$T/sorted")" "1 1"
    eq "$(field exit_code) $(field reason)" "0 Completed"
    run_script c2 'for i in 1 2 3; do tty; done; seq 3' '{"tty": true}'
    ended
    has "$(cat "$T/logs/c2.log")" "stdout F /dev/pts/0"
    remove_pod
}

test_a_log_is_opened_anew_after_it_has_been_moved() {
    run_pod p1
    run_script c1 'while :; do echo line; sleep 0.1; done'
    within 20 test -s "$T/logs/c1.log"
    mv "$T/logs/c1.log" "$T/logs/old"
    ok cri ReopenContainerLog "{\"container_id\": \"$ctr\"}"
    within 20 grep -q line "$T/logs/c1.log"
    remove_pod
}

test_exec_has_an_exit_code_two_outputs_and_a_limit_of_time() {
    run_pod p1
    run_container c1
    ends 3 cri exec "$ctr" 10 sh -c 'echo out; echo err >&2; exit 3'
    eq "$out $err" "out err"
    ends 137 cri exec "$ctr" 10 sh -c 'kill -KILL $$'
    ends 125 cri exec "$ctr" 1 sleep 4321
    has "$err" "DEADLINE_EXCEEDED"
    within 20 no_sleepers 4321
    ends 125 cri exec "$ctr" 10 no-such-command
    is_missing "$err" no-such-command
    remove_pod
}
test_exec_streams_with_a_terminal_and_without() {
    run_pod p1
    run_container c1
    ends 4 cri stream "$ctr" plain sh -c 'read line; echo "out $line"; echo err >&2; exit 4' <<<"from outside"
    eq "$out $err" "out from outside err"
    ends 0 cri stream "$ctr" tty sh -c 'stty -echo; tty; until [ "$(stty size 2>/dev/null)" = "33 77" ]; do sleep 0.1; done; read line; echo "$line"' <<<"typed"
    eq "$(tr -d '\r' <<<"$out" | sed '/^typed$/d') $(grep -c typed <<<"$out" | sed 's/2/1/')" "/dev/pts/0 1"
    ends 125 cri stream "$ctr" plain no-such-command <<<""
    is_missing "$err" no-such-command
    remove_pod
}


test_20_probes_in_a_row_succeed() {
    local i start=${EPOCHREALTIME/./}
    run_pod p1
    run_container c1
    for i in $(seq 20); do ok cri exec "$ctr" 10 true; done
    echo "20 probes: $(((${EPOCHREALTIME/./} - start) / 1000)) ms"
    eq "$(limit_of "$(pid_of "$ctr")" pids cgroup.procs cgroup.procs | wc -l)" 1 "processes after the probes"
    remove_pod
}

test_a_command_that_cannot_start_is_told_with_its_reason() {
    run_pod p1
    ok cri container "$pod" c1 '{"command": ["/no/such/command"]}'
    ctr=$out
    ends 125 cri StartContainer "{\"container_id\": \"$ctr\"}"
    is_missing "$err" /no/such/command
    eq "$(field state) $(field exit_code) $(field reason)" "CONTAINER_EXITED 128 StartError"
    is_missing "$(field message)" /no/such/command
    remove_pod
}

test_exit_codes_and_reasons_are_told() {
    run_pod p1
    run_script c1 'exit 7'
    ended
    eq "$(field exit_code) $(field reason)" "7 Error"
    remove
    run_script c1 'echo again' '{"metadata": {"name": "c1", "attempt": 1}}'
    ended
    eq "$(field exit_code) $(field metadata.attempt)" "0 1"
    remove_pod
}

test_a_container_is_asked_to_stop_and_then_killed() {
    run_pod p1
    run_script c1 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
    within 20 grep -q ready "$T/logs/c1.log"
    stop 1
    at_least "$took_ms" 900
    eq "$(field exit_code)" 137
    run_script c2 'trap "exit 5" TERM; echo ready; while :; do sleep 0.1; done'
    within 20 grep -q ready "$T/logs/c2.log"
    stop 20
    eq "$(field exit_code)" 5
    stop 0
    remove_pod
}

test_a_container_that_runs_is_removed_by_force() {
    run_pod p1
    run_container c1
    remove
    eq "$(groups_of "$ctr")" ""
    remove_pod
}

test_containers_of_a_pod_share_what_the_pod_shares() {
    local name init
    run_pod p1 '{"hostname": "in-the-pod", "linux": {"security_context": {"namespace_options": {"network": "POD", "pid": "POD"}}}}'
    init=$(pid_of "$pod")
    run_container c1
    for name in net ipc uts pid; do eq "$(readlink "/proc/$(pid_of "$ctr")/ns/$name")" "$(readlink "/proc/$init/ns/$name")" $name; done
    ne "$(readlink "/proc/$init/ns/net")" "$(readlink /proc/self/ns/net)"
    inside 'cat /proc/1/comm; hostname; cat /etc/hostname; ps | grep -c "[s]leep 100000"'
    eq "$out" "pause
in-the-pod
in-the-pod
1"
    run_container c2
    inside 'ps | grep -c "[s]leep 100000"; kill $(ps | awk "/[s]leep 100000/ { print \$1 }")'
    eq "$out" 2
    ended
    remove_pod
}

test_a_container_may_have_processes_of_its_own_of_another_or_of_the_machine() {
    run_pod p1
    run_container target
    local target=$ctr
    inside 'cat /proc/1/comm'
    eq "$out" sleep
    run_container debugger "{\"linux\": {\"security_context\": {\"namespace_options\": {\"network\": \"NODE\", \"pid\": \"TARGET\", \"target_id\": \"$target\"}}}}"
    eq "$(readlink "/proc/$(pid_of "$ctr")/ns/pid")" "$(readlink "/proc/$(pid_of "$target")/ns/pid")"
    remove_pod
    run_pod p2 '{"linux": {"security_context": {"namespace_options": {"pid": "NODE", "ipc": "NODE"}}}}'
    run_script c1 'sleep 4322 & echo $! ready; sleep 100000'
    within 20 grep -q ready "$T/logs/c1.log"
    eq "$(for name in pid ipc net; do readlink "/proc/$(pid_of "$ctr")/ns/$name"; done)" "$(for name in pid ipc net; do readlink "/proc/self/ns/$name"; done)"
    stop 0
    within 20 no_sleepers 4322
    remove_pod
}

test_a_pod_has_an_address_and_serves() {
    run_pod p1 '{"dns_config": {"servers": ["10.9.8.7"], "searches": ["tested.local"]}, "linux": {"security_context": {"namespace_options": {"network": "POD"}}}}'
    local address
    address=$(cri PodSandboxStatus "{\"pod_sandbox_id\": \"$pod\"}" status.network.ip)
    run_container c1 '{"command": ["httpd", "-f", "-p", "8080", "-h", "/var/www"]}'
    within 20 curl -sf "http://$address:8080/"
    eq "$(curl -sf "http://$address:8080/")" "hello from the box"
    inside 'cat /etc/resolv.conf'
    eq "$(grep -v '^$' <<<"$out")" "search tested.local
nameserver 10.9.8.7"
    remove_pod
}

MAPS='"uids": [{"host_id": 300000, "container_id": 0, "length": 65536}], "gids": [{"host_id": 300000, "container_id": 0, "length": 65536}]'
test_a_pod_without_the_users_of_the_host_has_its_own_numbers_and_the_hosts_files() {
    mkdir "$T/given"
    chmod 777 "$T/given"
    run_pod p1 "{\"linux\": {\"security_context\": {\"namespace_options\": {\"network\": \"POD\", \"userns_options\": {\"mode\": \"POD\", $MAPS}}}}}"
    eq "$(awk '{ print $1, $2, $3 }' "/proc/$(pid_of "$pod")/uid_map")" "0 300000 65536"
    run_container c1 "{\"mounts\": [{\"container_path\": \"/given\", \"host_path\": \"$T/given\", \"uidMappings\": [{\"host_id\": 300000, \"container_id\": 0, \"length\": 65536}], \"gidMappings\": [{\"host_id\": 300000, \"container_id\": 0, \"length\": 65536}]}]}"
    eq "$(awk '{ print $1, $2, $3 }' "/proc/$(pid_of "$ctr")/gid_map")" "0 300000 65536"
    eq "$(readlink "/proc/$(pid_of "$ctr")/ns/user")" "$(readlink "/proc/$(pid_of "$pod")/ns/user")"
    inside 'id -u; stat -c %u:%g /root /home/app; touch /given/file && stat -c %u /given/file; cat /proc/sys/kernel/hostname >/dev/null'
    eq "$out" "0
0:0
1000:1000
0"
    eq "$(stat -c %u:%g "$T/given/file")" 0:0 "the owner of a file on the host"
    eq "$(stat -c %u "/proc/$(pid_of "$ctr")/root/root")" 300000
    remove_pod
}

test_limits_are_set_and_changed_while_a_container_runs() {
    run_pod p1
    local pid cpu_0='' both=''
    ! has_cpuset || cpu_0=', "cpuset_cpus": "0"' both=', "cpuset_cpus": "0-1"'
    run_container c1 "{\"linux\": {\"resources\": {\"cpu_period\": 100000, \"cpu_quota\": 20000, \"cpu_shares\": 512, \"memory_limit_in_bytes\": 67108864, \"oom_score_adj\": 500$cpu_0}}}"
    pid=$(pid_of "$ctr")
    limits() {
        [ "$(layout)" = v2 ] && limit_of "$pid" - - cpu.max || echo "$(limit_of "$pid" cpu cpu.cfs_quota_us -) $(limit_of "$pid" cpu cpu.cfs_period_us -)"
        limit_of "$pid" memory memory.limit_in_bytes memory.max
    }
    eq "$(limits)" $'20000 100000\n67108864'
    is_on_cpus "$pid" 0
    eq "$(cat "/proc/$pid/oom_score_adj")" 500
    [ "$(layout)" = v2 ] || eq "$(limit_of "$pid" cpu cpu.shares -)" 512
    ok cri UpdateContainerResources "{\"container_id\": \"$ctr\", \"linux\": {\"cpu_period\": 50000, \"cpu_quota\": 25000, \"cpu_shares\": 1024, \"memory_limit_in_bytes\": 134217728, \"memory_swap_limit_in_bytes\": 134217728$both}}"
    eq "$(limits)" $'25000 50000\n134217728'
    is_on_cpus "$pid" 0-1
    eq "$(field resources.linux.memory_limit_in_bytes) $(field resources.linux.cpu_quota)" "134217728 25000"
    inside 'echo "it still runs"'
    ok cri UpdateContainerResources "{\"container_id\": \"$ctr\", \"linux\": {\"memory_limit_in_bytes\": 33554432, \"memory_swap_limit_in_bytes\": 33554432}}"
    eq "$(limits)" $'25000 50000\n33554432'
    is_on_cpus "$pid" 0-1
    call cri UpdateContainerResources "{\"container_id\": \"$ctr\", \"linux\": {\"cpuset_cpus\": \"4000\"}}"
    [ $code != 0 ] || fail "a processor that is not there"
    is_on_cpus "$pid" 0-1
    remove_pod
}

test_memory_above_the_limit_is_told_as_OOMKilled() {
    run_pod p1
    run_script c1 'x=a; while :; do x=$x$x; done' '{"linux": {"resources": {"memory_limit_in_bytes": 33554432, "memory_swap_limit_in_bytes": 33554432}}}'
    ended
    eq "$(field exit_code)" 137
    ! group_outlives_its_end || eq "$(field reason)" OOMKilled
    remove_pod
}

security() { echo "{\"linux\": {\"security_context\": {$1}}}"; } # JSON
test_users_and_groups_are_those_asked_for() {
    run_pod p1
    run_container c1 "$(security '"run_as_user": {"value": 1000}, "supplemental_groups": [3000]')"
    inside 'id -u; id -g; id -G'
    eq "$out" "1000
1000
1000 2000 3000"
    eq "$(field user.linux.uid)" 1000
    run_container c2 "$(security '"run_as_user": {"value": 1000}, "supplemental_groups": [3000], "supplemental_groups_policy": "Strict"')"
    inside 'id -G'
    eq "$out" "1000 3000"
    run_container c3 "$(security '"run_as_username": "app", "run_as_group": {"value": 4000}')"
    inside 'id -u; id -g; echo $HOME'
    eq "$out" "1000
4000
/home/app"
    remove_pod
}

capabilities() { inside "awk '/^Cap/ { print \$2 }' /proc/self/status"; }
test_capabilities_are_added_and_dropped() {
    run_pod p1
    run_container c1 "$(security '"capabilities": {"add_capabilities": ["SYS_TIME"], "drop_capabilities": ["CHOWN"]}')"
    capabilities
    local caps
    mapfile -t caps <<<"$out"
    eq "$((16#${caps[1]} >> 25 & 1)) $((16#${caps[2]} >> 25 & 1)) $((16#${caps[2]} & 1)) $((16#${caps[3]} & 1))" "1 1 0 0"
    run_container c2 "$(security '"capabilities": {"add_capabilities": ["NET_BIND_SERVICE"], "drop_capabilities": ["ALL"]}')"
    capabilities
    eq "$out" "0000000000000000
0000000000000400
0000000000000400
0000000000000400
0000000000000000"
    run_container c3 "$(security '"capabilities": {"add_capabilities": ["ALL"]}')"
    capabilities
    eq "$(sed -n 3p <<<"$out")" "$(awk '/^CapBnd/ { print $2 }' /proc/self/status)"
    remove_pod
}

test_privileged_containers_have_all_rights_in_a_privileged_pod() {
    run_pod p1 "$(security '"privileged": true')"
    run_container c1 "$(security '"privileged": true')"
    inside 'awk "/^(CapEff|Seccomp:)/ { print \$2 }" /proc/self/status; touch /proc/sys/kernel/msgmax && : </dev/full && mount -t tmpfs x /tmp && echo all'
    eq "$out" "$(awk '/^CapBnd/ { print $2 }' /proc/self/status)
0
all"
    run_container c2
    ends 1 cri exec "$ctr" 10 mount -t tmpfs x /tmp
    remove_pod
}

test_new_privileges_and_writes_to_the_root_are_refused_if_asked_for() {
    run_pod p1
    run_container c1 "$(security '"no_new_privs": true, "readonly_rootfs": true')"
    inside 'grep NoNewPrivs /proc/self/status; touch /file || touch /dev/shm/file && echo own'
    has "$out" "1
own"
    has "$err" "Read-only file system"
    run_container c2
    inside 'grep NoNewPrivs /proc/self/status; touch /file'
    matches "$out" '0$'
    remove_pod
}

test_seccomp_profiles_are_loaded() {
    local profile
    echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}' >"$T/profile"
    run_pod p1 "$(security '"seccomp": {"profile_type": "RuntimeDefault"}')"
    matches "$(grep ^Seccomp: "/proc/$(pid_of "$pod")/status")" '2$' "the pod's own process"
    for profile in RuntimeDefault:2 Unconfined:0; do
        run_container "of-${profile%:*}" "$(security "\"seccomp\": {\"profile_type\": \"${profile%:*}\"}")"
        inside 'grep ^Seccomp: /proc/self/status; unshare -U true; true'
        matches "$out" "${profile#*:}\$" "$profile"
        [ "$profile" = Unconfined:0 ] || has "$err" "Operation not permitted"
    done
    run_container own "$(security "\"seccomp\": {\"profile_type\": \"Localhost\", \"localhost_ref\": \"$T/profile\"}")"
    inside 'grep ^Seccomp: /proc/self/status; mkdir /folder; true'
    matches "$out" '2$'
    has "$err" "No space left on device"
    ends 125 cri container "$pod" none "$(security "\"seccomp\": {\"profile_type\": \"Localhost\", \"localhost_ref\": \"$T/missing\"}")"
    remove_pod
}

test_an_apparmor_profile_confines() {
    grep -q '^Y' /sys/module/apparmor/parameters/enabled 2>/dev/null || skip "this kernel has no AppArmor"
    run_pod p1
    run_container c1 "$(security '"apparmor": {"profile_type": "RuntimeDefault"}')"
    has "$(cat "/proc/$(pid_of "$ctr")/attr/apparmor/current")" "cri-containerd.apparmor.d (enforce)"
    ends 125 cri container "$pod" c2 "$(security '"apparmor": {"profile_type": "Localhost", "localhost_ref": "no-such-profile"}')"
    remove_pod
}

test_paths_are_masked_and_read_only_as_asked_for() {
    run_pod p1
    run_container c1 "$(security '"masked_paths": ["/etc/passwd", "/var/www", "/not/there"], "readonly_paths": ["/home"]')"
    inside 'wc -c </etc/passwd; ls /var/www; touch /home/file || touch /root/file && echo own'
    eq "$out" "0
own"
    has "$err" "Read-only file system"
    remove_pod
}

mount_of() { echo "{\"mounts\": [{\"container_path\": \"/given\", \"host_path\": \"$T/given\"$1}]}"; } # JSON
test_mounts_are_read_only_down_to_the_last_if_asked_for() {
    mkdir "$T/given"
    mount -t tmpfs below "$T/given" && mkdir "$T/given/below" && mount -t tmpfs below "$T/given/below" || fail mount
    run_pod p1
    run_container c1 "$(mount_of ', "readonly": true')"
    inside 'touch /given/file || touch /given/below/file && echo below'
    eq "$out" below
    run_container c2 "$(mount_of ', "readonly": true, "recursive_read_only": true')"
    ends 1 cri exec "$ctr" 10 touch /given/below/file
    has "$err" "Read-only file system"
    ends 125 cri container "$pod" c3 "$(mount_of ', "recursive_read_only": true')"
    remove_pod
    umount -R "$T/given"
}

test_mounts_travel_between_host_and_container_as_asked_for() {
    mkdir "$T/given"
    mount -t tmpfs given "$T/given" && mount --make-shared "$T/given" && mkdir "$T/given/"{late,own} || fail mount
    run_pod p1 "$(security '"privileged": true')"
    run_container private "$(mount_of '')"
    local private=$ctr slave
    run_container slave "$(mount_of ', "propagation": "PROPAGATION_HOST_TO_CONTAINER"')"
    slave=$ctr
    run_container shared "{\"mounts\": [{\"container_path\": \"/given\", \"host_path\": \"$T/given\", \"propagation\": \"PROPAGATION_BIDIRECTIONAL\"}], \"linux\": {\"security_context\": {\"privileged\": true}}}"
    mount -t tmpfs late "$T/given/late"
    inside 'mount -t tmpfs own /given/own && grep -c " /given/late " /proc/mounts'
    eq "$out" 1
    grep -q " $T/given/own " /proc/mounts || fail "a mount in the container does not reach the host"
    ctr=$slave
    inside 'grep -c " /given/[lo]" /proc/mounts'
    eq "$out" 2
    ctr=$private
    inside 'grep -c " /given/[lo]" /proc/mounts || true'
    eq "$out" 0
    umount "$T/given/own" "$T/given/late"
    remove_pod
    umount "$T/given"
}

test_an_image_is_mounted_as_a_volume() {
    run_pod p1
    run_container c1 '{"mounts": [{"container_path": "/volume", "image": {"image": "localhost/box:1"}, "readonly": true}]}'
    inside 'cat /volume/var/www/index.html; touch /volume/file; true'
    eq "$out" "hello from the box"
    has "$err" "Read-only file system"
    remove_pod
}

test_devices_the_environment_and_the_folder_are_those_asked_for() {
    run_pod p1
    run_container c1 '{"devices": [{"container_path": "/dev/own-fuse", "host_path": "/dev/fuse", "permissions": "rw"}], "envs": [{"key": "FIRST", "value": "MSAx"}], "working_dir": "/made/for/it"}'
    inside ': </dev/own-fuse && echo $FIRST; pwd; mknod /tmp/kmsg c 1 11 && echo made; cat /tmp/kmsg; true'
    eq "$out" "1 1
/made/for/it
made"
    has "$err" "Operation not permitted"
    remove_pod
}

test_sysctls_are_those_of_the_pod() {
    run_pod p1 '{"linux": {"sysctls": {"net.ipv4.ip_unprivileged_port_start": "80", "kernel.shm_rmid_forced": "1"}, "security_context": {"namespace_options": {"network": "POD"}}}}'
    run_container c1
    inside 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced'
    eq "$out" "80
1"
    remove_pod
}

test_statistics_are_counted() {
    run_pod p1
    run_script c1 'while :; do :; done' '{"linux": {"resources": {"memory_limit_in_bytes": 67108864}}}'
    within 20 has_cpu_time
    at_least "$(cri ContainerStats "{\"container_id\": \"$ctr\"}" stats.memory.working_set_bytes.value)" 1
    eq "$(cri ListContainerStats '{}' stats.0.attributes.id)" "$ctr"
    at_least "$(cri PodSandboxStats "{\"pod_sandbox_id\": \"$pod\"}" stats.linux.process.process_count.value)" 1
    remove_pod
}
has_cpu_time() { [ "$(cri ContainerStats "{\"container_id\": \"$ctr\"}" stats.cpu.usage_core_nano_seconds.value)" -gt 0 ]; }

test_the_handler_has_the_features_that_a_kubelet_asks_for() {
    cri Status '{}' runtime_handlers >"$T/handlers"
    python3 -c "
import json
features = {handler['name']: handler['features'] for handler in json.load(open('$T/handlers'))}
assert features['tested'] == {'recursive_read_only_mounts': True, 'user_namespaces': True}, features" || fail "$(cat "$T/handlers")"
    matches "$(cri RuntimeConfig '{}' linux.cgroup_driver)" "^$([ "$MANAGER" = systemd ] && echo SYSTEMD || echo CGROUPFS)$"
}

test_a_checkpoint_of_a_running_container_is_written() {
    needs_criu
    run_pod p1
    run_script c1 'while :; do sleep 0.1; done'
    ok cri CheckpointContainer "{\"container_id\": \"$ctr\", \"location\": \"$T/saved.tar\", \"timeout\": 30}"
    has "$(tar -tf "$T/saved.tar")" pages-1.img
    eq "$(field state)" CONTAINER_RUNNING
    remove_pod
}

test_20_pods_run_at_once() {
    # timeout_s: 150
    local i started=()
    for i in $(seq 20); do (T=$T/own$i; mkdir "$T"; run_pod "many$i"; run_container "c$i"; inside 'echo here'; eq "$out" here; remove_pod) >"$T/out$i" 2>&1 & started+=($!); done
    for i in "${started[@]}"; do wait "$i" || fail "one of 20: $(cat "$T"/out*)"; done
}

# containerd cleans up after the shim of the pod itself alone: the container's state is left for whoever removes it by hand.
test_a_pod_whose_shim_is_killed_is_not_ready_and_can_be_removed() {
    run_pod p1
    run_container c1
    local own
    own=$(pid_of "$ctr")
    kill -KILL "$(pgrep -f "^[^ ]*containerd-shim.* -id $pod")"
    within 20 is_pod_state SANDBOX_NOTREADY
    within 20 has_ended
    eq "$(groups_of "$pod")" ""
    ok "$RUNTIME_PATH" --root "$STATES" delete --force "$ctr"
    absent "/proc/$own"
    remove_pod
}
is_pod_state() { [ "$(cri PodSandboxStatus "{\"pod_sandbox_id\": \"$pod\"}" status.state)" = "$1" ]; }

test_pods_survive_a_restart_of_the_engine() {
    run_pod p1
    run_container c1
    stop_daemon containerd
    containerd_start || fail "containerd has not started again"
    within 20 cri Version
    eq "$(field state)" CONTAINER_RUNNING
    inside 'echo here'
    eq "$out" here
    stop 0
    eq "$(field exit_code)" 137
    remove_pod
}
