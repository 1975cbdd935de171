# events: statistics against the kernel's own files, out-of-memory events, and the ends of the stream.

stats() { ok tare events --stats "$ID"; eq "$err" "" stderr; eq "$(wc -l <"$T/.out")" 1 lines; }
data() { jq -c ".data$1" <<<"$out"; }
# Events in the background, into $T/events; $! and $events are its pid.
watch_events() { # [EVENTS-OPTION...]
    "$TARE" --root "$STATE" events "$@" "$ID" >"$T/events" 2>"$T/events.err" &
    events=$!
}
has_gone() { ! kill -0 "$1" 2>/dev/null; }
# The background command ends by itself, successfully, and says nothing on stderr.
events_end() {
    eventually has_gone "$events"
    wait "$events"
    eq $? 0 "exit code of events: $(cat "$T/events.err")"
    eq "$(cat "$T/events.err")" "" stderr
}
lines() { [ "$(grep -c . "$T/events")" -ge "$1" ]; }
# What a program of the container begins with where its CPU time is looked at: User Mode Linux counts in ticks of 10 ms.
USE_CPU='i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'
cpu_time_is_counted() { tare events --stats "$ID" | jq -e '.data.cpu.usage.total > 0'; }
of_type() { jq -r "select(.type == \"$1\") | .id" <"$T/events"; }

test_one_line_of_statistics_in_the_form_of_runc() {
    bundle
    config '.linux.resources.pids = {limit: 55}'
    command_is sleep 30
    started
    stats
    eq "$(jq -r '.type + " " + .id' <<<"$out")" "stats $ID"
    eq "$(data '|keys_unsorted|map(select(. != "cpuset" and . != "intel_rdt" and . != "network_interfaces"))')" \
        '["cpu","memory","pids","blkio","hugetlb"]'
    eq "$(data .cpu.usage' | has("kernel") and has("user")')" true
    eq "$(data .memory' | (.usage, .swap, .kernel, .kernelTCP) | has("limit") and has("failcnt")' | sort -u)" true
    eq "$(data .pids)" '{"current":1,"limit":55}'
    gone
}

test_values_are_those_of_the_kernels_files() {
    needs_v1 memory
    needs_v1 cpuset
    bundle
    config '.linux.resources = {memory: {limit: 67108864, swap: 67108864}, cpu: {shares: 512}}'
    script "$USE_CPU"'; head -c 4000000 /dev/zero | tail -c 3000000 >/dev/shm/x; touch /ready; sleep 30'
    add_mount /dev/shm tmpfs tmpfs
    started
    eventually test -e "$R/ready"
    # Nothing moves while it is frozen, but for charges that the kernel keeps for each CPU and gives back when it likes.
    echo 1 >"$(v2_file cgroup.freeze)"
    eventually grep -q 'frozen 1' "$(v2_file cgroup.events)"
    stats
    eq "$(data .cpu.usage.total)" "$(cat "$(cgroup_file cpuacct cpuacct.usage)")" "CPU time"
    eq "$(data '.cpu.usage | (.percpu | add) == .total')" true "sum over CPUs"
    eq "$(data .cpu.usage.user)" "$(awk '$1 == "user" { print $2 * 10000000 }' "$(cgroup_file cpuacct cpuacct.stat)")" "user time"
    eq "$(data .cpu.usage.kernel)" "$(awk '$1 == "system" { print $2 * 10000000 }' "$(cgroup_file cpuacct cpuacct.stat)")" "system time"
    at_least "$(data .cpu.usage.total)" 1000000 "nanoseconds of CPU time"
    eq "$(data .memory.usage.limit)" 67108864
    at_most "$(($(data .memory.usage.usage) - $(cat "$(cgroup_file memory memory.usage_in_bytes)")))" 1048576 "change of usage"
    at_least "$(($(data .memory.usage.usage) - $(cat "$(cgroup_file memory memory.usage_in_bytes)")))" -1048576 "change of usage"
    eq "$(data .memory.usage.max)" "$(cat "$(cgroup_file memory memory.max_usage_in_bytes)")" "largest usage"
    eq "$(data .memory.swap.limit)" 67108864
    eq "$(data .memory.cache)" "$(awk '$1 == "cache" { print $2 }' "$(cgroup_file memory memory.stat)")" cache
    at_least "$(data .memory.cache)" 2900000 cache
    eq "$(data '.memory.raw | length')" "$(wc -l <"$(cgroup_file memory memory.stat)")" "lines of memory.stat"
    eq "$(data .memory.raw.total_pgfault)" "$(awk '$1 == "total_pgfault" { print $2 }' "$(cgroup_file memory memory.stat)")"
    eq "$(data .pids.current)" "$(cat "$(cgroup_file pids pids.current)")"
    eq "$(data '.cpuset.cpus | map(tostring) | join(" ")')" \
        "\"$(tr , '\n' <"$(cgroup_file cpuset cpuset.cpus)" | while IFS=- read -r a b; do seq "$a" "${b:-$a}"; done | xargs)\""
    eq "$(data .cpuset.sched_relax_domain_level)" "$(cat "$(cgroup_file cpuset cpuset.sched_relax_domain_level)")"
    gone
}

