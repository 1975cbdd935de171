# process: rlimits, oom score, scheduler, io priority, personality, memory policy, cpu affinity.

test_rlimits_are_set() {
    bundle
    config '.process.rlimits = [
        {type: "RLIMIT_NOFILE", soft: 100, hard: 200}, {type: "RLIMIT_CORE", soft: 0, hard: 4096},
        {type: "RLIMIT_STACK", soft: 1048576, hard: 8388608}, {type: "RLIMIT_FSIZE", soft: 65536, hard: 65536}]'
    command_is cat /proc/self/limits
    runs
    matches "$out" 'Max open files +100 +200 '
    matches "$out" 'Max core file size +0 +4096 '
    matches "$out" 'Max stack size +1048576 +8388608 '
    matches "$out" 'Max file size +65536 +65536 '
}

test_a_low_limit_of_open_files_does_not_hinder_the_birth() {
    bundle
    config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 4, hard: 4}]'
    command_is grep 'open files' /proc/self/limits
    runs
    matches "$out" ' 4 +4 '
}

test_every_kind_of_rlimit_is_known() {
    bundle
    config '.process.rlimits = [["AS","CORE","CPU","DATA","FSIZE","LOCKS","MEMLOCK","MSGQUEUE","NICE","NOFILE","NPROC","RSS","RTPRIO","RTTIME","SIGPENDING","STACK"][]
        | {type: ("RLIMIT_" + .), soft: 0, hard: 0}] | .process.rlimits |= map(if (.type | test("AS|DATA|STACK|NOFILE|CPU|FSIZE")) then .soft = 100000000 | .hard = 100000000 else . end)
        | .process.rlimits |= map(if .type == "RLIMIT_NOFILE" then .soft = 64 | .hard = 64 else . end)'
    command_is cat /proc/self/limits
    runs
    matches "$out" 'Max nice priority +0 +0'
    matches "$out" 'Max locked memory +0 +0'
}

test_an_unknown_or_repeated_rlimit_is_refused() {
    bundle
    config '.process.rlimits = [{type: "RLIMIT_NOSUCH", soft: 1, hard: 1}]'
    refuses 'RLIMIT_NOSUCH|rlimit' tare create "$ID"
    config '.process.rlimits = [{type: "RLIMIT_CORE", soft: 1, hard: 1}, {type: "RLIMIT_CORE", soft: 0, hard: 0}]'
    [ -n "$FOREIGN" ] || refuses 'RLIMIT_CORE' tare create "$ID"
}

test_a_soft_limit_above_the_hard_one_is_refused() {
    bundle
    config '.process.rlimits = [{type: "RLIMIT_CORE", soft: 10, hard: 1}]'
    refuses 'rlimit|invalid argument' tare create "$ID"
}

test_oom_score_adj_is_set() {
    bundle
    config '.process.oomScoreAdj = 500'
    command_is cat /proc/self/oom_score_adj
    runs
    eq "$out" 500
}

test_oom_score_adj_is_the_callers_when_absent() {
    bundle
    command_is cat /proc/self/oom_score_adj
    ok sh -c "echo 300 > /proc/self/oom_score_adj; '$TARE' --root '$STATE' run '$ID'"
    eq "$out" 300
}

test_oom_score_adj_out_of_range_is_refused() {
    bundle
    config '.process.oomScoreAdj = 1001'
    refuses 'oom|invalid argument' tare create "$ID"
}

test_scheduler_policies_are_set() {
    bundle
    config '.process.scheduler = {policy: "SCHED_BATCH", nice: 5}'
    command_is probe sched
    runs
    has "$out" "policy=3 flags=0 nice=5"
    config '.process.scheduler = {policy: "SCHED_OTHER", nice: 10}'
    runs
    has "$out" "policy=0 flags=0 nice=10"
    config '.process.scheduler = {policy: "SCHED_IDLE"}'
    runs
    has "$out" "policy=5"
}

test_scheduler_deadline_without_a_budget_is_refused() {
    bundle
    config '.process.scheduler = {policy: "SCHED_DEADLINE", flags: ["SCHED_FLAG_RESET_ON_FORK"]}'
    refuses 'sched' tare create "$ID"
    config '.process.scheduler = {policy: "SCHED_NOSUCH"}'
    refuses 'SCHED_NOSUCH|sched' tare create "$ID"
    config '.process.scheduler = {policy: "SCHED_OTHER", flags: ["SCHED_FLAG_NOSUCH"]}'
    refuses 'SCHED_FLAG_NOSUCH|sched' tare create "$ID"
}

