# linux.resources on a host with cgroup v2 alone: each field is read back from the kernel's file, and limits are seen to bite.
# timeout_s: 90
. "$INTEGRATION/lib/v2.sh"

test_v2_memory_limit_reservation_and_swap() {
    needs_v2 memory
    with_resources '{"memory": {"limit": 67108864, "reservation": 33554432, "swap": 100663296}}'
    reads memory.max 67108864
    reads memory.low 33554432
    [ ! -e "$(v2_file memory.swap.max)" ] || reads memory.swap.max 33554432
    gone
}

test_v2_swap_is_what_is_left_above_the_memory_limit() {
    needs_v2 memory
    [ -e /sys/fs/cgroup/system.slice/memory.swap.max ] || skip "no swap accounting here"
    with_resources '{"memory": {"limit": 67108864, "swap": 67108864}}'
    reads memory.swap.max 0
    gone
    with_resources '{"memory": {"limit": 67108864, "swap": -1}}'
    reads memory.swap.max max
    gone
    with_resources '{"memory": {"limit": -1, "swap": -1}}'
    reads memory.max max
    reads memory.swap.max max
    gone
    refuses_resources '{"memory": {"swap": 67108864}}' 'needs a memory limit.*memory/swap'
    refuses_resources '{"memory": {"limit": 67108864, "swap": 1048576}}' 'memory'
}

test_v2_memory_that_is_protected_slowed_and_killed_together() {
    needs_v2 memory
    with_resources '{"unified": {"memory.min": "1048576", "memory.low": "2097152", "memory.high": "33554432", "memory.oom.group": "1"}}'
    reads memory.min 1048576
    reads memory.low 2097152
    reads memory.high 33554432
    reads memory.oom.group 1
    gone
}

test_v2_a_memory_limit_kills_and_the_kill_is_recorded() {
    needs_v2 memory
    with_resources '{"memory": {"limit": 33554432, "swap": 33554432}}'
    ok tare start "$ID"
    ok tare exec "$ID" probe memory 8
    ends 137 tare exec "$ID" probe memory 64
    at_least "$(field oom_kill "$(v2_file memory.events)")" 1 "oom_kill"
    at_least "$(field max "$(v2_file memory.events)")" 1 "times at the limit"
    ok tare events --stats "$ID"
    eq "$(jq .data.memory.usage.limit <<<"$out")" 33554432 "limit in the statistics"
    gone
}

test_v2_memory_above_high_is_slow_and_not_killed() {
    needs_v2 memory
    with_resources '{"memory": {"swap": -1}, "unified": {"memory.high": "16777216"}}'
    ok tare start "$ID"
    tare exec "$ID" timeout -s KILL 2 probe memory 32 >/dev/null 2>&1
    at_least "$(field high "$(v2_file memory.events)")" 1 "times above high"
    eq "$(field oom_kill "$(v2_file memory.events)")" 0 "oom_kill"
    gone
}

test_v2_cpu_shares_quota_period_burst_and_idle() {
    needs_v2 cpu
    with_resources '{"cpu": {"shares": 1024, "quota": 50000, "period": 200000, "burst": 20000}}'
    reads cpu.weight 100
    reads cpu.max "50000 200000"
    reads cpu.max.burst 20000
    gone
    with_resources '{"cpu": {"shares": 2, "quota": -1}}'
    reads cpu.weight 1
    reads cpu.max "max 100000"
    gone
    with_resources '{"cpu": {"shares": 262144, "period": 50000}}'
    reads cpu.weight 10000
    reads cpu.max "max 50000"
    gone
    with_resources '{"cpu": {"idle": 1}}'
    reads cpu.idle 1
    gone
}

test_v2_a_quota_holds_the_processor_time() {
    needs_v2 cpu
    with_resources '{"cpu": {"quota": 20000, "period": 100000}}'
    ok tare start "$ID"
    local before after
    before=$(field usage_usec "$(v2_file cpu.stat)")
    tare exec "$ID" timeout 2 sh -c 'while :; do :; done'
    after=$(field usage_usec "$(v2_file cpu.stat)")
    # A fifth of a processor for two seconds, and the entry into the container.
    at_most $((after - before)) 1000000 "microseconds used"
    at_least "$(field nr_throttled "$(v2_file cpu.stat)")" 5 "throttled periods"
    at_least "$(field throttled_usec "$(v2_file cpu.stat)")" 500000 "microseconds waited"
    ok tare events --stats "$ID"
    at_least "$(jq .data.cpu.throttling.throttledPeriods <<<"$out")" 5 "throttled periods told"
    gone
}