test_throttling_is_counted() {
    bundle
    config '.linux.resources.cpu = {quota: 5000, period: 100000}'
    script 'while :; do :; done'
    started
    sleep 0.6
    stats
    at_least "$(data .cpu.throttling.periods)" 2
    at_least "$(data .cpu.throttling.throttledPeriods)" 2
    at_least "$(data .cpu.throttling.throttledTime)" 50000000 "nanoseconds"
    gone
}

test_pressure_comes_from_the_unified_hierarchy() {
    [ -e "$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)/cpu.pressure" ] || skip "no PSI in this kernel"
    bundle
    config '.linux.resources.cpu = {quota: 5000, period: 100000}'
    script 'while :; do :; done'
    started
    eventually awk '/^some/ { split($5, total, "="); exit !(total[2] > 0) } END { if (!NR) exit 1 }' "$(v2_file cpu.pressure)"
    stats
    eq "$(data '| .cpu.psi, .memory.psi, .blkio.psi | [(.some, .full) | keys[]] | unique')" \
        "$(printf '["avg10","avg300","avg60","total"]\n%.0s' 1 2 3)"
    at_least "$(data .cpu.psi.some.total)" 1 "microseconds"
    at_most "$(data .cpu.psi.some.total)" "$(sed -n 's/^some.*total=//p' "$(v2_file cpu.pressure)")"
    gone
}

test_huge_pages_of_each_size() {
    [ -d /sys/kernel/mm/hugepages/hugepages-2048kB ] || skip "no huge pages of 2 MB in this kernel"
    bundle
    config '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
    command_is sleep 30
    started
    stats
    eq "$(data '.hugetlb["2MB"]')" '{"failcnt":0}'
    gone
}

test_interfaces_of_a_network_namespace_of_its_own() {
    bundle
    add_namespace network
    command_is sleep 30
    created
    stats
    eq "$(data .network_interfaces)" '[]' "only the loopback"
    ip link add veth-a netns "$PID" type veth peer name veth-b netns "$PID" || skip "no veth devices here"
    nsenter -t "$PID" -n bash -c 'ip addr add 192.0.2.1/24 dev veth-a; ip link set veth-a up; ip link set veth-b up' >/dev/null 2>&1
    # The kernel takes a moment from "up" to the first packet.
    eventually bytes_are_sent
    stats
    eq "$(data '.network_interfaces | map(.Name) | sort')" '["veth-a","veth-b"]'
    eq "$(data '.network_interfaces | map(select(.Name == "veth-a")) | .[0].TxBytes > 0')" true "bytes sent"
    gone
}

# A datagram to nobody is an ARP request at least.
bytes_are_sent() {
    nsenter -t "$PID" -n bash -c 'echo x >/dev/udp/192.0.2.2/9'
    tare events --stats "$ID" | jq -e '.data.network_interfaces | map(select(.Name == "veth-a")) | .[0].TxBytes > 0'
}