test_io_priority_is_set() {
    bundle
    command_is probe ioprio
    config '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
    runs
    eq "$out" "class=2 level=6"
    config '.process.ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 0}'
    runs
    eq "$out" "class=3 level=0"
    config '.process.ioPriority = {class: "IOPRIO_CLASS_NOSUCH", priority: 0}'
    refuses 'IOPRIO_CLASS_NOSUCH|priority' tare create "$ID"
}

test_personality_is_set() {
    bundle
    command_is probe personality
    config '.linux.personality = {domain: "LINUX32"}'
    runs
    eq "$out" 0x8
    config '.linux.personality = {domain: "LINUX"}'
    runs
    eq "$out" 0
    config '.linux.personality = {domain: "PLAN9"}'
    refuses 'PLAN9|personality|domain' tare create "$ID"
}

test_memory_policy_is_set() {
    needs_numa
    bundle
    [ -z "$FOREIGN" ] || skip "$FOREIGN of this version has no memoryPolicy"
    command_is probe mempolicy
    config '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE", nodes: "0"}'
    runs
    eq "$out" "mode=0x3 nodes=0x1"
    config '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}'
    runs
    eq "$out" "mode=0x8002 nodes=0x1"
    config '.linux.memoryPolicy = {mode: "MPOL_NOSUCH", nodes: "0"}'
    refuses 'MPOL_NOSUCH' tare create "$ID"
}

test_the_callers_cpu_affinity_does_not_get_in() {
    bundle
    [ "$(nproc)" -gt 1 ] || skip "one processor only"
    command_is probe affinity
    runs
    local all=$out
    ok taskset -c 0 "$TARE" --root "$STATE" run "$ID"
    eq "$out" "$all" "cpus"
}

test_exec_cpu_affinity_does_not_apply_to_the_containers_first_process() {
    bundle
    [ "$(nproc)" -gt 1 ] || skip "one processor only"
    command_is probe affinity
    runs
    local all=$out
    config '.process.execCPUAffinity = {initial: "0", final: "0"}'
    runs
    eq "$out" "$all" "cpus"
    config '.process.execCPUAffinity = {initial: "nonsense"}'
    [ -n "$FOREIGN" ] || refuses 'affinity|execCPUAffinity' tare create "$ID"
}

test_apparmor_is_refused_where_the_kernel_has_none() {
    bundle
    [ ! -d /sys/kernel/security/apparmor ] || skip "AppArmor is enabled here"
    config '.process.apparmorProfile = "some-profile"'
    refuses 'apparmor' tare create "$ID"
}

test_an_apparmor_profile_confines_the_program_and_what_exec_adds() {
    needs_apparmor
    printf 'profile tare-it-%s flags=(attach_disconnected,mediate_deleted) {\n  file, capability, network, signal, ptrace,\n  deny /refused rw,\n}\n' \
        one two >"$T/profiles"
    apparmor_parser -r "$T/profiles" || skip "profiles cannot be loaded here"
    trap 'apparmor_parser -R "$T/profiles"' EXIT
    bundle
    echo secret >"$R/refused"
    config '.process.apparmorProfile = "tare-it-one"'
    script 'cat /proc/self/attr/current /refused; sleep 300'
    tare run --detach "$ID" >"$T/.out" 2>"$T/.err" || fail "$(cat "$T/.err")"
    eventually grep -q refused "$T/.err"
    eq "$(cat "$T/.out")" "tare-it-one (enforce)"
    has "$(cat "$T/.err")" "Permission denied"
    ok tare exec "$ID" cat /proc/self/attr/current
    eq "$out" "tare-it-one (enforce)" "the container's own profile"
    ok tare exec --apparmor tare-it-two "$ID" cat /proc/self/attr/current
    eq "$out" "tare-it-two (enforce)" "the profile of exec"
    ends 255 tare exec --apparmor no-such-profile "$ID" true
    has "$err" "set the AppArmor profile no-such-profile: no such file or directory"
    gone
    config '.process.apparmorProfile = "no-such-profile"'
    refuses "set the AppArmor profile no-such-profile: no such file or directory.*apparmor_parser" tare create "$ID"
}

test_selinux_label_is_refused_where_the_kernel_has_none() {
    bundle
    [ ! -d /sys/fs/selinux/policy ] && ! grep -q selinuxfs /proc/mounts || skip "SELinux is enabled here"
    config '.process.selinuxLabel = "system_u:system_r:container_t:s0"'
    [ -z "$FOREIGN" ] || skip "runc ignores it"
    refuses 'selinux' tare create "$ID"
}
