# exec: what a process gets derives from the container's own configuration, and only what is named is added.

waiting() { command_is sleep 300; started; }
status_of_exec() { ok tare exec "$@" "$ID" probe status; }
field() { sed -n "s/^$1:\t*//p" <<<"$out" | tr '\t' ' '; }
exec_refuses() { # REGEX ARGUMENT...
    local expected=$1
    shift
    ends 255 tare exec "$@"
    matches "$err" "$expected" "error of exec"
}

test_user_groups_and_capabilities_are_the_containers() {
    bundle
    config '.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 6]}'
    waiting
    status_of_exec
    eq "$(field Uid)" "1000 1000 1000 1000"
    eq "$(field Gid)" "1001 1001 1001 1001"
    eq "$(field Groups)" "5 6 "
    eq "$(field CapBnd)" 0000000020000420 "the bounding set"
    eq "$(field NoNewPrivs)" 1
    gone
}

test_user_and_groups_can_be_named_as_numbers_only() {
    bundle
    config '.process.user = {uid: 0, gid: 9, additionalGids: [5]}'
    waiting
    status_of_exec -u 1000
    eq "$(field Uid)|$(field Gid)|$(field Groups)" "1000 1000 1000 1000|9 9 9 9|5 "
    status_of_exec --user 1000:1000 -g 6 --additional-gids 7
    eq "$(field Gid)|$(field Groups)" "1000 1000 1000 1000|5 6 7 "
    local bad
    printf '1000x:x:0:0:::\nroot:x:0:0:::\n' >"$R/etc/passwd"
    for bad in root alice 1000x -1 +1 ' 1' 0x10 4294967295 4294967296 18446744073709551616 '' 1: :1 1:2:3 1.5; do
        exec_refuses 'is no id' "--user=$bad" "$ID" true
    done
    exec_refuses 'invalid --additional-gids' -g wheel "$ID" true
    gone
}

test_a_capability_is_added_by_name_and_only_that() {
    bundle
    waiting
    status_of_exec --cap CAP_NET_RAW -c sys_chroot
    eq "$(field CapBnd)|$(field CapPrm)|$(field CapEff)|$(field CapInh)|$(field CapAmb)" \
        "0000000020042420|0000000020042420|0000000020042420|0000000000000000|0000000000000000"
    exec_refuses 'unknown capability "CAP_NONE"' --cap CAP_NONE "$ID" true
    gone
}

test_no_new_privileges_and_the_filter_hold_in_exec_too() {
    bundle
    config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
        syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 5}]} | .process.noNewPrivileges = false'
    waiting
    status_of_exec
    eq "$(field Seccomp)|$(field NoNewPrivs)" "2|0"
    ends 1 tare exec "$ID" mkdir /x
    has "$err" "Input/output error" "mkdir under the container's filter"
    status_of_exec --no-new-privs
    eq "$(field Seccomp)|$(field NoNewPrivs)" "2|1"
    gone
}

test_exec_takes_the_filter_that_was_compiled_at_the_creation() {
    ours_only
    bundle
    config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
        syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 5}]}'
    waiting
    local kept=$STATE/$ID/seccomp.bpf
    eq "$(stat -c %a "$kept")" 600
    eq $(($(stat -c %s "$kept") % 8)) 0
    # One instruction that allows all.
    printf '\6\0\0\0\0\0\xff\x7f' >"$kept"
    ok tare exec "$ID" mkdir /x
    printf '\6\0\0\0' >"$kept"
    call tare exec "$ID" true
    has "$err" "the kept seccomp filter is no program: $kept; delete the container and create it again"
    # Of a jump beyond the end, the kernel has the last word.
    printf '\5\0\0\0\77\0\0\0' >"$kept"
    call tare exec "$ID" true
    has "$err" "EINVAL"
    rm "$kept"
    call tare exec "$ID" true
    has "$err" "read the kept seccomp filter"
    gone
    absent "$STATE/$ID"
}

test_a_process_file_that_leaves_rights_out_gets_the_containers() {
    bundle
    config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 33, hard: 44}]'
    waiting
    echo '{"args": ["probe", "status"], "cwd": "/", "env": ["PATH=/bin"]}' >"$T/p.json"
    ok tare exec -p "$T/p.json" "$ID"
    eq "$(field CapBnd)|$(field CapEff)|$(field NoNewPrivs)" "0000000020000420|0000000020000420|1"
    echo '{"args": ["sh", "-c", "ulimit -n; ulimit -H -n"], "cwd": "/", "env": ["PATH=/bin"]}' >"$T/p.json"
    ok tare exec -p "$T/p.json" "$ID"
    eq "$out" "33
44"
    echo '{"args": ["probe", "status"], "cwd": "/", "env": ["PATH=/bin"], "noNewPrivileges": false,
        "capabilities": {"bounding": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"]}}' >"$T/p.json"
    ok tare exec -p "$T/p.json" "$ID"
    eq "$(field CapBnd)|$(field NoNewPrivs)" "0000000000000001|0" "what the file says itself"
    gone
}

test_limits_of_a_user_who_is_not_root() {
    bundle
    config '.process.user = {uid: 1000, gid: 1000}
        | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}, {type: "RLIMIT_CORE", soft: 0, hard: 0}]'
    command_is sh -c 'ulimit -n; ulimit -H -n; ulimit -c'
    runs
    eq "$out" "100
200
0" "limits of the container's own process"
    command_is sleep 300
    started
    ok tare exec "$ID" sh -c 'ulimit -n; ulimit -H -n; ulimit -c'
    eq "$out" "100
