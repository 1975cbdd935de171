# linux.namespaces: each of the eight, new, joined by path, and the runtime's own.

. "$INTEGRATION/lib/namespaces.sh"

test_each_listed_namespace_is_new() {
    bundle
    user_namespace
    add_namespace time
    command_is sleep 30
    created
    local type
    for type in pid network ipc uts mount cgroup user time; do
        ne "$(ns_of "$PID" "$(file_of $type)")" "$(ns_of self "$(file_of $type)")" "$type namespace"
    done
    gone
}

test_a_namespace_that_is_not_listed_is_the_runtimes_own() {
    bundle
    local type
    for type in network ipc uts cgroup; do drop_namespace $type; done
    config 'del(.hostname)'
    drop_mount /dev/mqueue
    drop_mount /sys
    command_is sleep 30
    created
    local own=(network ipc uts cgroup time)
    # An ordinary user's container always has a user namespace of its own.
    [ "$RUN_AS" != root ] || own+=(user)
    for type in "${own[@]}"; do
        eq "$(ns_of "$PID" "$(file_of $type)")" "$(ns_of self "$(file_of $type)")" "$type namespace"
    done
    gone
}

# A process that holds one new namespace of a type: $HOLDER is its pid.
holder() { # UNSHARE-OPTION...
    become_unshare "$@" sleep 100 &
    HOLDER=$!
    eventually grep -q sleep "/proc/$HOLDER/comm"
}

joins() { # TYPE UNSHARE-OPTION
    bundle "$1"
    holder "$2"
    join_namespace "$HOLDER" "$1"
    [ "$1" != uts ] || config 'del(.hostname)'
    command_is sleep 30
    created
    eq "$(ns_of "$PID" "$(file_of "$1")")" "$(ns_of "$HOLDER" "$(file_of "$1")")" "$1 namespace joined"
    gone
    kill $HOLDER
    wait $HOLDER 2>/dev/null
}

test_a_network_namespace_is_joined_by_path() { joins network --net; }
test_an_ipc_namespace_is_joined_by_path() { joins ipc --ipc; }
test_a_uts_namespace_is_joined_by_path() { joins uts --uts; }
test_a_cgroup_namespace_is_joined_by_path() { joins cgroup --cgroup; }

test_a_time_namespace_is_joined_by_path() {
    bundle
    become_unshare --time --fork --kill-child sleep 100 &
    local outer=$! holder
    # By its name: before it unshare has children that map its ids.
    eventually pgrep -P $outer -x sleep
    holder=$(pgrep -P $outer -x sleep)
    ne "$(ns_of "$holder" time)" "$(ns_of self time)" "the holder's time namespace"
    join_namespace "$holder" time
    command_is sleep 30
    created
    eq "$(ns_of "$PID" time)" "$(ns_of "$holder" time)"
    gone
    kill $outer "$holder" 2>/dev/null
    wait $outer 2>/dev/null
}

test_a_pid_namespace_is_joined_by_path() {
    bundle first
    command_is sleep 30
    started
    local first=$PID first_id=$ID
    bundle second
    join_namespace "$first" pid
    script 'ps | grep -c "[s]leep 30"'
    runs
    eq "$out" 1 "the first container's process is seen"
    ok tare delete --force "$first_id"
}

test_a_mount_namespace_is_joined_by_path() {
    bundle first
    command_is sleep 30
    started
    local first=$PID first_id=$ID
    holder --mount
    bundle second
    join_namespace "$HOLDER" mount
    command_is sleep 30
    created
    eq "$(ns_of "$PID" mnt)" "$(ns_of "$HOLDER" mnt)"
    gone
    ok tare delete --force "$first_id"
    kill $HOLDER
    wait $HOLDER 2>/dev/null
}

test_all_namespaces_of_another_container_are_joined() {
    bundle first
    user_namespace
    command_is sleep 30
    started
    local first=$PID first_id=$ID type
    bundle second
    chown -R -h 100000:100000 "$R"
    config 'del(.hostname)'
    for type in user network ipc uts pid; do add_namespace $type "/proc/$first/ns/$(file_of $type)"; done
    command_is sleep 30
    created
    for type in user network ipc uts pid; do
        eq "$(ns_of "$PID" "$(file_of $type)")" "$(ns_of "$first" "$(file_of $type)")" "$type"
    done
    eq "$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$PID/status")" 100000 "host uid"
    gone
    ok tare delete --force "$first_id"
}