test_v2_cpu_sets() {
    needs_v2 cpuset
    with_resources '{"cpu": {"cpus": "0", "mems": "0"}}'
    reads cpuset.cpus 0
    reads cpuset.mems 0
    reads cpuset.cpus.effective 0
    ok tare start "$ID"
    matches "$(grep Cpus_allowed_list "/proc/$PID/status")" '	0$'
    gone
    refuses_resources '{"cpu": {"cpus": "4000"}}' 'cpuset|cpu/cpus'
}

test_v2_a_partition_that_the_kernel_does_not_make_is_refused() {
    ours_only
    needs_v2 cpuset
    bundle
    config '.linux.resources = {cpu: {cpus: "0"}, unified: {"cpuset.cpus.partition": "root"}}'
    # The groups above are no partitions.
    refuses 'partition.*root invalid.*unified/cpuset.cpus.partition' tare create "$ID"
    with_resources '{"unified": {"cpuset.cpus.partition": "member"}}'
    reads cpuset.cpus.partition member
    gone
}

test_v2_a_pids_limit_refuses_a_fork_and_counts_it() {
    needs_v2 pids
    with_resources '{"pids": {"limit": 8}}'
    reads pids.max 8
    ok tare start "$ID"
    tare exec "$ID" sh -c 'i=0; while [ $i -lt 12 ]; do sleep 100 & i=$((i+1)); done' >"$B/out" 2>&1
    has "$(cat "$B/out")" fork
    at_least "$(field max "$(v2_file pids.events)")" 1 "refused forks"
    at_most "$(cat "$(v2_file pids.current)")" 8 processes
    gone
    with_resources '{"pids": {"limit": -1}}'
    reads pids.max max
    gone
}

# A disk with a file system on which $T/disk is made: $DISK is its MAJOR:MINOR.
on_a_disk() {
    local folder
    for folder in /var/tmp /home /root; do
        DISK=$(mountpoint -d / 2>/dev/null)
        [ "$(stat -f -c %T "$folder")" = ext2/ext3 ] && FOLDER=$(mktemp -d "$folder/tare-io.XXXXXX") && break
    done
    [ -n "${FOLDER:-}" ] && [ -e "/sys/dev/block/$DISK/queue" ] || skip "no file system on a whole disk here"
    trap 'rm -rf "$FOLDER"' EXIT
    chown "$RUN_AS" "$FOLDER"
}

