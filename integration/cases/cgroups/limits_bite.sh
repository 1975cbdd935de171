# linux.resources at work: what runs into its limit is held, and the kernel counts it.

# The number that a file of a controller has after a word: CONTROLLER V1-FILE V2-FILE WORD.
counted() {
    local file=$2
    is_on_v1 "$1" || file=$3
    awk -v w="$4" '$1 == w { print $2 }' "$(cgroup_file "$1" "$file")"
}

test_memory_above_the_limit_is_an_oom_kill_that_is_counted() {
    needs memory
    bundle
    config '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
    # A child is killed; the container goes on.
    script 'probe memory 128; echo $? >/code; sleep 60'
    started
    eventually test -s "$R/code"
    eq "$(cat "$R/code")" 137 "exit code of the child"
    at_least "$(counted memory memory.oom_control memory.events oom_kill)" 1 "kills"
    gone
}

test_cpu_above_the_quota_is_throttling_that_is_counted() {
    needs cpu
    bundle
    config '.linux.resources.cpu = {quota: 5000, period: 50000}'
    script 'while :; do :; done'
    started
    throttled() { [ "$(counted cpu cpu.stat cpu.stat nr_throttled)" -gt 3 ]; }
    eventually throttled
    gone
}

test_a_process_above_the_limit_is_refused_and_counted() {
    needs pids
    bundle
    config '.linux.resources.pids = {limit: 5}'
    script 'probe forks 20 >/forks; sleep 60'
    started
    eventually test -s "$R/forks"
    at_most "$(cat "$R/forks")" 4 "children alive at once"
    at_least "$(counted pids pids.events pids.events max)" 1 "refusals"
    gone
}

test_writing_above_the_bandwidth_takes_its_time() {
    needs_block_io
    bundle
    local disk device begin
    disk=$(mktemp -d /var/tmp/tare-it.XXXXXX)
    trap 'rm -rf "$disk"' EXIT
    device=$(findmnt -no MAJ:MIN -T "$disk" | tr -d ' ')
    [ -e "/sys/dev/block/$device" ] || skip "no disk below /var/tmp"
    [ ! -e "/sys/dev/block/$device/partition" ] || device=$(cat "/sys/dev/block/$device/../dev")
    chown "$RUN_AS" "$disk"
    config --arg d "$device" '.linux.resources.blockIO.throttleWriteBpsDevice = [($d | split(":") | map(tonumber) | {major: .[0], minor: .[1], rate: 1048576})]'
    add_mount /disk bind "$disk" bind rw
    # Past the page cache: on v1 what is written back later is nobody's.
    script 'dd if=/dev/zero of=/disk/file bs=64k count=48 oflag=direct 2>&1 && rm /disk/file'
    begin=${EPOCHREALTIME/./}
    runs
    at_least $(((${EPOCHREALTIME/./} - begin) / 1000)) 1800 "milliseconds for 3 MiB at 1 MiB/s: $out"
}
