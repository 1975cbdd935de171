# Groups of cgroup v2: what the kernel's rules for them mean for a container (cgroups(7), "no internal processes", "Thread mode",
# delegation), and their end.
. "$INTEGRATION/lib/v2.sh"
needs_groups() { # CONTROLLER...: groups of the case's own, by their paths
    needs_cgroupfs
    needs_v2 "$@"
}

test_v2_the_group_belongs_to_the_container_if_its_view_can_be_written() {
    needs_groups pids
    needs_root "give groups away"
    bundle
    user_namespace
    add_mount /sys/fs/cgroup cgroup cgroup rw
    config '.linux.resources.pids.limit = 20'
    script 'stat -c "%n %u" /sys/fs/cgroup $(cd /sys/fs/cgroup; ls) | grep " 0$" | cut -d" " -f1 | xargs -n1 basename | sort
        mkdir /sys/fs/cgroup/a /sys/fs/cgroup/a/b && echo 0 >/sys/fs/cgroup/a/b/cgroup.procs && cat /proc/self/cgroup
        (echo 100 >/sys/fs/cgroup/pids.max) 2>/dev/null || echo kept'
    config '.process.cwd = "/sys/fs/cgroup"'
    runs
    local expected
    expected=$( { echo cgroup; cat /sys/kernel/cgroup/delegate; } | while read -r file; do
        [ "$file" = cgroup ] || [ -e "/sys/fs/cgroup/system.slice/$file" ] && echo "$file"; done | sort)
    eq "$(grep -v '^0::\|^kept' <<<"$out")" "$expected" "files that are the container's"
    has "$out" "0::/a/b"
    has "$out" kept
    absent "$(v2_file .)"
}

test_v2_the_group_stays_the_hosts_if_its_view_is_read_only() {
    needs_groups pids
    bundle
    user_namespace
    add_mount /sys/fs/cgroup cgroup cgroup ro
    command_is sleep 300
    created
    eq "$(stat -c %U "$(v2_file .)")" "$RUN_AS" "owner"
    eq "$(stat -c %U "$(v2_file cgroup.procs)")" "$RUN_AS" "owner of cgroup.procs"
    gone
}

test_v2_exec_follows_a_container_that_has_divided_its_group() {
    needs_groups memory pids
    bundle
    add_mount /sys/fs/cgroup cgroup cgroup rw
    script 'cd /sys/fs/cgroup && mkdir init && echo 0 >init/cgroup.procs && echo "+memory +pids" >cgroup.subtree_control && touch /ready; sleep 300'
    started
    eventually test -e "$R/ready"
    eq "$(cat "$(v2_file cgroup.subtree_control)")" "memory pids"
    ok tare exec "$ID" sh -c 'cat /proc/self/cgroup'
    eq "$out" "0::/init"
    # All of it is still counted, frozen and killed as one.
    at_least "$(tare ps --format json "$ID" | jq length)" 1 processes
    ok tare pause "$ID"
    status_is paused || fail "not paused"
    ok tare resume "$ID"
    gone
    absent "$(v2_file .)"
}

test_v2_a_group_below_processes_is_refused_with_the_rule() {
    needs_groups memory
    v2_group busy
    # Its controllers are taken back, so that it may hold a process itself.
    for controller in $(cat "$GROUP/cgroup.subtree_control"); do echo "-$controller" >"$GROUP/cgroup.subtree_control"; done
    sleep 300 &
    local holder=$!
    echo $holder >"$GROUP/cgroup.procs"
    bundle
    config --arg p "/${PREFIX}busy/box" '.linux.cgroupsPath = $p | .linux.resources.memory.limit = 67108864'
    refuses 'cgroup.subtree_control: enabling the controller .memory.*resource busy.*no internal processes' tare create "$ID"
    kill $holder
    wait $holder 2>/dev/null
    rmdir "$GROUP"
}

