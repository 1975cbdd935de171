# Called by an ordinary user: what his container gets, what is done without, and what is refused.
. "$INTEGRATION/lib/v2.sh"
. "$INTEGRATION/lib/rootless.sh"

maps() { tr -s ' ' <"/proc/$PID/$1" | sed 's/^ //'; }

test_a_configuration_without_user_namespace_gets_the_lent_ids() {
    user_bundle
    by_user
    command_is sleep 1000
    started
    eq "$(maps uid_map)" "0 $USER_ID 1
1 $LENT_FIRST $LENT_COUNT"
    eq "$(maps gid_map)" "0 $USER_ID 1
1 $LENT_FIRST $LENT_COUNT"
    eq "$(cat "/proc/$PID/setgroups")" allow
    gone
}

test_a_user_namespace_without_mappings_gets_the_lent_ids() {
    user_bundle
    by_user
    add_namespace user
    command_is sleep 1000
    started
    eq "$(maps uid_map | wc -l)" 2
    gone
}

test_the_containers_user_is_the_caller_whatever_his_number() {
    user_bundle
    config '.process.user = {uid: 5, gid: 6, additionalGids: [7]}'
    script 'id -u; id -g; id -G; echo mine > /made'
    by_user
    runs
    eq "$out" "5
6
6 7"
    eq "$(stat -c %u:%g "$R/made")" "$USER_ID:$USER_ID" "owner on the host"
}

test_without_lent_ids_there_is_one_user_and_a_warning() {
    ours_only
    user_bundle
    script 'cat /proc/self/uid_map; grep devpts /proc/mounts'
    by_user without-ids
    runs
    matches "$out" "^ +0 +$USER_ID +1$" "uid_map"
    lacks "$out" gid= "devpts"
    has "$err" "/etc/subuid lends no ids to user $USER_ID"
    has "$err" "gid=5 is left out: the container has no such group"
}

# A profile that has an agent decide CALL, which refuses it for `mkdir` (83); with an agent that listens.
agent_decides() { # CALL...
    config --arg s "$T/agent.sock" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: $s, architectures: ["SCMP_ARCH_X86_64"],
        syscalls: [{names: $ARGS.positional, action: "SCMP_ACT_NOTIFY"}]}' --args "$@"
    agent_listens
}
agent_listens() {
    rm -f "$T/agent.sock" "$T/agent"
    python3 "$INTEGRATION/lib/agent.py" notify "$T/agent.sock" 83=1 >"$T/seen" 2>"$T/agent" &
    AGENT=$!
    eventually grep -qs listening "$T/agent"
    chmod 666 "$T/agent.sock"
}
agent_ends() { kill $AGENT 2>/dev/null; wait $AGENT 2>/dev/null; }

test_the_listener_of_a_process_of_exec_is_sent_where_it_cannot_be_taken() {
    user_bundle
    agent_decides mkdir
    by_user
    command_is sleep 1000
    started
    agent_ends
    agent_listens
    call tare exec "$ID" mkdir /x
    ne "$code" 0 "mkdir that the agent refuses"
    eq "$(head -1 "$T/seen" | jq -r .state.state.status)" running
    matches "$(cat "$T/seen")" '"nr": *83' "what the agent was asked"
    agent_ends
    gone
}

test_where_the_agent_decides_how_it_would_be_sent_exec_says_so() {
    user_bundle
    agent_decides mkdir sendmsg
    by_user
    command_is sleep 1000
    started
    agent_ends
    agent_listens
    call tare exec "$ID" true
    eq "$code" 255
    matches "$err" "take the seccomp listener: .*agent decide read or sendmsg \(config.json#/linux/seccomp\); be root, or "
    agent_ends
    gone
}

test_a_profile_that_forbids_sending_the_listener_is_told_and_nobody_waits() {
    local action
    user_bundle
    by_user
    command_is sleep 1000
    for action in SCMP_ACT_ERRNO SCMP_ACT_KILL_PROCESS; do
        agent_decides mkdir
        config --arg a "$action" '.linux.seccomp.syscalls += [{names: ["sendmsg"], action: $a}]'
        started
        agent_ends
        agent_listens
        ends 255 tare exec --detach "$ID" true
        matches "$err" "seccomp.* \(config.json#/linux/seccomp\)" "$action"
        agent_ends
        gone
    done
}