test_v2_block_io_throttling_and_weight() {
    needs_v2 io
    on_a_disk
    local major=${DISK%:*} minor=${DISK#*:}
    with_resources "{\"blockIO\": {\"throttleReadBpsDevice\": [{\"major\": $major, \"minor\": $minor, \"rate\": 1048576}],
        \"throttleWriteBpsDevice\": [{\"major\": $major, \"minor\": $minor, \"rate\": 2097152}],
        \"throttleReadIOPSDevice\": [{\"major\": $major, \"minor\": $minor, \"rate\": 300}],
        \"throttleWriteIOPSDevice\": [{\"major\": $major, \"minor\": $minor, \"rate\": 400}]}}"
    reads io.max "$DISK rbps=1048576 wbps=2097152 riops=300 wiops=400"
    gone
    [ -e "$(dirname "$(v2_file .)")/io.weight" ] || [ -e "$(dirname "$(v2_file .)")/io.bfq.weight" ] || return 0
    with_resources '{"blockIO": {"weight": 500}}'
    if [ -e "$(v2_file io.bfq.weight)" ]; then reads io.bfq.weight "default 500"; else reads io.weight "default 4950"; fi
    gone
}

test_v2_a_write_limit_holds_the_bandwidth() {
    needs_v2 io memory
    on_a_disk
    bundle
    config --argjson major "${DISK%:*}" --argjson minor "${DISK#*:}" \
        '.linux.resources.blockIO.throttleWriteBpsDevice = [{major: $major, minor: $minor, rate: 1048576}]'
    add_mount /disk bind "$FOLDER" rbind
    script 'dd if=/dev/zero of=/disk/file bs=64k count=48 conv=fsync 2>/dev/null'
    runs
    # 3 MiB at 1 MiB a second, less what the kernel lets through at once.
    at_least "$took_ms" 1500 "milliseconds for 3 MiB"
    config 'del(.linux.resources.blockIO)'
    eq "$(stat -c %s "$FOLDER/file")" 3145728 "bytes written"
}

test_v2_io_latency() {
    needs_v2 io
    on_a_disk
    [ -e /sys/fs/cgroup/system.slice/io.latency ] || skip "this kernel has no io.latency"
    with_resources "{\"unified\": {\"io.latency\": \"$DISK target=75000\"}}"
    reads io.latency "$DISK target=75000"
    gone
}

test_v2_the_cost_model_of_io_is_the_hosts() {
    ours_only
    needs_v2 io
    refuses_resources '{"unified": {"io.cost.qos": "1:0 enable=1"}}' 'io.cost.qos.*only the root group'
}

test_v2_huge_pages_and_their_reservation() {
    needs_v2 hugetlb
    with_resources '{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}'
    reads hugetlb.2MB.max 4194304
    [ ! -e "$(v2_file hugetlb.2MB.rsvd.max)" ] || reads hugetlb.2MB.rsvd.max 4194304
    gone
}

test_v2_limits_of_resources_that_are_not_there_are_refused() {
    ours_only
    needs_v2 rdma misc
    refuses_resources '{"rdma": {"mlx5_0": {"hcaHandles": 3}}}' 'rdma.max.*rdma/mlx5_0'
    refuses_resources '{"unified": {"misc.max": "none_such 5"}}' 'misc.max'
    grep -qw dmem /sys/fs/cgroup/cgroup.controllers && refuses_resources '{"unified": {"dmem.max": "none/such 5"}}' 'dmem.max'
    refuses_resources '{"unified": {"nosuch.max": "5"}}' 'nosuch'
}

test_v2_what_only_v1_has_is_refused_with_its_counterpart() {
    ours_only
    needs_v2 memory cpu
    refuses_resources '{"memory": {"limit": 67108864, "disableOOMKiller": true}}' 'disableOOMKiller.*memory.high'
    refuses_resources '{"memory": {"swappiness": 10}}' 'swappiness'
    refuses_resources '{"cpu": {"realtimeRuntime": 1000}}' 'realtimeRuntime'
    refuses_resources '{"network": {"classID": 5}}' 'classID'
    refuses_resources '{"blockIO": {"leafWeight": 50}}' 'leafWeight'
}

test_v2_pressure_is_counted_and_can_be_switched_off() {
    needs_v2 memory
    [ -e /proc/pressure/cpu ] || skip "no pressure stall information here"
    with_resources '{}'
    ok tare events --stats "$ID"
    ne "$(jq -c .data.cpu.psi <<<"$out")" null "psi of the processor"
    gone
    [ -e /sys/fs/cgroup/system.slice/cgroup.pressure ] || return 0
    with_resources '{"unified": {"cgroup.pressure": "0"}}'
    reads cgroup.pressure 0
    ok tare events --stats "$ID"
    gone
}

test_v2_an_update_reaches_every_file() {
    needs_v2 memory cpu pids cpuset
    with_resources '{"memory": {"limit": 67108864}, "cpu": {"shares": 512}}'
    echo '{"memory": {"limit": 50331648, "reservation": 16777216}, "cpu": {"shares": 1024, "quota": 30000, "period": 60000, "cpus": "0"},
        "pids": {"limit": 77}, "unified": {"memory.high": "40000000", "cgroup.max.descendants": "9"}}' >"$B/r.json"
    ok tare update --resources "$B/r.json" "$ID"
    reads memory.max 50331648
    reads memory.low 16777216
    reads memory.high 39997440
    reads cpu.weight 100
    reads cpu.max "30000 60000"
    reads cpuset.cpus 0
    reads pids.max 77
    reads cgroup.max.descendants 9
    ours_only
    echo '{"memory": {"limit": 33554432}, "unified": {"cpuset.cpus.partition": "root"}}' >"$B/r.json"
    refuses 'root invalid' tare update --resources "$B/r.json" "$ID"
    reads memory.max 50331648
    reads cpuset.cpus.partition member
    gone
}