test_interfaces_of_the_host_are_not_the_containers() {
    bundle
    drop_namespace network
    command_is sleep 30
    created
    stats
    eq "$(data .network_interfaces)" '[]'
    gone
}

test_created_and_paused_containers_have_statistics() {
    bundle
    command_is sleep 30
    created
    stats
    eq "$(data .pids.current)" 1
    ok tare start "$ID"
    echo 1 >"$(v2_file cgroup.freeze)"
    becomes paused
    stats
    eq "$(data .pids.current)" 1
    gone
}

test_a_stopped_container_is_refused() {
    bundle
    command_is true
    started
    becomes stopped
    refuses "container with id $ID is not running" tare events "$ID"
    refuses "container with id $ID is not running" tare events --stats "$ID"
    refuses "does not exist" tare events no-such-container
    gone
}

test_a_container_without_a_cgroup_is_refused() {
    ours_only
    bundle
    config 'del(.linux.cgroupsPath, .linux.resources)'
    command_is sleep 30
    call tare --cgroup-manager disabled create "$ID"
    [ $code = 0 ] || fail "create: $err"
    refuses "no control group" tare events --stats "$ID"
    gone
}

test_the_interval_is_kept() {
    bundle
    command_is sleep 30
    started
    local start=${EPOCHREALTIME/./} interval_ms=$((300 * SLOWNESS))
    watch_events --interval ${interval_ms}ms
    sleep 0.15
    eq "$(cat "$T/events")" "" "nothing before the first interval is over"
    eventually lines 4
    local took_ms=$(((${EPOCHREALTIME/./} - start) / 1000))
    at_least $took_ms $((4 * interval_ms - 10)) "milliseconds for four lines"
    at_most $took_ms 2000 "milliseconds for four lines"
    # It waits, and does not ask again and again: a few milliseconds of CPU time at most.
    at_most "$(awk '{ print $14 + $15 }' "/proc/$events/stat")" 10 "ticks of CPU time"
    gone
    events_end
}

test_the_stream_ends_with_the_container() {
    [ "$CGROUP_MANAGER" = cgroupfs ] || skip "systemd removes the group with its last process, and what was counted there"
    bundle
    script "$USE_CPU; while [ ! -e /stop ]; do sleep 0.05; done"
    started
    watch_events --interval 1h
    sleep 0.3
    kill -0 "$events" || fail "it ended before the container"
    touch "$R/stop"
    local start=${EPOCHREALTIME/./}
    events_end
    at_most $(((${EPOCHREALTIME/./} - start) / 1000)) 1500 "milliseconds"
    # The last line is about its whole life.
    ours_only
    eq "$(of_type stats)" "$ID"
    eq "$(jq '.data.cpu.usage.total > 0' <"$T/events")" true
    gone
}

test_the_stream_ends_when_the_container_is_deleted() {
    bundle
    script "$USE_CPU; sleep 30"
    started
    eventually cpu_time_is_counted
    watch_events --interval 1h
    sleep 0.2
    gone
    events_end
    # A last line, or none: but never a part of the truth.
    [ ! -s "$T/events" ] || at_least "$(jq .data.cpu.usage.total <"$T/events")" 1
}

test_signals_end_the_stream() {
    bundle
    command_is sleep 30
    started
    local signal
    for signal in TERM INT; do
        env --default-signal=INT "$TARE" --root "$STATE" events "$ID" >"$T/events" 2>"$T/events.err" &
        events=$!
        sleep 0.2
        kill -$signal "$events"
        eventually has_gone "$events"
        eq "$(cat "$T/events" "$T/events.err")" ""
    done
    gone
}