test_a_life_with_exec_and_signals() {
    user_bundle
    by_user
    script 'trap "echo usr1; exit 7" USR1; while :; do sleep 0.05; done'
    started
    ok tare exec "$ID" sh -c 'id -u; id -g; exit 0'
    eq "$out" "0
0"
    ends 9 tare exec "$ID" sh -c 'exit 9'
    ok tare exec --user 3:4 "$ID" id -u
    eq "$out" 3
    init_and_its_sleep() { [ "$(tare ps --format json "$ID" | jq length)" = 2 ]; }
    eventually init_and_its_sleep
    ok tare kill "$ID" USR1
    becomes stopped
    has "$(cat "$B/stdout")" usr1
    ok tare delete "$ID"
}

test_a_limit_that_cannot_be_had_is_refused_with_a_remedy() {
    user_bundle
    config '.linux.resources = {pids: {limit: 20}}'
    by_user
    refuses 'making the control group.*permission denied.*systemd-run --user --scope -p Delegate=yes' tare create "$ID"
    config '.linux.resources = {} | .linux.cgroupsPath = "/nowhere"'
    refuses 'making the control group.*permission denied.*leave out linux.cgroupsPath' tare create "$ID"
}

test_without_limits_it_does_without_a_group_and_says_so() {
    ours_only
    user_bundle
    by_user
    command_is sleep 1000
    ok tare run --detach "$ID"
    has "$err" "done without the control group"
    refuses 'has no control group that can be frozen' tare pause "$ID"
    refuses "container's control group does not exist.*delegated" tare update --pids-limit 5 "$ID"
    ends 0 tare exec "$ID" true
    gone
}

test_devices_are_the_hosts_and_unknown_ones_are_refused() {
    user_bundle
    config '.linux.devices = [{path: "/dev/zero2", type: "c", major: 1, minor: 250}]'
    by_user
    refuses 'make /dev/zero2.*the host has no such node to bind.*linux/devices/0' tare create "$ID"
    config '.linux.devices = []'
    script 'head -c 3 /dev/zero | od -An -tx1; echo x >/dev/null && echo written'
    runs
    eq "$(tr -s ' ' <<<"$out")" " 00 00 00
written"
}

test_a_lower_oom_score_is_left_out_with_a_warning() {
    ours_only
    user_bundle
    config '.process.oomScoreAdj = -100'
    script 'cat /proc/self/oom_score_adj'
    by_user
    runs
    has "$err" "oomScoreAdj -100 is left out"
}

test_id_mapped_mounts_are_refused_before_anything_is_made() {
    user_bundle
    mkdir "$T/source"
    add_mount /mnt bind "$T/source" rbind
    config '.mounts[-1] += {uidMappings: [{containerID: 0, hostID: 0, size: 1}], gidMappings: [{containerID: 0, hostID: 0, size: 1}]}'
    by_user
    refuses 'id-mapped mounts are not supported for rootless' tare create "$ID"
}

test_the_hosts_network_comes_with_the_hosts_sysfs() {
    user_bundle
    drop_namespace network
    script 'ls -d /sys/class/net/lo; touch /sys/x 2>/dev/null || echo read-only'
    by_user
    runs
    eq "$out" "/sys/class/net/lo
read-only"
}

test_a_newuidmap_that_hangs_ends_with_the_runtime() {
    ours_only
    user_bundle
    by_user
    mkdir "$T/bin"
    printf '#!/bin/sh\necho $$ >%s/helper\nexec sleep 1000\n' "$T/user" >"$T/bin/newuidmap"
    chmod 755 "$T/bin" "$T/bin/newuidmap"
    PATH=$T/bin:$PATH tare run "$ID" >"$B/stdout" 2>"$B/stderr" &
    eventually test -s "$T/user/helper"
    kill -TERM "$(pgrep -P $! -x runtime || echo $!)"
    wait $!
    eq $? 143 "exit code"
    has "$(cat "$B/stderr")" "interrupted by signal 15"
    eventually sh -c "! kill -0 $(cat "$T/user/helper")"
    eq "$(ls "$STATE")" "" "state"
}