test_v2_a_group_that_hands_controllers_down_is_refused_with_the_reason() {
    ours_only
    needs_groups memory
    bundle
    v2_group full
    mkdir "$GROUP/below"
    config --arg p "/${PREFIX}full" '.linux.cgroupsPath = $p'
    refuses 'enter the cgroup: device or resource busy.*config.json#/linux/cgroupsPath.*hands controllers down' tare create "$ID"
    rmdir "$GROUP/below" "$GROUP"
}

test_v2_a_group_of_threads_is_refused_with_its_file_and_type() {
    ours_only
    needs_groups cpu
    v2_group threads
    mkdir "$GROUP/t" "$GROUP/t/box"
    for controller in $(cat "$GROUP/cgroup.subtree_control"); do echo "-$controller" >"$GROUP/cgroup.subtree_control"; done
    echo threaded >"$GROUP/t/cgroup.type" || fail "no threaded group"
    eq "$(cat "$GROUP/t/box/cgroup.type")" "domain invalid"
    bundle
    config --arg p "/${PREFIX}threads/t/box" '.linux.cgroupsPath = $p'
    refuses 'threads/t/box.*takes no processes: its type is "domain invalid".*cgroups\(7\)' tare create "$ID"
    config --arg p "/${PREFIX}threads/t" '.linux.cgroupsPath = $p'
    refuses 'threads/t.*takes no processes: its type is "threaded"' tare create "$ID"
    exists "$GROUP/t/box" "somebody else's group"
    rmdir "$GROUP/t/box" "$GROUP/t" "$GROUP"
}

test_v2_exec_into_a_group_that_takes_no_processes_says_so() {
    ours_only
    needs_groups memory
    with_resources '{}'
    ok tare start "$ID"
    # Its process is elsewhere, and the group hands controllers down: nobody may enter.
    v2_group elsewhere
    for controller in $(cat "$GROUP/cgroup.subtree_control"); do echo "-$controller" >"$GROUP/cgroup.subtree_control"; done
    echo "$PID" >"$GROUP/cgroup.procs"
    echo +memory >"$(v2_file cgroup.subtree_control)"
    call tare exec "$ID" true
    eq "$code" 255 "exit code"
    has "$err" "is gone or takes no processes"
    echo -memory >"$(v2_file cgroup.subtree_control)"
    echo "$PID" >"$(v2_file cgroup.procs)"
    gone
    rmdir "$GROUP"
}

test_v2_controllers_are_handed_down_all_the_way() {
    needs_groups memory pids
    bundle
    config --arg p "/${PREFIX}deep/a/b/box" '.linux.cgroupsPath = $p | .linux.resources = {memory: {limit: 67108864}, pids: {limit: 9}}'
    command_is sleep 300
    created
    local group=/sys/fs/cgroup/${PREFIX}deep
    eq "$(cat "$group/a/b/box/memory.max") $(cat "$group/a/b/box/pids.max")" "67108864 9"
    matches "$(cat "$group/a/cgroup.subtree_control")" memory.*pids
    gone
    absent "$group/a/b/box"
    [ ! -d "$group" ] || { rmdir "$group/a/b" "$group/a" "$group"; }
}

test_v2_a_kill_reaches_every_process_below_also_of_a_paused_container() {
    needs_groups pids
    bundle
    add_mount /sys/fs/cgroup cgroup cgroup rw
    drop_namespace pid
    script 'mkdir -p /sys/fs/cgroup/a; (echo 0 >/sys/fs/cgroup/a/cgroup.procs; exec sleep 301) & sleep 0.3; touch /ready; sleep 302'
    started
    eventually test -e "$R/ready"
    local inner
    inner=$(cat "$(v2_file a/cgroup.procs)")
    ok tare pause "$ID"
    ok tare delete --force "$ID"
    [ ! -e "/proc/$inner" ] || fail "process $inner below lives on"
    absent "$(v2_file .)"
}