test_a_reader_that_goes_away_ends_the_stream() {
    bundle
    command_is sleep 30
    started
    mkfifo "$T/pipe"
    # At once, and not only when the next line cannot be written.
    "$TARE" --root "$STATE" events --interval 1h "$ID" >"$T/pipe" 2>"$T/events.err" &
    events=$!
    exec 7<"$T/pipe"
    sleep 0.2
    kill -0 "$events" || fail "it ended early"
    exec 7<&-
    events_end
    # The first line is read, the second is not.
    "$TARE" --root "$STATE" events --interval 50ms "$ID" 2>"$T/events.err" | head -1 >"$T/events"
    eq "${PIPESTATUS[0]}" 0 "exit code"
    eq "$(cat "$T/events.err")" ""
    eq "$(of_type stats)" "$ID"
    gone
}

test_an_oom_kill_is_told() {
    needs memory
    bundle
    config '.linux.resources.memory = {limit: 16777216, swap: 16777216}'
    # A child is killed; the container goes on.
    script 'while [ ! -e /go ]; do sleep 0.05; done; head -c 100000000 /dev/zero | tail -c 90000000 >/dev/null; touch /survived; sleep 30'
    started
    watch_events --interval 1h
    sleep 0.2
    touch "$R/go"
    eventually test -e "$R/survived"
    eventually lines 1
    eq "$(head -1 "$T/events")" "{\"type\":\"oom\",\"id\":\"$ID\"}"
    eq "$(of_type stats)" ""
    gone
    events_end
}

test_an_oom_kill_of_the_first_process_is_told_before_the_end() {
    [ "$CGROUP_MANAGER" = cgroupfs ] || skip "systemd removes the group with its last process, and what was counted there"
    needs memory
    bundle
    config '.linux.resources.memory = {limit: 16777216, swap: 16777216}'
    script 'while [ ! -e /go ]; do sleep 0.05; done; exec tail -c 90000000 /dev/zero'
    started
    watch_events --interval 1h
    sleep 0.2
    touch "$R/go"
    becomes stopped
    events_end
    eq "$(head -1 "$T/events")" "{\"type\":\"oom\",\"id\":\"$ID\"}"
    ours_only
    eq "$(jq -r .type <"$T/events" | paste -sd' ')" "oom stats"
    gone
}

test_the_removal_of_the_group_is_no_oom() {
    needs memory
    bundle
    script 'sleep 30'
    started
    watch_events --interval 1h
    sleep 0.2
    # It looks only when all is over, and the kernel has notified it of the removal.
    kill -STOP "$events"
    gone
    sleep 0.3
    kill -CONT "$events"
    events_end
    eq "$(cat "$T/events")" "" "neither an event nor statistics of nothing"
}

test_v2_the_statistics_of_a_pure_v2_host() {
    umount -R /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup || skip "cgroup2 cannot be mounted here"
    mounts_before=""
    trap : EXIT
    bundle
    ! is_on_v2 memory || config '.linux.resources = {memory: {limit: 67108864}, pids: {limit: 55}}'
    script "$USE_CPU"'; touch /ready; sleep 30'
    started
    eventually test -e "$R/ready"
    echo 1 >"$(v2_file cgroup.freeze)"
    eventually grep -q 'frozen 1' "$(v2_file cgroup.events)"
    stats
    eq "$(data .cpu.usage.total)" "$(awk '$1 == "usage_usec" { print $2 * 1000 }' "$(v2_file cpu.stat)")"
    eq "$(data .cpu.usage.user)" "$(awk '$1 == "user_usec" { print $2 * 1000 }' "$(v2_file cpu.stat)")"
    at_least "$(data .cpu.usage.total)" 1000000
    is_on_v2 memory || { gone; return; }
    at_most "$(($(data .memory.usage.usage) - $(cat "$(v2_file memory.current)")))" 1048576 "change of usage"
    at_least "$(($(data .memory.usage.usage) - $(cat "$(v2_file memory.current)")))" -1048576 "change of usage"
    eq "$(data .memory.usage.limit)" 67108864
    eq "$(data .pids)" "{\"current\":1,\"limit\":55}"
    eq "$(data .memory.raw.pgfault)" "$(awk '$1 == "pgfault" { print $2 }' "$(v2_file memory.stat)")"
    gone
}
