# update: each option and each field of --resources is read back from the kernel's own files; the rest keeps its value.

reads() { # CONTROLLER FILE EXPECTED
    eq "$(cat "$(cgroup_file "$1" "$2")" 2>&1)" "$3" "$1 $2"
}
# A sleeping container with these resources (a jq value).
with_resources() {
    bundle
    needs memory
    config --argjson r "$1" '.linux.resources = $r'
    command_is sleep 100
    started
}
updates() { ok tare update "$@" "$ID"; eq "$out$err" "" "output"; }

test_memory_options_change_their_files_and_no_others() {
    with_resources '{"memory": {"limit": 67108864, "reservation": 33554432}, "pids": {"limit": 50}, "cpu": {"shares": 512}}'
    updates --memory 128M
    limit_is memory.limit 134217728
    limit_is memory.reservation 33554432
    updates --memory-reservation 16m
    limit_is memory.limit 134217728
    limit_is memory.reservation 16777216
    limit_is pids.limit 50
    limit_is cpu.shares 512
    gone
}

test_memory_and_swap_are_raised_and_lowered_together() {
    needs_swap_limits
    with_resources '{"memory": {"limit": 67108864, "swap": 67108864}}'
    updates --memory 134217728 --memory-swap 268435456
    limit_is memory.limit 134217728
    limit_is memory.swap 268435456
    updates --memory 33554432 --memory-swap 67108864
    limit_is memory.limit 33554432
    limit_is memory.swap 67108864
    updates --memory-swap -1
    limit_is memory.swap max
    limit_is memory.limit 33554432
    gone
}

test_memory_without_a_limit_has_swap_without_a_limit() {
    needs_swap_limits
    with_resources '{"memory": {"limit": 67108864, "swap": 134217728}}'
    updates --memory -1
    limit_is memory.limit max
    limit_is memory.swap max
    # Nor does the former limit of swap stand in the way of a new limit of memory.
    updates --memory 256M
    limit_is memory.limit 268435456
    gone
}

test_memory_above_the_containers_swap_limit_is_refused_by_name() {
    ours_only
    needs_swap_limits
    with_resources '{"memory": {"limit": 67108864, "swap": 134217728}}'
    refuses "the container's memory.swap: 134217728 is .* less than the memory limit 268435456" tare update --memory 256M "$ID"
    limit_is memory.limit 67108864
    gone
}

test_quota_alone_keeps_the_period_and_period_alone_the_quota() {
    with_resources '{"cpu": {"quota": 50000, "period": 100000}}'
    updates --cpu-quota 20000
    limit_is cpu.quota 20000
    limit_is cpu.period 100000
    updates --cpu-period 50000
    limit_is cpu.quota 20000
    limit_is cpu.period 50000
    updates --cpu-quota -1
    limit_is cpu.quota max
    limit_is cpu.period 50000
    gone
}

test_quota_and_burst_bound_each_other_in_either_direction() {
    with_resources '{"cpu": {"quota": 20000, "period": 100000, "burst": 20000}}'
    updates --cpu-quota 80000 --cpu-burst 60000
    limit_is cpu.quota 80000
    limit_is cpu.burst 60000
    updates --cpu-quota 10000 --cpu-burst 5000
    limit_is cpu.quota 10000
    limit_is cpu.burst 5000
    gone
}

test_shares_and_idle() {
    with_resources '{"cpu": {"shares": 512}}'
    [ -e "$(cgroup_file cpu cpu.idle)" ] || skip "no cpu.idle here"
    updates --cpu-share 256
    limit_is cpu.shares 256
    updates --cpu-idle 1
    limit_is cpu.idle 1
    refuses '\(--cpu-share\); an idle group has no shares' tare update --cpu-share 300 "$ID"
    # Engines send both, again and again.
    updates --cpu-idle 1 --cpu-share 300
    limit_is cpu.idle 1
    # The kernel would set its default of 1024.
    updates --cpu-idle 0
    limit_is cpu.idle 0
    limit_is cpu.shares 300
    gone
}

test_cpu_sets_pids_and_block_io() {
    needs cpuset
    with_resources '{"pids": {"limit": 50}}'
    updates --cpuset-cpus 0 --cpuset-mems 0 --pids-limit 20
    limit_is cpu.cpus 0
    limit_is cpu.mems 0
    limit_is pids.limit 20
    updates --pids-limit -1
    limit_is pids.limit max
    updates --pids-limit 0
    limit_is pids.limit 1
    call tare update --blkio-weight 500 "$ID"
    if [ $code = 0 ]; then
        block_io_weight_is 500
    else
        matches "$err" '(blkio|weight).*\(--blkio-weight\)'
    fi
    gone
}

