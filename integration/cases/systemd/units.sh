# timeout_s: 120
# The systemd manager: what the unit is, what it is told, what becomes of it. The runtime is called with the flag where a case says so: later
# commands know from the record.
. "$INTEGRATION/lib/systemd.sh"

needs_systemd() {
    [ "$CGROUP_MANAGER" = systemd ] || skip "systemd is not the cgroup manager here"
    # In the place of the program that adds the flag to every call one that does not.
    local given=$TARE
    TARE=$T/bin/$(basename "$given")
    [ -e "$TARE" ] || { mkdir "$T/bin" && cp "$given" "$TARE" && grep -v '^manager ' "$given.environment" >"$TARE.environment"; } ||
        fail "cannot make $TARE"
}
# A bundle whose container is a scope of systemd's.
scope() { # [BUNDLE-NAME]
    needs_systemd
    bundle "$@"
    UNIT=tare-$ID.scope
    config --arg p "$SLICE:tare:$ID" '.linux.cgroupsPath = $p'
    command_is sleep 300
}
create_scope() {
    tare --systemd-cgroup create "$ID" >"$B/stdout" 2>"$B/stderr" || fail "create: $(cat "$B/stderr")"
    PID=$(state .pid)
}
start_scope() { create_scope; ok tare start "$ID"; }
property() { systemctl show --value -p "$1" "$UNIT"; } # NAME
unit_is_gone() { [ "$(systemctl show --value -p LoadState "$UNIT")" = not-found ]; }
group() { echo "/sys/fs/cgroup$(property ControlGroup)"; }
pins() { ls -A /sys/fs/bpf/tare 2>/dev/null | grep "${ID//-/_2d}"; }
# The limits of the container's group as the kernel has them.
limits_now() { (cd "$(group)" && grep -s . memory.max memory.low memory.high cpu.max cpu.weight pids.max cpuset.cpus memory.limit_in_bytes); }

test_a_container_is_a_scope_with_its_limits_as_properties() {
    scope
    is_pure_v2 || skip "the properties of cgroup v2"
    config '.linux.resources = {memory: {limit: 67108864, reservation: 33554432}, cpu: {shares: 512, quota: 50000, period: 100000},
        pids: {limit: 77}, unified: {"memory.high": "60002304"}}'
    start_scope
    eq "$(property Slice)" "$SLICE"
    eq "$(property Delegate)" yes
    eq "$(property MemoryMax)" 67108864
    eq "$(property MemoryLow)" 33554432
    eq "$(property MemoryHigh)" 60002304
    eq "$(property CPUWeight)" 59
    eq "$(property CPUQuotaPerSecUSec)" 500ms
    eq "$(property TasksMax)" 77
    has "$(cat "/proc/$PID/cgroup")" "/$SLICE/$UNIT"
    (cd "$(group)" && eq "$(cat memory.max)" 67108864 && eq "$(cat memory.high)" 60002304 && eq "$(cat cpu.max)" "50000 100000" &&
        eq "$(cat pids.max)" 77) || exit 1
    gone
    eventually unit_is_gone
}

test_a_reload_and_a_changed_property_change_no_other_limit_and_no_access_to_devices() {
    local before
    needs_root "make devices"
    scope
    config '.linux.resources.memory = {limit: 67108864, reservation: 33554432} | .linux.resources.cpu = {shares: 512, quota: 33330} |
        .linux.resources.pids = {limit: 77} | .process.capabilities.bounding += ["CAP_MKNOD"] | .process.capabilities.permitted += ["CAP_MKNOD"] |
        .process.capabilities.effective += ["CAP_MKNOD"] | .linux.resources.devices += [{allow: true, type: "c", major: 10, minor: 229, access: "rw"}]'
    start_scope
    ok tare exec "$ID" sh -c 'mknod /tmp/allowed c 10 229; mknod /tmp/denied c 1 11'
    devices_are_guarded() {
        ok tare exec "$ID" sh -c 'exec 3<>/dev/null'
        # Denied is EPERM; a driver that is not there is another error.
        call tare exec "$ID" sh -c ': </tmp/allowed'
        lacks "$err" "not permitted" "an allowed device"
        call tare exec "$ID" sh -c ': </tmp/denied'
        has "$err" "not permitted" "a device that is not allowed"
    }
    devices_are_guarded
    before=$(limits_now)
    systemctl daemon-reload
    eq "$(limits_now)" "$before" "the limits after daemon-reload"
    devices_are_guarded
    if is_on_v1 memory; then
        systemctl set-property --runtime "$UNIT" TasksMax=99
        eq "$(limits_now)" "${before/pids.max:77/pids.max:99}" "the limits after set-property"
    else
        systemctl set-property --runtime "$UNIT" MemoryMax=50M
        eq "$(limits_now)" "${before/memory.max:67108864/memory.max:52428800}" "the limits after set-property"
    fi
    devices_are_guarded
    gone
}

