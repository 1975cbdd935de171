# linux.resources: each field is read back from the kernel's file, on whatever layout this host has (lib/cgroup.sh).

reads() { # CONTROLLER FILE EXPECTED
    eq "$(cat "$(cgroup_file "$1" "$2")" 2>&1)" "$3" "$1 $2"
}

test_memory_limits() {
    bundle
    needs memory
    config '.linux.resources.memory = {limit: 67108864, reservation: 33554432}'
    command_is sleep 30
    created
    limit_is memory.limit 67108864
    limit_is memory.reservation 33554432
    gone
}

test_swappiness_and_the_oom_killer_are_set_on_v1_and_refused_on_v2() {
    bundle
    needs memory
    command_is sleep 30
    if ! is_on_v1 memory; then
        config '.linux.resources.memory = {swappiness: 10}'
        refuses 'cgroup v2.*memory/swappiness' tare create "$ID"
        config '.linux.resources.memory = {disableOOMKiller: true}'
        refuses 'cgroup v2.*memory/disableOOMKiller' tare create "$ID"
        return
    fi
    config '.linux.resources.memory = {swappiness: 10, disableOOMKiller: true}'
    created
    reads memory memory.swappiness 10
    has "$(cat "$(cgroup_file memory memory.oom_control)")" "oom_kill_disable 1"
    gone
}

test_memory_and_swap_together() {
    bundle
    needs_swap_limits
    config '.linux.resources.memory = {limit: 67108864, swap: 134217728}'
    command_is sleep 30
    created
    limit_is memory.limit 67108864
    limit_is memory.swap 134217728
    gone
}

test_unlimited_memory() {
    bundle
    needs memory
    config '.linux.resources.memory = {limit: -1}'
    command_is sleep 30
    created
    limit_is memory.limit max
    gone
}

test_a_memory_limit_is_enforced() {
    bundle
    needs memory
    config '.linux.resources.memory = {limit: 33554432}'
    command_is probe memory 16
    runs
    eq "$out" touched
    command_is probe memory 128
    ends 137 tare run "$ID"
}

test_a_very_small_memory_limit_is_a_clear_error_or_works() {
    bundle
    needs memory
    config '.linux.resources.memory = {limit: 4096}'
    call tare run "$ID"
    ne "$code" 0 "exit code"
    at_most "$took_ms" 5000 milliseconds
    [ -n "$FOREIGN" ] || matches "$err" 'memory|kill|137|^$'
}

test_cpu_shares_quota_and_period() {
    bundle
    needs cpu
    config '.linux.resources.cpu = {shares: 512, quota: 50000, period: 100000}'
    command_is sleep 30
    created
    limit_is cpu.shares 512
    limit_is cpu.quota 50000
    limit_is cpu.period 100000
    gone
}

test_cpu_burst_and_idle() {
    bundle
    needs cpu
    config '.linux.resources.cpu = {quota: 50000, period: 100000, burst: 20000}'
    command_is sleep 30
    created
    limit_is cpu.burst 20000
    gone
    config '.linux.resources.cpu = {idle: 1}'
    created
    [ -e "$(cgroup_file cpu cpu.idle)" ] || { gone; return; }
    limit_is cpu.idle 1
    gone
}

test_cpu_period_alone() {
    bundle
    needs cpu
    config '.linux.resources.cpu = {period: 50000}'
    command_is sleep 30
    created
    limit_is cpu.period 50000
    gone
}

test_cpu_sets() {
    bundle
    needs cpuset
    config '.linux.resources.cpu = {cpus: "0", mems: "0"}'
    command_is sleep 30
    created
    limit_is cpu.cpus 0
    limit_is cpu.mems 0
    matches "$(grep Cpus_allowed_list "/proc/$PID/status")" '	0$'
    gone
}

test_a_cpu_set_that_does_not_exist_is_refused() {
    bundle
    needs cpuset
    config '.linux.resources.cpu = {cpus: "4000"}'
    refuses 'cpuset' tare create "$ID"
}