test_real_time_options_are_set_or_refused_with_their_name() {
    with_resources '{}'
    if ! is_on_v1 cpu; then
        refuses '--cpu-rt-runtime' tare update --cpu-rt-period 900000 --cpu-rt-runtime 1000 "$ID"
        gone
        return
    fi
    call tare update --cpu-rt-period 900000 --cpu-rt-runtime 1000 "$ID"
    if [ $code = 0 ]; then
        reads cpu cpu.rt_runtime_us 1000
        reads cpu cpu.rt_period_us 900000
    else
        matches "$err" 'cpu.rt_.*\(--cpu-rt-'
    fi
    gone
}

test_a_file_of_resources_is_a_merge() {
    with_resources '{"memory": {"limit": 67108864}, "pids": {"limit": 50}, "cpu": {"shares": 512, "quota": 50000, "period": 100000}}'
    echo '{"cpu": {"quota": 30000}, "pids": {"limit": 33}}' >"$T/new.json"
    updates --resources "$T/new.json"
    limit_is cpu.quota 30000
    limit_is cpu.period 100000
    limit_is cpu.shares 512
    limit_is pids.limit 33
    limit_is memory.limit 67108864
    gone
}

test_resources_come_from_standard_input() {
    with_resources '{"memory": {"limit": 67108864}}'
    # As containerd sends them, with the end of the line and zeros for what is not given.
    echo '{"memory": {"limit": 134217728, "reservation": 0}, "cpu": {"shares": 0, "cpus": ""}}' >"$T/new.json"
    ok tare update --resources - "$ID" <"$T/new.json"
    limit_is memory.limit 134217728
    ok tare update -r- "$ID" <<<null
    limit_is memory.limit 134217728
    ok tare update --resources=- "$ID" <<<'{"memory": {"limit": 100663296}}'
    limit_is memory.limit 100663296
    gone
}

test_options_are_laid_over_the_file() {
    with_resources '{}'
    echo '{"cpu": {"quota": 30000, "period": 50000}}' >"$T/new.json"
    updates --resources "$T/new.json" --cpu-quota 20000
    limit_is cpu.quota 20000
    limit_is cpu.period 50000
    gone
}