test_limits_in_a_delegated_group_bite() {
    needs_v2 memory pids cpu
    delegated
    user_bundle
    config '.linux.resources = {memory: {limit: 33554432}, pids: {limit: 20}}'
    command_is sleep 1000
    by_user
    started
    local group=$GROUP/$ID
    eq "$(cat "$group/memory.max") $(cat "$group/pids.max")" "33554432 20"
    tare exec "$ID" sh -c 'i=0; while [ $i -lt 40 ]; do sleep 100 & i=$((i+1)); done' >/dev/null 2>&1
    at_least "$(field max "$group/pids.events")" 1 "refused forks"
    ok tare kill --all "$ID" KILL
    becomes stopped
    ok tare delete "$ID"
    absent "$group"
    started
    tare exec "$ID" sh -c 'head -c 100m /dev/zero | tail >/dev/null' >/dev/null 2>&1
    at_least "$(field oom_kill "$group/memory.events")" 1 "OOM kills"
    ok tare update --cpu-quota 20000 --cpu-period 100000 --memory 64M --pids-limit 30 "$ID"
    eq "$(cat "$group/cpu.max") $(cat "$group/memory.max") $(cat "$group/pids.max")" "20000 100000 67108864 30"
    tare exec "$ID" timeout 1 sh -c 'while :; do :; done' >/dev/null 2>&1
    at_least "$(field nr_throttled "$group/cpu.stat")" 1 "throttled periods"
    ok tare pause "$ID"
    status_is paused || fail "not paused"
    ok tare resume "$ID"
    ok tare events --stats "$ID"
    at_least "$(jq .data.pids.current <<<"$out")" 1 "processes counted"
    gone
    absent "$group"
    undelegated
}

test_a_controller_that_is_not_delegated_is_refused_with_a_remedy() {
    needs_v2 memory pids
    delegated
    user_bundle
    config '.linux.resources = {pids: {limit: 20}}'
    by_user
    echo -pids >"$GROUP/cgroup.subtree_control" || fail "cannot take pids away"
    chown 0 "$GROUP/cgroup.subtree_control"
    refuses 'enabling the controller .pids.: permission denied.*Delegate=' tare create "$ID"
    undelegated
}

# Root of the user namespace has every right over a process in it that can be dumped, and sees those of his pid namespace.
test_who_joins_a_users_own_namespaces_is_closed_before_and_has_its_score_and_clocks() {
    ours_only
    command -v strace >/dev/null || skip "no strace"
    user_bundle
    by_user
    as_user unshare --map-root-user --map-auto --pid --fork --kill-child sleep 60 &
    local outside beside
    others() { outside=$(pgrep -P $! -x unshare) && beside=$(pgrep -P "$outside" -x sleep); }
    eventually others
    add_namespace user "/proc/$beside/ns/user"
    add_namespace pid "/proc/$beside/ns/pid"
    add_namespace time
    config '.linux.timeOffsets = {boottime: {secs: 864000}} | .process.oomScoreAdj = 567'
    script 'cat /proc/self/oom_score_adj; cut -d. -f1 /proc/uptime; ps | grep -c "[s]leep 60"'
    ok as_user strace -f -qq -e signal=none -e trace=prctl,clone,clone3,setns -o "$T/user/trace" "$T/user/runtime" --root "$STATE" run "$ID"
    eq "$(sed -n 1p <<<"$out")" 567 "oom_score_adj"
    at_least "$(sed -n 2p <<<"$out")" 864000 "seconds since boot"
    eq "$(sed -n 3p <<<"$out")" 1 "the other process is seen"
    lacks "$err" oomScoreAdj
    local before_the_join
    before_the_join=$(sed '/setns(/,$d' "$T/user/trace")
    has "$before_the_join" "PR_SET_DUMPABLE, SUID_DUMP_DISABLE" "what is done before the first setns"
    kill -KILL "$outside"
    wait $! 2>/dev/null
}