test_an_update_is_told_to_systemd_and_stays() {
    scope
    is_pure_v2 || skip "the properties of cgroup v2"
    config '.linux.resources.memory = {limit: 67108864} | .linux.resources.cpu = {quota: 50000}'
    start_scope
    ok tare update --memory 41943040 --cpu-quota 25000 --pids-limit 50 "$ID"
    eq "$(property MemoryMax)" 41943040
    eq "$(property CPUQuotaPerSecUSec)" 250ms
    eq "$(property TasksMax)" 50
    systemctl daemon-reload
    (cd "$(group)" && eq "$(cat memory.max)" 41943040 && eq "$(cat cpu.max)" "25000 100000" && eq "$(cat pids.max)" 50) || exit 1
    gone
}

test_an_update_that_is_refused_leaves_the_properties_as_they_were() {
    scope
    is_pure_v2 || skip "the properties of cgroup v2"
    config '.linux.resources.memory = {limit: 67108864} | .linux.resources.pids = {limit: 77}'
    start_scope
    refuses 'cpuset' tare update --memory 41943040 --cpuset-cpus 4095 "$ID"
    eq "$(property MemoryMax)" 67108864
    eq "$(cat "$(group)/memory.max")" 67108864
    gone
}

test_what_systemd_refuses_is_taken_back_and_named() {
    scope
    is_pure_v2 || skip "the properties of cgroup v2"
    config '.linux.resources.memory = {limit: 67108864} | .linux.resources.pids = {limit: 77}'
    start_scope
    # The kernel takes it, and systemd does not.
    echo '{"memory": {"limit": 41943040}, "unified": {"pids.max": "0"}}' >"$T/limits"
    refuses 'TasksMax.*limits#/unified/pids.max' tare update --resources "$T/limits" "$ID"
    eq "$(property MemoryMax) $(property TasksMax)" "67108864 77"
    eq "$(cat "$(group)/memory.max" "$(group)/pids.max" | xargs)" "67108864 77"
    gone
    config '.linux.resources.unified["pids.max"] = "0"'
    refuses 'TasksMax.*linux/resources/unified/pids.max' tare --systemd-cgroup create "$ID"
    eventually unit_is_gone
}

test_a_late_delete_leaves_the_unit_that_has_its_name_now() {
    local first
    scope
    first=$ID
    drop_namespace pid # so that its processes are found by their group
    start_scope
    systemctl stop "$UNIT"
    becomes stopped
    bundle second
    config --arg p "$SLICE:tare:$first" '.linux.cgroupsPath = $p'
    command_is sleep 300
    start_scope
    ok tare kill --all "$first" KILL
    ok tare ps --format json "$first"
    eq "$out" "[]"
    ok tare delete --force "$first"
    eq "$(property ActiveState)" active "the second one's unit"
    status_is running || fail "$(state .status)"
    gone
    eventually unit_is_gone
}

test_v1_a_device_rule_that_systemd_cannot_say_is_refused() {
    scope
    needs_v1 devices
    config '.linux.resources.devices = [{allow: true, access: "rwm"}, {allow: false, type: "b", major: 8, access: "rwm"}]'
    refuses 'list of devices cannot say.*linux/resources/devices/1' tare --systemd-cgroup create "$ID"
}

test_later_commands_need_no_flag() {
    scope
    start_scope
    ok tare exec "$ID" true
    ok tare pause "$ID"
    status_is paused || fail "$(state .status)"
    ok tare resume "$ID"
    eq "$(tare ps --format json "$ID" | jq length)" 1
    ok tare kill "$ID" KILL
    becomes stopped
    ok tare delete "$ID"
    eventually unit_is_gone
}

test_a_process_of_exec_is_in_the_scope() {
    scope
    start_scope
    ok tare exec --detach --pid-file pid "$ID" sleep 300
    has "$(cat "/proc/$(cat pid)/cgroup")" "/$SLICE/$UNIT"
    gone
}

test_a_limit_of_one_task_is_enough_for_one_process() {
    scope
    needs pids
    config '.linux.resources.pids = {limit: 1}'
    start_scope
    limit_is pids.limit 1
    gone
}

test_a_hundred_containers_leave_no_unit_and_no_group() {
    local i
    scope
    command_is true
    for ((i = 0; i < 100; i++)); do
        config --arg p "$SLICE:tare:$ID-$i" '.linux.cgroupsPath = $p'
        case $((i % 4)) in
            0) tare --systemd-cgroup run "$ID-$i" || fail "run $i" ;;
            1) tare --systemd-cgroup create "$ID-$i" && tare delete --force "$ID-$i" || fail "create and delete $i" ;;
            2) tare --systemd-cgroup run --detach "$ID-$i" && tare delete --force "$ID-$i" || fail "run and delete $i" ;;
            3) tare --systemd-cgroup create "$ID-$i" && tare kill "$ID-$i" KILL && tare delete --force "$ID-$i" || fail "kill and delete $i" ;;
        esac </dev/null >/dev/null
    done
    no_units() { [ -z "$(systemctl list-units --all --plain --no-legend --full "tare-$ID-*")" ]; }
    eventually no_units
    eq "$(find /sys/fs/cgroup -type d -name "tare-$ID-*" | head -3)" "" "groups"
    eq "$(pins)" "" "pinned programs"
}