test_block_devices_are_added_to_those_that_have_a_limit() {
    bundle
    needs_block_io
    local devices
    mapfile -t devices < <(cat /sys/block/*/dev 2>/dev/null | head -2)
    [ ${#devices[@]} = 2 ] || skip "fewer than two block devices here"
    limits_of() { jq -nc --arg d "$1" --argjson r "$2" '($d | split(":") | map(tonumber)) as [$a, $b] | {blockIO: {throttleReadBpsDevice: [{major: $a, minor: $b, rate: $r}]}}'; }
    config --argjson r "$(limits_of "${devices[0]}" 1048576)" '.linux.resources = $r'
    command_is sleep 100
    started
    limits_of "${devices[1]}" 2097152 >"$T/new.json"
    updates -r "$T/new.json"
    throttle_is "${devices[0]}" rbps 1048576
    throttle_is "${devices[1]}" rbps 2097152
    limits_of "${devices[0]}" 0 >"$T/new.json"
    updates -r "$T/new.json"
    throttle_is "${devices[0]}" rbps max
    throttle_is "${devices[1]}" rbps 2097152
    # A later refusal takes the line of a device back.
    jq -s '.[0] * {unified: {"memory.nosuch": "1"}}' <(limits_of "${devices[0]}" 777) >"$T/new.json"
    refuses 'memory' tare update -r "$T/new.json" "$ID"
    if [ -n "$(v2_hierarchy)" ]; then
        jq -s '.[0] * .[1]' <(limits_of "${devices[0]}" 777) <(echo '{"unified": {"cgroup.max.depth": "nonsense"}}') >"$T/new.json"
        refuses 'nonsense' tare update -r "$T/new.json" "$ID"
    fi
    throttle_is "${devices[0]}" rbps max
    throttle_is "${devices[1]}" rbps 2097152
    gone
}

test_huge_pages_and_unified_reach_the_unified_hierarchy_beside_v1() {
    is_on_v2 hugetlb || skip "no hugetlb in the unified hierarchy here"
    bundle
    # Without a limit at its creation the group does not have the controller yet.
    command_is sleep 100
    started
    echo '{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}' >"$T/new.json"
    updates -r "$T/new.json"
    eq "$(cat "$(v2_file hugetlb.2MB.max)")" 4194304
    echo '{"unified": {"hugetlb.2MB.max": "6291456", "cgroup.max.depth": "3"}}' >"$T/new.json"
    updates -r "$T/new.json"
    eq "$(cat "$(v2_file hugetlb.2MB.max)")" 6291456
    eq "$(cat "$(v2_file cgroup.max.depth)")" 3
    gone
}

test_one_refused_value_leaves_all_as_it_was() {
    needs cpuset
    with_resources '{"memory": {"limit": 67108864, "reservation": 33554432}, "pids": {"limit": 50}, "cpu": {"shares": 512, "quota": 50000, "period": 100000, "cpus": "0"}}'
    local before
    after() {
        local name
        for name in memory.limit memory.reservation pids.limit cpu.shares cpu.quota cpu.period cpu.cpus; do limit $name; done
    }
    before=$(after)
    # Written in the order cpuset, cpu, memory, pids: the last one is refused by the kernel.
    refuses 'pids.max' tare update --memory 128M --memory-reservation 64M --cpu-share 100 --cpu-quota 20000 --cpu-period 40000 --cpuset-cpus 0-1 --pids-limit 99999999999 "$ID"
    eq "$(after)" "$before" "after a refused limit of pids"
    refuses 'cpuset' tare update --memory 128M --cpu-share 100 --cpuset-cpus 4000 "$ID"
    eq "$(after)" "$before" "after a refused CPU"
    # And what is remembered is as before, too.
    updates --cpu-period 90000
    limit_is cpu.quota 50000
    gone
}

test_a_refused_value_takes_the_end_of_idleness_back_with_its_shares() {
    with_resources '{"cpu": {"shares": 512}}'
    [ -e "$(cgroup_file cpu cpu.idle)" ] || skip "no cpu.idle here"
    refuses 'pids.max' tare update --cpu-idle 1 --pids-limit 99999999999 "$ID"
    limit_is cpu.idle 0
    limit_is cpu.shares 512
    gone
}

test_memory_in_use_cannot_be_taken_away() {
    bundle
    needs memory
    config '.linux.resources.memory = {limit: 134217728}'
    script 'x=$(head -c 40000000 /dev/zero | tr "\0" x); echo >/ready; sleep 100; echo $x >/dev/null'
    started
    eventually test -e "$R/ready"
    local pids
    pids=$(limit pids.limit)
    if is_on_v1 memory; then
        refuses 'memory.*\(--memory\); more memory than that is in use' tare update --memory 8M --pids-limit 7 "$ID"
    else
        # v2 takes it and kills, unless it is asked to look first.
        echo '{"memory": {"limit": 8388608, "checkBeforeUpdate": true}, "pids": {"limit": 7}}' >"$T/new.json"
        refuses 'memory.*memory/limit' tare update -r "$T/new.json" "$ID"
    fi
    limit_is memory.limit 134217728
    limit_is pids.limit "$pids"
    gone
}

test_devices_are_not_touched() {
    bundle
    needs_v1 devices
    config '.linux.resources = {devices: [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "rw"}], memory: {limit: 67108864}}'
    script 'while :; do head -c 1 /dev/zero >/dev/null || echo denied; sleep 0.02; done'
    started
    local before
    before=$(cat "$(cgroup_file devices devices.list)")
    echo '{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "b", "major": 8, "minor": 0, "access": "rw"}], "memory": {"limit": 134217728}}' >"$T/new.json"
    updates -r "$T/new.json"
    # systemd says its own list again, in another order.
    eq "$(sort "$(cgroup_file devices devices.list)")" "$(sort <<<"$before")" devices.list
    limit_is memory.limit 134217728
    sleep 0.2
    eq "$(cat "$B/stdout" "$B/stderr")" "" "the container's output"
    gone
}

test_a_paused_container_is_updated_and_stays_paused() {
    needs cpuset
    with_resources '{"memory": {"limit": 67108864}}'
    ok tare pause "$ID"
    updates --memory 128M --cpu-quota 20000 --pids-limit 9 --cpuset-cpus 0
    status_is paused || fail "status $(state .status)"
    limit_is memory.limit 134217728
    limit_is pids.limit 9
    ok tare resume "$ID"
    gone
}

test_a_created_container_can_be_updated_and_a_stopped_one_cannot() {
    bundle
    needs pids
    created
    updates --pids-limit 9
    limit_is pids.limit 9
    status_is created || fail "status $(state .status)"
    ok tare start "$ID"
    becomes stopped
    refuses 'container not running' tare update --pids-limit 10 "$ID"
    gone
    refuses 'container does not exist' tare update --pids-limit 10 "$ID"
}

test_json_tells_the_limits_in_force_and_can_be_given_back() {
    ours_only
    needs cpuset
    local shares=512
    # A weight cannot be told as shares: it is `unified`.
    is_on_v1 cpu || shares=null
    with_resources '{"memory": {"limit": 67108864}, "pids": {"limit": 50}, "cpu": {"shares": 512, "quota": 50000, "period": 100000}}'
    ok tare update --memory 128M --json "$ID"
    eq "$err" ""
    eq "$(jq -c '[.memory.limit, .pids.limit, .cpu.shares, .cpu.quota, .cpu.period, .cpu.cpus]' <<<"$out")" \
        "[134217728,50,$shares,50000,100000,\"$(kernels cpuset cpuset.cpus cpuset.cpus.effective)\"]"
    local all=$out
    ok tare update --cpu-quota -1 --pids-limit -1 --memory -1 --json "$ID"
    eq "$(jq -c '[.memory.limit, .pids.limit, .cpu.quota]' <<<"$out")" "[-1,-1,-1]"
    echo "$all" | jq 'del(.cpu.realtimeRuntime, .cpu.realtimePeriod)' >"$T/all.json"
    ok tare update --json -r "$T/all.json" "$ID"
    eq "$out" "$all" "the limits after they were given back"
    # Alone it changes nothing, and only tells.
    ok tare update --json "$ID"
    eq "$out" "$all"
    gone
}

test_what_was_asked_for_is_remembered_until_the_container_is_deleted() {
    ours_only
    with_resources '{"memory": {"limit": 67108864}, "devices": [{"allow": false, "access": "rwm"}]}'
    absent "$STATE/$ID/resources.json"
    updates --pids-limit 9
    eq "$(jq -cS . <"$STATE/$ID/resources.json")" '{"devices":[{"access":"rwm","allow":false}],"memory":{"limit":67108864},"pids":{"limit":9}}'
    eq "$(jq -c .linux.resources <"$STATE/$ID/config.json")" "$(jq -c .linux.resources <"$B/config.json")" "the configuration as created"
    gone
    absent "$STATE/$ID"
}

test_wrong_values_are_refused_by_the_name_of_their_option() {
    ours_only
    with_resources '{"memory": {"limit": 67108864}}'
    refuses 'invalid memory: "64X": must be a number of bytes' tare update --memory 64X "$ID"
    refuses 'update .*: --cpu-period: 5 microseconds are out of range; use 1000 to 1000000' tare update --cpu-period 5 "$ID"
    refuses ': --cpu-idle: 2 is out of range; use 0 to 1' tare update --cpu-idle 2 "$ID"
    refuses ': --cpuset-cpus: "x" is no number and no range' tare update --cpuset-cpus x "$ID"
    refuses ': --blkio-weight: 5 is out of range; use 10 to 1000' tare update --blkio-weight 5 "$ID"
    refuses ': --pids-limit: -2 is negative' tare update --pids-limit -2 "$ID"
    refuses ': --memory-swap: 4096 is memory and swap together' tare update --memory 1M --memory-swap 4096 "$ID"
    # The least weight of v2 is that of two shares.
    ! is_on_v1 cpu || refuses '1: the minimum allowed cpu-shares is 2 \(--cpu-share\)' tare update --cpu-share 1 "$ID"
    limit_is memory.limit 67108864
    gone
}

test_wrong_files_are_refused_with_their_place() {
    ours_only
    with_resources '{}'
    rejects() { # REGEX TEXT
        printf '%s' "$2" >"$T/new.json"
        refuses "$1" tare update -r "$T/new.json" "$ID"
        lacks "$err" config.json
    }
    rejects 'new.json: is not valid JSON' '{"memory": '
    rejects 'new.json: .*expected an object' '[]'
    rejects 'new.json#/memory/limit: invalid type' '{"memory": {"limit": "big"}}'
    rejects 'new.json#/cpu/period: 5 microseconds' '{"cpu": {"period": 5}}'
    rejects 'new.json#/hugepageLimits/0/pageSize: is required' '{"hugepageLimits": [{"limit": 5}]}'
    rejects 'hugetlb.*new.json#/hugepageLimits/0/limit' '{"hugepageLimits": [{"pageSize": "3MB", "limit": 4194304}]}'
    ! is_on_v1 memory || [ -z "$(v2_hierarchy)" ] || rejects 'controller `memory` is not available.*new.json#/unified/memory.high' '{"unified": {"memory.high": "1000000"}}'
    refuses '/nosuch.json: no such file or directory' tare update -r "$T/nosuch.json" "$ID"
    refuses 'is a directory' tare update -r "$T" "$ID"
    mkfifo "$T/fifo"
    refuses 'is not a regular file' tare update -r "$T/fifo" "$ID"
    echo '{"cpu": {"period": 5}}' >"$T/new.json"
    refuses 'standard input#/cpu/period: 5 micro' tare update -r - "$ID" <"$T/new.json"
    head -c 20000000 /dev/zero >"$T/large"
    refuses 'standard input' tare update -r - "$ID" <"$T/large"
    refuses 'larger than 16 MiB' tare update -r "$T/large" "$ID"
    gone
}

test_what_has_no_effect_is_said_and_changes_nothing() {
    ours_only
    with_resources '{"memory": {"limit": 67108864}}'
    ok tare update --kernel-memory 5M --kernel-memory-tcp 5M "$ID"
    has "$err" "--kernel-memory has no effect"
    has "$err" "--kernel-memory-tcp has no effect"
    ok tare update --memory 0 "$ID"
    has "$err" "--memory changes nothing"
    ok tare update "$ID"
    has "$err" "nothing was named"
    limit_is memory.limit 67108864
    eq "$(tare update --help | grep -c kernel-memory)" 0
    gone
}

test_rdt_schemas_need_a_container_with_a_resctrl_group() {
    ours_only
    with_resources '{"pids": {"limit": 50}}'
    refuses 'created without intelRdt.*; create it with' tare update --l3-cache-schema 'L3:0=f' --pids-limit 7 "$ID"
    refuses ': --mem-bw-schema: must be one line that starts with "MB:"' tare update --mem-bw-schema 'L3:0=f' "$ID"
    limit_is pids.limit 50
    gone
}

test_a_container_without_a_cgroup_has_no_limits() {
    ours_only
    bundle
    config 'del(.linux.cgroupsPath, .linux.resources)'
    command_is sleep 100
    ok tare --cgroup-manager disabled create "$ID"
    refuses 'no control group of its own' tare update --pids-limit 7 "$ID"
    refuses 'no control group of its own' tare update --json "$ID"
    gone
}

test_an_update_waits_for_the_command_that_works_on_the_container() {
    ours_only
    with_resources '{"cpu": {"quota": 50000, "period": 100000}}'
    flock "$STATE/$ID" sleep 1 &
    sleep 0.2
    updates --pids-limit 9
    at_least "$took_ms" 500 milliseconds
    limit_is pids.limit 9
    gone
}

# The n-th write of an update, whichever it is, brings the signal: the kernel's files and what is kept agree afterwards.
test_a_signal_that_ends_the_update_leaves_all_of_it_or_nothing() {
    ours_only
    command -v strace >/dev/null || skip "no strace"
    with_resources '{"memory": {"limit": 67108864}, "pids": {"limit": 50}}'
    local n signal before after limit=50
    for signal in TERM INT HUP QUIT; do
        for n in 1 2 3 4; do
            before=$(limits_and_kept)
            limit=$((limit + 1))
            strace -f -qq -o trace -e trace=write -e inject="write:signal=SIG$signal:when=$n" \
                "$TARE" --root "$STATE" update --memory ${limit}M --pids-limit $limit "$ID"
            after=$(limits_and_kept)
            [ "$after" = "$before" ] || eq "$after" "$((limit << 20)) $limit $((limit << 20)) $limit" \
                "limits in force and kept after SIG$signal at write $n: $(cat trace)"
        done
        # The first writes are the limits.
        ne "$after" "67108864 50  " "limits after SIG$signal"
    done
    gone
}
limits_and_kept() {
    echo "$(limit memory.limit) $(limit pids.limit)" \
        "$(jq -r '"\(.memory.limit) \(.pids.limit)"' "$STATE/$ID/resources.json" 2>/dev/null)"
}