test_real_time_scheduling_is_set_or_refused_with_its_file() {
    bundle
    needs cpu
    config '.linux.resources.cpu = {realtimePeriod: 1000000, realtimeRuntime: 1000}'
    command_is sleep 30
    if ! is_on_v1 cpu; then
        refuses 'cgroup v2.*cpu/realtimeRuntime' tare create "$ID"
        return
    fi
    call tare create "$ID"
    if [ $code = 0 ]; then
        reads cpu cpu.rt_runtime_us 1000
        gone
    else
        has "$err" cpu.rt_
    fi
}

test_pids_limit() {
    bundle
    needs pids
    config '.linux.resources.pids = {limit: 10}'
    command_is probe forks 50
    runs
    at_most "$out" 9 "children alive at once"
    at_least "$out" 5 "children alive at once"
}

test_pids_limit_values() {
    bundle
    needs pids
    command_is sleep 30
    config '.linux.resources.pids = {limit: 77}'
    created
    limit_is pids.limit 77
    gone
    config '.linux.resources.pids = {limit: -1}'
    created
    limit_is pids.limit max
    gone
}

test_block_io_weight_and_throttling() {
    bundle
    needs_block_io
    local device
    device=$(lsblk -dno MAJ:MIN 2>/dev/null | head -1 | tr -d ' ')
    [ -n "$device" ] || device=$(cat /sys/block/*/dev 2>/dev/null | head -1)
    [ -n "$device" ] || skip "no block device here"
    config --argjson major "${device%:*}" --argjson minor "${device#*:}" '{major: $major, minor: $minor} as $d | .linux.resources.blockIO = {
        throttleReadBpsDevice: [$d + {rate: 1048576}], throttleWriteBpsDevice: [$d + {rate: 2097152}],
        throttleReadIOPSDevice: [$d + {rate: 100}], throttleWriteIOPSDevice: [$d + {rate: 200}]}'
    command_is sleep 30
    created
    throttle_is "$device" rbps 1048576
    throttle_is "$device" wbps 2097152
    throttle_is "$device" riops 100
    throttle_is "$device" wiops 200
    gone
}

test_block_io_weight_is_set_or_refused_with_its_name() {
    bundle
    needs_block_io
    config '.linux.resources.blockIO = {weight: 500}'
    command_is sleep 30
    call tare create "$ID"
    if [ $code = 0 ]; then
        block_io_weight_is 500
        gone
    else
        matches "$err" 'blkio|weight'
    fi
}

test_huge_page_limits() {
    bundle
    command_is sleep 30
    config '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
    call tare create "$ID"
    if [ $code != 0 ]; then
        ! is_on_v1 hugetlb && ! is_on_v2 hugetlb || fail "refused although there is a hugetlb controller: $err"
        has "$err" hugetlb
        skip "no hugetlb controller here (refused with its name)"
    fi
    local file
    if is_on_v1 hugetlb; then file=$(cgroup_file hugetlb hugetlb.2MB.limit_in_bytes); else file=$(v2_file hugetlb.2MB.max); fi
    eq "$(cat "$file")" 4194304 "$file"
    gone
}

test_an_unknown_huge_page_size_is_refused() {
    bundle
    config '.linux.resources.hugepageLimits = [{pageSize: "3MB", limit: 4194304}]'
    refuses 'hugetlb|3MB' tare create "$ID"
}

missing() { # CONTROLLER JQ-FILTER: refused with the controller's name, or supported
    bundle "$1"
    config "$2"
    command_is sleep 30
    call tare create "$ID"
    if [ $code = 0 ]; then
        is_on_v1 "$1" || is_on_v2 "$1" || fail "$1 was accepted although this machine does not have it"
        gone
    else
        eq "$code" 1
        has "$err" "$1" "the message"
    fi
}

test_controllers_this_machine_lacks_are_refused_by_name() {
    ours_only
    missing net_cls '.linux.resources.network = {classID: 1048577}'
    missing net_prio '.linux.resources.network = {priorities: [{name: "lo", priority: 5}]}'
    missing rdma '.linux.resources.rdma = {mlx5_1: {hcaHandles: 3, hcaObjects: 1000}}'
}

test_unified_on_a_host_whose_controller_is_elsewhere_is_refused() {
    ours_only
    bundle
    needs_v1 memory
    config '.linux.resources.unified = {"memory.high": "67108864"}'
    refuses 'memory' tare create "$ID"
    config '.linux.resources.unified = {"../escape": "1"}'
    refuses 'unified' tare create "$ID"
    config '.linux.resources.unified = {"no-dot": "1"}'
    refuses 'unified|no-dot' tare create "$ID"
}

test_device_rules_are_written() {
    bundle
    needs_v1 devices
    config '.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "rw"}, {allow: true, type: "b", major: 8, access: "m"}]'
    command_is sleep 30
    created
    local list
    list=$(cat "$(cgroup_file devices devices.list)")
    has "$list" "c 10:229 rw"
    has "$list" "b 8:* m"
    lacks "$list" "a *:*"
    has "$list" "c 1:3 rw" "the default devices"
    gone
}

test_cgroups_are_removed_with_what_the_container_made_below() {
    bundle
    needs_v1 pids
    add_mount /sys/fs/cgroup cgroup cgroup rw
    script 'mkdir -p /sys/fs/cgroup/pids/a/b; sleep 30'
    started
    eventually test -d "$(cgroup_file pids a/b)"
    gone
    absent "$(cgroup_file pids .)"
}

test_the_container_is_in_its_cgroup_in_every_hierarchy() {
    bundle
    config '.linux.resources = {memory: {limit: 67108864}, pids: {limit: 50}}'
    command_is sleep 30
    created
    local outside
    outside=$(grep -v ":$(container_group)\$" "/proc/$PID/cgroup" || true)
    eq "$outside" "" "hierarchies in which the container is elsewhere"
    gone
}

test_a_cgroups_path_is_relative_to_the_mount_point() {
    bundle
    needs_cgroupfs
    config --arg p "${PREFIX}rel/deep" '.linux.cgroupsPath = $p'
    command_is sleep 30
    created
    matches "$(grep -E '^0:|:pids:' "/proc/$PID/cgroup" | head -1)" "${PREFIX}rel/deep\$"
    gone
    find /sys/fs/cgroup -depth -type d -path "*/${PREFIX}rel" -exec rmdir {} +
}

test_without_a_cgroups_path_the_runtime_chooses_one() {
    bundle
    config 'del(.linux.cgroupsPath)'
    command_is sleep 30
    created
    has "$(grep -E '^0:|:pids:' "/proc/$PID/cgroup")" "$ID" "the id is in the path"
    gone
    eq "$(find /sys/fs/cgroup -maxdepth 3 -name "*$ID*" 2>/dev/null)" "" "cgroups left"
}

test_two_containers_in_one_cgroup_are_refused_or_share_it() {
    bundle one
    command_is sleep 30
    started
    local first=$ID
    bundle two
    config --arg p "$(cgroups_path one)" '.linux.cgroupsPath = $p'
    command_is sleep 30
    call tare create "$ID"
    [ $code != 0 ] || gone
    eq "$(state .status "$first")" running "the first container, after the second is gone"
    gone "$first"
}

test_dot_dot_in_the_cgroups_path_stays_below_or_is_refused() {
    ours_only
    needs_cgroupfs
    bundle
    config --arg p "/$PREFIX/../../escape-$CASE" '.linux.cgroupsPath = $p'
    refuses 'cgroupsPath' tare create "$ID"
    eq "$(find /sys/fs/cgroup -maxdepth 2 -name "escape-$CASE")" "" "cgroups made outside"
}

test_an_out_of_range_value_is_refused_with_its_file() {
    bundle
    needs cpu
    config '.linux.resources.cpu = {quota: 1, period: 100000}'
    refuses 'cfs_quota|quota|cpu.max' tare create "$ID"
}

test_swappiness_out_of_range_is_refused() {
    bundle
    needs memory
    config '.linux.resources.memory = {swappiness: 101}'
    refuses 'swappiness' tare create "$ID"
}

test_a_container_that_was_refused_a_cgroup_in_use_kills_nobody_in_it() {
    ours_only
    bundle one
    command_is sleep 30
    started
    local first=$ID
    bundle two
    drop_namespace pid
    config --arg p "$(cgroups_path one)" '.linux.cgroupsPath = $p'
    refuses "container's cgroup is not empty|the unit .* runs already" tare create "$ID"
    at_most "$took_ms" 1000 milliseconds
    eq "$(state .status "$first")" running "the first container"
    refuses 'does not exist' tare state "$ID"
    gone "$first"
}
