# Called by root where he is not alone with the host: in a container, and confined.
. "$INTEGRATION/lib/v2.sh"

# The runtime is called in a cgroup namespace of its own, as in a privileged container; $1: a command before it.
in_a_container() {
    needs_runtime_itself
    v2_group outer
    hand_back
    BEFORE=${1:-true}
    tare() {
        sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec unshare --cgroup --mount --propagation private sh -c "
            mount -t cgroup2 cgroup2 /sys/fs/cgroup && $BEFORE && exec \"\$@\"" inside "$@"' outer "$GROUP" "$TARE" --root "$STATE" "$@"
    }
    export BEFORE
}
# A group that is to hold processes itself hands nothing down.
hand_back() {
    local controller
    for controller in $(cat "$GROUP/cgroup.subtree_control"); do echo "-$controller" >"$GROUP/cgroup.subtree_control"; done
}

test_the_uppermost_group_with_processes_hands_no_limits_down_and_the_error_says_how_it_could() {
    ours_only
    needs_v2 memory
    bundle
    config '.linux.resources.memory.limit = 67108864 | del(.linux.cgroupsPath)'
    in_a_container
    refuses 'enabling the controller .memory.: device or resource busy.*uppermost.*move its processes' tare create "$ID"
    rmdir "$GROUP"
}

test_without_limits_a_container_in_a_container_needs_no_controllers() {
    needs_v2 memory
    bundle
    config 'del(.linux.cgroupsPath)'
    script 'cat /proc/self/cgroup'
    in_a_container
    runs
    eq "$out" "0::/"
    rmdir "$GROUP"
}

test_once_the_processes_have_moved_limits_work_in_a_container() {
    needs_v2 memory pids
    bundle
    config '.linux.resources = {memory: {limit: 67108864}, pids: {limit: 20}} | del(.linux.cgroupsPath)'
    add_mount /sys/fs/cgroup cgroup cgroup ro
    script 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max'
    in_a_container 'mkdir -p /sys/fs/cgroup/init && echo $$ >/sys/fs/cgroup/init/cgroup.procs'
    runs
    eq "$out" "67108864
20"
    rmdir "$GROUP/init" "$GROUP"
}

test_read_only_control_groups_are_refused_with_advice() {
    ours_only
    needs_v2 memory
    needs_runtime_itself
    bundle
    local runtime=$TARE
    tare() { unshare --mount --propagation private sh -c 'mount -o remount,bind,ro /sys/fs/cgroup && exec "$@"' x "$runtime" --root "$STATE" "$@"; }
    config 'del(.linux.cgroupsPath)'
    refuses 'read-only file system.*--cgroup-manager disabled' tare create "$ID"
    ok tare --cgroup-manager disabled run "$ID"
}

test_what_an_apparmor_profile_forbids_the_caller_is_said_with_its_name() {
    ours_only
    needs_apparmor
    printf 'profile tare-it-%s flags=(attach_disconnected,mediate_deleted) {\n  %s\n}\n' \
        open "file, capability, network, signal, ptrace, umount, mount, pivot_root, unix, userns, change_profile," \
        shut "file, capability, network, signal, ptrace, unix, userns," >"$T/profiles"
    apparmor_parser -r "$T/profiles" || skip "profiles cannot be loaded here"
    trap 'apparmor_parser -R "$T/profiles"' EXIT
    bundle
    command_is true
    local runtime=$TARE
    tare() { aa-exec -p "tare-it-$PROFILE" -- "$runtime" --root "$STATE" "$@"; }
    PROFILE=open
    ok tare run "$ID"
    PROFILE=shut
    refuses 'permission denied \(EACCES\).*confined by the AppArmor profile tare-it-shut' tare create "$ID"
}