test_a_failed_unit_of_that_name_gives_way_and_one_that_runs_does_not() {
    scope
    # A scope fails if its processes do not end in time.
    systemd-run --quiet --scope --unit="$UNIT" -p TimeoutStopSec=1 -p SendSIGKILL=no sh -c 'trap "" TERM; sleep 10' &
    is_active() { [ "$(property ActiveState)" = active ]; }
    eventually is_active
    systemctl stop "$UNIT"
    eq "$(property ActiveState)" failed "the leftover"
    wait
    start_scope
    eq "$(property ActiveState)" active "the unit of the container"
    refuses "$UNIT runs already" tare --systemd-cgroup create "$ID-2"
    eq "$(property ActiveState)" active "the first one's unit"
    gone
}

test_a_scope_that_systemd_stops_is_a_container_that_has_stopped() {
    scope
    start_scope
    systemctl stop "$UNIT"
    becomes stopped
    ok tare delete "$ID"
}

test_a_runtime_that_is_killed_in_the_middle_leaves_what_delete_removes() {
    local delay
    for delay in 0.002 0.005 0.01 0.02 0.04 0.06 0.08 0.12 0.16 0.24 0.32 0.5; do
        scope "k${delay#0.}"
        timeout -s KILL "$delay" "$TARE" --root "$STATE" --systemd-cgroup create "$ID" </dev/null >/dev/null 2>&1
        call tare delete --force "$ID"
        [ $code = 0 ] || has "$err" "does not exist" "delete after $delay s"
        eventually unit_is_gone
        eq "$(find /sys/fs/cgroup -type d -name "$UNIT")" "" "groups after $delay s"
        eq "$(pins)" "" "pinned programs after $delay s"
    done
}

test_an_annotation_sets_a_property_of_the_unit() {
    scope
    config '.annotations = {"org.systemd.property.Description": "\"a web server\"", "org.systemd.property.TimeoutStopSec": "7",
        "org.systemd.property.TasksMax": "uint64 5"} | .linux.resources.pids = {limit: 77}'
    start_scope
    eq "$(property Description)" "a web server"
    eq "$(property TimeoutStopUSec)" 7s
    eq "$(property TasksMax)" 77 "a limit wins over an annotation"
    gone
}

test_a_subgroup_is_the_containers_own_and_the_limits_stay_above_it() {
    scope
    is_pure_v2 || skip "a group below the scope needs cgroup v2"
    config '.annotations = {"run.oci.systemd.subgroup": "inner"} | .linux.resources.pids = {limit: 77}'
    start_scope
    has "$(cat "/proc/$PID/cgroup")" "$UNIT/inner"
    eq "$(cat "$(group)/pids.max")" 77
    eq "$(cat "$(group)/inner/pids.max")" max
    ok tare exec "$ID" cat /proc/self/cgroup
    eq "$out" "0::/"
    gone
    eventually unit_is_gone
}

test_a_name_that_is_a_slice_is_one() {
    scope
    UNIT=tare-$PPID-$CASE.slice
    config --arg p "tare.slice:x:tare-$PPID-$CASE.slice" '.linux.cgroupsPath = $p | .linux.resources.pids = {limit: 77}'
    start_scope
    has "$(cat "/proc/$PID/cgroup")" "/tare.slice/tare-$PPID.slice/$UNIT"
    eq "$(property TasksMax)" 77
    gone
    systemctl stop "tare-$PPID.slice" tare.slice
}

test_a_path_that_names_no_unit_is_refused() {
    scope
    config '.linux.cgroupsPath = "/a/b"'
    refuses '"slice:prefix:name".*linux/cgroupsPath' tare --systemd-cgroup create "$ID"
    config '.linux.cgroupsPath = "nothing:x:y"'
    refuses 'no slice of systemd' tare --systemd-cgroup create "$ID"
}

test_without_systemd_the_refusal_says_what_was_tried_and_what_to_do() {
    bundle
    needs_root "use the system's systemd"
    [ "$CGROUP_MANAGER" = cgroupfs ] || skip "systemd is here"
    [ ! -S /run/systemd/private ] || skip "systemd is here"
    config '.linux.cgroupsPath = "system.slice:x:y"'
    refuses '/run/systemd/private.*system_bus_socket.*--cgroup-manager cgroupfs' tare --systemd-cgroup create "$ID"
}