200
0" "limits of exec"
    gone
}

test_attributes_are_the_containers() {
    bundle
    config '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6} | .process.scheduler = {policy: "SCHED_BATCH", nice: 5}
        | .process.oomScoreAdj = 500 | .process.user.umask = 63 | .linux.personality = {domain: "LINUX32"}'
    waiting
    ok tare exec "$ID" probe ioprio
    eq "$out" "class=2 level=6"
    ok tare exec "$ID" probe sched
    local container
    container=$("$PROBE" sched </dev/null)
    has "$out" "$(awk '{ print $41 }' "/proc/$PID/stat" | sed 's/^3$/3/')" "policy: $out (here: $container)"
    ok tare exec "$ID" sh -c 'cat /proc/self/oom_score_adj; umask; cut -d" " -f19 /proc/self/stat'
    eq "$out" "500
0077
5"
    ok tare exec "$ID" probe personality
    eq "$out" 0x8
    gone
}

test_the_memory_policy_is_the_containers() {
    needs_numa
    bundle
    config '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0"}'
    waiting
    ok tare exec "$ID" probe mempolicy
    matches "$out" '(^|[^0-9])2' "memory policy"
    gone
}

test_cpu_affinity_of_exec_alone() {
    [ "$(nproc)" -ge 2 ] || skip "one processor"
    bundle
    config '.process.execCPUAffinity = {initial: "0", final: "1"}'
    waiting
    ok tare exec "$ID" sh -c 'grep Cpus_allowed_list /proc/self/status'
    eq "$(cut -f2 <<<"$out")" 1 "final"
    ne "$(grep Cpus_allowed_list "/proc/$PID/status" | cut -f2)" 1 "the container's own process"
    # The runtime's own affinity is not the program's.
    config '.process.execCPUAffinity = null'
    gone
    started
    ok taskset -c 0 "$TARE" --root "$STATE" exec "$ID" sh -c 'grep Cpus_allowed_list /proc/self/status'
    matches "$(cut -f2 <<<"$out")" '^0[-,]' "affinity without execCPUAffinity"
    gone
}

test_a_user_namespace_and_its_ids() {
    bundle
    user_namespace
    waiting
    ok tare exec "$ID" sh -c 'id -u; id -g; cat /proc/self/uid_map; touch /tmp/made'
    matches "$out" '^0
0
 +0 +100000 +65536$' || :
    eq "$(head -2 <<<"$out" | tr '\n' ' ')" "0 0 "
    eq "$(stat -c %u:%g "$R/tmp/made")" 100000:100000 "owner of a file that root of the container makes"
    ok tare exec -u 1000:1000 "$ID" sh -c 'id -u; touch /tmp/users'
    eq "$(stat -c %u:%g "$R/tmp/users")" 101000:101000
    exec_refuses '70000' -u 70000 "$ID" true
    gone
}

test_the_container_of_a_joined_user_namespace() {
    bundle holder
    user_namespace
    waiting
    local holder=$PID holder_id=$ID
    bundle
    chown -R -h 100000:100000 "$R"
    add_namespace user "/proc/$holder/ns/user"
    waiting
    ok tare exec "$ID" sh -c 'id -u; readlink /proc/self/ns/user'
    eq "$out" "0
$(readlink "/proc/$holder/ns/user")"
    # The case's pipe is root's, who alone can give it away.
    if [ "$RUN_AS" = root ]; then
        ok sh -c "echo piped | '$TARE' --root '$STATE' exec '$ID' cat /dev/stdin"
        eq "$out" piped
    fi
    gone
    gone "$holder_id"
}

test_the_session_keyring_is_the_containers() {
    bundle
    waiting
    ok tare exec "$ID" probe keyring
    local first=$out
    ok tare exec "$ID" probe keyring
    eq "$out" "$first" "keyring of two execs"
    gone
    user_namespace
    started
    ok tare exec "$ID" probe keyring
    first=$out
    ok tare exec -u 1000 "$ID" probe keyring
    eq "$out" "$first" "keyring of two execs in a user namespace"
    gone
}

test_a_notify_filter_hands_its_listener_over_for_exec_too() {
    bundle
    config --arg s "$T/agent.sock" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: $s,
        architectures: ["SCMP_ARCH_X86_64"], syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]}'
    command_is sleep 300
    local agent
    python3 "$INTEGRATION/lib/agent.py" notify "$T/agent.sock" 83=1 >"$T/seen" 2>"$T/agent" &
    agent=$!
    eventually grep -q listening "$T/agent"
    started
    absent "$STATE/$ID/seccomp.bpf" # or the agent of today would not be asked
    kill $agent; wait $agent 2>/dev/null
    rm -f "$T/agent.sock" "$T/agent"
    python3 "$INTEGRATION/lib/agent.py" notify "$T/agent.sock" 83=1 >"$T/seen" 2>"$T/agent" &
    agent=$!
    eventually grep -qs listening "$T/agent"
    call tare exec "$ID" mkdir /x
    ne "$code" 0 "mkdir that the agent refuses"
    local state
    state=$(head -1 "$T/seen")
    eq "$(jq -r .state.state.status <<<"$state")|$(jq -r .state.state.pid <<<"$state")" "running|$PID" "the state that the agent is told"
    ne "$(jq -r .state.pid <<<"$state")" "$PID" "the process"
    kill $agent 2>/dev/null; wait $agent 2>/dev/null
    gone
}