test_a_user_namespace_is_joined_and_a_pid_namespace_is_new() {
    bundle first
    user_namespace
    command_is sleep 30
    started
    local first=$PID first_id=$ID
    bundle second
    chown -R -h 100000:100000 "$R"
    add_namespace user "/proc/$first/ns/user"
    script 'echo $$; cat /proc/self/uid_map'
    runs
    eq "$(head -1 <<<"$out")" 1 "pid"
    matches "$(sed -n 2p <<<"$out")" '^ +0 +100000 +65536$'
    ok tare delete --force "$first_id"
}

test_a_path_to_the_wrong_type_of_namespace_is_refused() {
    bundle
    add_namespace network /proc/self/ns/ipc
    refuses 'namespace' tare create "$ID"
}

test_a_path_that_is_no_namespace_is_refused() {
    bundle
    add_namespace network /etc/passwd
    refuses 'namespace' tare create "$ID"
    add_namespace network /no/such/file
    refuses 'no such file' tare create "$ID"
}

test_a_relative_path_to_a_namespace_is_refused() {
    ours_only
    bundle
    add_namespace network proc/self/ns/net
    refuses 'absolute' tare create "$ID"
}

test_a_namespace_listed_twice_is_refused() {
    bundle
    config '.linux.namespaces += [{type: "pid"}]'
    refuses 'pid|duplicate|twice' tare create "$ID"
}

test_pid_is_1_in_a_new_pid_namespace() {
    bundle
    script 'echo $$'
    runs
    eq "$out" 1
}

test_hostname_and_domainname_are_set() {
    bundle
    config '.hostname = "slarti" | .domainname = "bartfast"'
    script 'cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname'
    runs
    eq "$out" "slarti
bartfast"
    [ "$(cat /proc/sys/kernel/hostname)" != slarti ] || fail "the host's name was changed"
}

test_hostname_without_a_new_uts_namespace_is_refused() {
    bundle
    drop_namespace uts
    refuses 'uts' tare create "$ID"
    config 'del(.hostname) | .domainname = "x"'
    refuses 'uts' tare create "$ID"
}

test_loopback_is_up_in_a_new_network_namespace() {
    bundle
    script 'ip addr show lo; cat /proc/net/dev | grep -c :'
    runs
    has "$out" "inet 127.0.0.1/8"
    matches "$out" 'UP'
}

test_joining_leaves_the_namespaces_network_alone() {
    bundle
    holder --net
    join_namespace "$HOLDER" network
    script 'ip link show lo'
    runs
    lacks "$out" "LOOPBACK,UP" "the joined loopback"
    kill $HOLDER
    wait $HOLDER 2>/dev/null
}

test_offsets_of_a_new_time_namespace_take_effect() {
    bundle
    add_namespace time
    config '.linux.timeOffsets = {monotonic: {secs: 7200, nanosecs: 1}, boottime: {secs: 604800, nanosecs: 5}}'
    script 'cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime'
    runs
    matches "$out" 'monotonic +7200 +1'
    matches "$out" 'boottime +604800 +5'
    at_least "$(tail -1 <<<"$out")" 604800 "uptime"
}

test_negative_time_offsets_take_effect() {
    bundle
    [ "$(cut -d. -f1 /proc/uptime)" -gt 60 ] || skip "this machine has been up for less than a minute"
    add_namespace time
    config '.linux.timeOffsets = {boottime: {secs: -10}}'
    script 'cat /proc/self/timens_offsets'
    runs
    matches "$out" 'boottime +-10 +0'
}

test_time_offsets_without_a_new_time_namespace_are_refused() {
    bundle
    config '.linux.timeOffsets = {boottime: {secs: 10}}'
    refuses 'time' tare create "$ID"
}

test_the_cgroup_namespace_is_rooted_at_the_containers_cgroup() {
    bundle
    # Beside v1 the group of v2 is left alone.
    local beside='^0::'
    ! is_pure_v2 || beside='^$'
    script "grep -v '$beside' /proc/self/cgroup | cut -d: -f3 | sort -u"
    runs
    eq "$out" /
}

test_the_runtime_leaves_its_own_namespaces_alone() {
    bundle
    local before
    before=$(readlink /proc/self/ns/*)
    add_namespace time
    runs
    eq "$(readlink /proc/self/ns/*)" "$before"
}
