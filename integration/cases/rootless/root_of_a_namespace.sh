# Called by root of a user namespace, as podman does for an ordinary user.
. "$INTEGRATION/lib/v2.sh"
. "$INTEGRATION/lib/rootless.sh"

# A new user namespace inside of that one: the container's ids 0.. are its ids FIRST..
inner_namespace() { # FIRST
    add_namespace user
    config --argjson f "$1" '.linux.uidMappings = [{containerID: 0, hostID: $f, size: 1000}] | .linux.gidMappings = .linux.uidMappings'
    # Number N > 0 of the caller's namespace is this one of the host.
    chown -R -h "$((LENT_FIRST + $1 - 1)):$((LENT_FIRST + $1 - 1))" "$R"
}

test_the_callers_user_namespace_is_the_containers() {
    user_bundle
    by_root_of_a_namespace mounts
    script 'cat /proc/self/uid_map; id -u'
    runs
    matches "$out" "^ +0 +$USER_ID +1$" "uid_map"
    eq "$(tail -1 <<<"$out")" 0
}

test_a_source_that_only_the_caller_can_reach_is_bound() {
    user_bundle
    mkdir "$T/secret" && echo seen >"$T/secret/file"
    chown -R "$USER_ID:$USER_ID" "$T/secret"
    chmod 700 "$T/secret"
    add_mount /mnt/file bind "$T/secret/file" rbind ro
    by_root_of_a_namespace mounts
    inner_namespace 10
    script 'cat /mnt/file; cat /proc/self/uid_map'
    runs
    has "$out" seen
    matches "$out" "^ +0 +10 +1000$" "uid_map"
}

test_without_a_mount_namespace_of_the_caller_the_container_binds_what_it_can_reach() {
    user_bundle
    mkdir "$T/open" && echo seen >"$T/open/file"
    add_mount /mnt/file bind "$T/open/file" rbind ro
    by_root_of_a_namespace
    inner_namespace 10
    script 'cat /mnt/file'
    runs
    eq "$out" seen
}

# A bundle of a user namespace in that of the caller, with a mount whose ids are mapped.
with_an_id_mapped_mount() {
    user_bundle
    mkdir "$T/source"
    by_root_of_a_namespace mounts
    inner_namespace 10
    add_mount /mnt bind "$T/source" rbind
    config '.mounts[-1] += {uidMappings: [{containerID: 0, hostID: 10, size: 100}], gidMappings: [{containerID: 0, hostID: 10, size: 100}]}'
}

test_a_file_system_that_the_namespace_has_mounted_can_be_id_mapped() {
    with_an_id_mapped_mount
    script 'stat -c %u:%g /mnt/file; touch /mnt/made; stat -c %u /mnt/made'
    tare() {
        as_user $INSIDE -- sh -c 'mount -t tmpfs tmpfs "$1/source" && touch "$1/source/file" && shift && "$@"; code=$?
            stat -c %u "$0/source/made"; exit $code' "$T" "$T" "$T/user/runtime" --root "$STATE" "$@"
    }
    ok tare run "$ID"
    eq "$out" "0:0
0
0"
}

test_a_file_system_of_the_host_cannot_and_the_error_says_why() {
    ours_only
    with_an_id_mapped_mount
    refuses 'operation not permitted.*mounts/.*id-mapped mounts need CAP_SYS_ADMIN where the file system was mounted' tare create "$ID"
}

test_mappings_may_span_several_ranges_of_the_caller() {
    user_bundle
    by_root_of_a_namespace mounts
    add_namespace user
    config '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1000}] | .linux.gidMappings = .linux.uidMappings'
    script 'cat /proc/self/uid_map'
    runs
    eq "$(tr -s ' ' <<<"$out")" " 0 0 1
 1 1 999"
    ours_only
    config '.linux.uidMappings[0].size = 4000000'
    refuses 'ids of the user namespace: (newuidmap|write the map).*' tare create "$ID"
}

test_a_failure_where_cgroups_are_read_only_leaves_nothing() {
    user_bundle
    by_root_of_a_namespace mounts
    READ_ONLY_CGROUPS=1
    command_is /nowhere
    call tare create "$ID"
    ne "$code" 0 "exit code"
    has "$err" /nowhere
    eq "$(ls "$STATE")" "" "state"
    command_is sleep 1000
    ok tare run --detach "$ID"
    gone
}

test_its_cgroup_is_given_to_the_containers_root() {
    needs_v2 pids
    delegated
    user_bundle
    by_root_of_a_namespace mounts
    inner_namespace 10
    add_mount /sys/fs/cgroup cgroup cgroup rw
    config '.linux.resources = {pids: {limit: 20}}'
    script 'mkdir /sys/fs/cgroup/inner && echo 0 >/sys/fs/cgroup/inner/cgroup.procs && cat /proc/self/cgroup; echo 1000 >/sys/fs/cgroup/pids.max || echo kept'
    runs
    has "$out" "0::/inner"
    has "$out" kept
    undelegated
}

# Runs the container beside a process in new namespaces of the caller's, of which it joins one.
joins_beside() { # TYPE UNSHARE-OPTION FILE
    config '.linux.namespaces |= [.[] | select(.type != "'"$1"'")] + [{type: "'"$1"'", path: "'"$T"'/user/ns"}]'
    cat >"$T/beside" <<EOF
unshare $2 --fork --kill-child sleep 30 &
until pgrep -P \$! sleep >/dev/null; do sleep 0.05; done
ln -s /proc/\$(pgrep -P \$!)/ns/$3 "$T/user/ns"
${TRACER:-} "$T/user/runtime" --root "$STATE" --cgroup-manager disabled run --bundle "$B" "$ID"
code=\$?
kill \$! && wait \$! 2>/dev/null
exit \$code
EOF
    ok as_user $INSIDE -- bash "$T/beside"
}
# The runtime has no right to come back to the host's pid namespace, of whose owner it has no capability.
test_a_pid_namespace_of_the_callers_is_joined() {
    user_bundle
    by_root_of_a_namespace mounts
    script 'ps | grep -c "[s]leep 30"'
    joins_beside pid --pid pid
    eq "$out" 1 "the other process is seen"
}
test_a_network_namespace_of_the_callers_is_joined_from_a_new_user_namespace() {
    user_bundle
    by_root_of_a_namespace mounts
    inner_namespace 10
    script 'echo joined'
    joins_beside network --net net
    eq "$out" joined
}
# Whoever is in the joined pid namespace sees the child before it has set itself up. With a user namespace of its own it could be looked
# into by who owns that, which is root of the container beside it as well.
test_a_child_born_beside_another_container_can_never_be_looked_into() {
    ours_only
    user_bundle
    by_root_of_a_namespace mounts
    inner_namespace 10
    # Its own procfs would need a pid namespace of its own.
    config '.mounts |= map(select(.type != "proc")) | del(.linux.maskedPaths, .linux.readonlyPaths)'
    script 'echo joined'
    TRACER="strace -f -qq -e signal=none -e trace=prctl,clone,clone3,setns -o $T/user/trace" joins_beside pid --pid pid
    eq "$out" joined
    local before_the_clone
    before_the_clone=$(sed '/clone3\?(/,$d' "$T/user/trace")
    has "$before_the_clone" "PR_SET_DUMPABLE, SUID_DUMP_DISABLE" "what is done before the first clone"
}
test_the_clocks_of_a_new_time_namespace_have_their_offsets() {
    user_bundle
    by_root_of_a_namespace mounts
    config '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 864000}}'
    script 'cut -d. -f1 /proc/uptime'
    runs
    at_least "$out" 864000 "seconds since boot"
}
