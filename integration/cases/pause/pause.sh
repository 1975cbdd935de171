# pause and resume: what the kernel says, and what the other commands make of it.

# How many processes of the container make progress: a counter in its rootfs is read twice.
counts() {
    local before
    before=$(cat "$R/count" 2>/dev/null)
    sleep 0.3
    [ "$(cat "$R/count" 2>/dev/null)" != "$before" ]
}
counter() { script 'i=0; while :; do i=$((i + 1)); echo $i > /count; sleep 0.02; done'; }

test_a_paused_container_stands_still_and_a_resumed_one_goes_on() {
    bundle
    counter
    started
    eventually counts
    ok tare pause "$ID"
    eq "$out$err" "" "output"
    status_is paused || fail "status $(state .status)"
    ! counts || fail "its process runs on"
    ok tare resume "$ID"
    eq "$out$err" "" "output"
    status_is running || fail "status $(state .status)"
    counts || fail "its process does not run"
    gone
}

test_all_processes_of_the_container_are_stopped() {
    bundle
    script 'count() { i=0; while :; do i=$((i + 1)); echo $i > /count$1; sleep 0.02; done; }; count 1 & count 2 & count 3 & wait'
    started
    eventually test -s "$R/count1" -a -s "$R/count2" -a -s "$R/count3"
    ok tare pause "$ID"
    local before
    before=$(cat "$R"/count*)
    sleep 0.3
    eq "$(cat "$R"/count*)" "$before" "three counters"
    gone
}

test_a_created_container_can_be_paused_and_is_created_again() {
    bundle
    created
    ok tare pause "$ID"
    status_is paused || fail "status $(state .status)"
    refuses 'cannot start a container in the paused state' tare start "$ID"
    ok tare resume "$ID"
    status_is created || fail "status $(state .status)"
    ok tare start "$ID"
    becomes stopped
    gone
}

test_pausing_twice_and_resuming_what_runs_are_refused() {
    ours_only
    bundle
    command_is sleep 100
    started
    refuses 'container not paused: it is running; ' tare resume "$ID"
    ok tare pause "$ID"
    refuses 'container not running: it is paused already; .*resume' tare pause "$ID"
    status_is paused || fail "status $(state .status)"
    ok tare resume "$ID"
    refuses 'container not paused' tare resume "$ID"
    gone
}

test_what_has_ended_or_does_not_exist_is_refused() {
    bundle
    started
    becomes stopped
    refuses 'container not running' tare pause "$ID"
    refuses 'container not paused' tare resume "$ID"
    gone
    refuses 'container does not exist' tare pause "$ID"
    refuses 'container does not exist' tare resume "$ID"
}

test_a_paused_container_can_be_killed_and_deleted() {
    bundle
    command_is sleep 100
    started
    ok tare pause "$ID"
    refuses 'not stopped: paused' tare delete "$ID"
    ok tare kill "$ID" KILL
    becomes stopped
    ok tare delete "$ID"
    started
    ok tare pause "$ID"
    gone
    absent "$STATE/$ID"
}

test_a_signal_waits_for_the_resume() {
    bundle
    script 'trap "echo got >/got; exit 0" TERM; echo >/ready; while :; do sleep 0.02; done'
    started
    eventually test -e "$R/ready"
    ok tare pause "$ID"
    ok tare kill "$ID" TERM
    sleep 0.2
    absent "$R/got"
    ok tare resume "$ID"
    eventually test -e "$R/got"
    becomes stopped
    gone
}

# Starts a container with a process that does not freeze: it waits, in the kernel, for a file system that never answers.
unfreezable() {
    [ -c /dev/fuse ] || skip "no /dev/fuse here"
    [ -n "$(v2_hierarchy)" ] || skip "no cgroup2 here"
    capabilities CAP_SYS_ADMIN
    config '.linux.devices = [{path: "/dev/fuse", type: "c", major: 10, minor: 229}]
        | .linux.resources.devices = [{allow: true, type: "c", major: 10, minor: 229, access: "rw"}]'
    command_is probe hung /mnt
    mkdir -p "$R/mnt"
    started
    eventually grep -q hung "$B/stdout"
    sleep 0.1
    freeze=$(v2_file cgroup.freeze)
}

# A `pause` that was killed in the middle leaves a group that somebody has asked to freeze, and that has not stopped.
test_a_half_made_pause_can_be_resumed_killed_and_deleted() {
    ours_only
    bundle
    unfreezable
    local pause
    tare pause "$ID" &
    pause=$!
    eventually grep -q 1 "$freeze"
    kill -KILL $(pgrep -P $pause) $pause 2>/dev/null
    wait $pause 2>/dev/null
    eq "$(cat "$freeze")" 1 cgroup.freeze
    has "$(cat "${freeze%/*}/cgroup.events")" "frozen 0"
    status_is running || fail "status $(state .status)"
    ok tare resume "$ID"
    eq "$(cat "$freeze")" 0 cgroup.freeze
    echo 1 >"$freeze"
    ok tare kill "$ID" KILL
    becomes stopped
    ok tare delete "$ID"
    started
    echo 1 >"$freeze"
    gone
}

test_processes_that_do_not_stop_are_a_clear_error_and_nobody_is_left_frozen() {
    ours_only
    bundle
    unfreezable
    refuses 'did not stop within 2 seconds; ' tare pause "$ID"
    at_most "$took_ms" 4000 milliseconds
    status_is running || fail "status $(state .status)"
    eq "$(cat "$freeze")" 0 cgroup.freeze
    gone
}

test_a_container_without_a_cgroup_cannot_be_paused() {
    ours_only
    bundle
    config 'del(.linux.cgroupsPath, .linux.resources)'
    command_is sleep 100
    ok tare --cgroup-manager disabled create "$ID"
    ok tare start "$ID"
    refuses 'no control group of its own.*cgroup-manager' tare pause "$ID"
    refuses 'container not paused' tare resume "$ID"
    status_is running || fail "status $(state .status)"
    gone
}

# Only v1: the unified hierarchy is not to be seen.
test_the_freezer_of_v1_is_used_where_there_is_no_v2() {
    bundle
    needs_v1 freezer
    umount /sys/fs/cgroup/unified 2>/dev/null || mount -t tmpfs -o ro none /sys/fs/cgroup/unified 2>/dev/null
    counter
    started
    lacks "$(cat "/proc/$PID/cgroup")" "0::$(container_group)" "the unified hierarchy"
    ok tare pause "$ID"
    eq "$(cat "$(cgroup_file freezer freezer.state)")" FROZEN freezer.state
    status_is paused || fail "status $(state .status)"
    ! counts || fail "its process runs on"
    ok tare resume "$ID"
    eq "$(cat "$(cgroup_file freezer freezer.state)")" THAWED freezer.state
    counts || fail "its process does not run"
    ok tare pause "$ID"
    ok tare kill "$ID" KILL
    becomes stopped
    gone
}

# Only v2, in a mount namespace of its own: the freezer is there, whatever else is bound to v1.
test_the_freezer_of_v2_is_used_where_there_is_no_v1() {
    bundle
    [ -n "$(v2_hierarchy)" ] || skip "no cgroup2 here"
    is_pure_v2 || { umount -R /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; }
    counter
    started
    ok tare pause "$ID"
    has "$(cat "$(v2_file cgroup.events)")" "frozen 1"
    status_is paused || fail "status $(state .status)"
    ! counts || fail "its process runs on"
    ok tare resume "$ID"
    counts || fail "its process does not run"
    gone
    mounts_before=
}

test_a_group_above_that_is_frozen_is_named_by_resume() {
    ours_only
    bundle
    needs_cgroupfs
    local above
    above=$(v2_hierarchy)/${PREFIX}above
    [ -n "$(v2_hierarchy)" ] || skip "no cgroup2 here"
    config --arg p "/${PREFIX}above/b" '.linux.cgroupsPath = $p'
    command_is sleep 100
    started
    echo 1 >"$above/cgroup.freeze"
    becomes paused
    refuses 'frozen still.*a group above it' tare resume "$ID"
    echo 0 >"$above/cgroup.freeze"
    becomes running
    gone
    rmdir /sys/fs/cgroup/{*,}/"${PREFIX}above" 2>/dev/null
}

test_a_pause_that_fails_after_the_freeze_lets_the_processes_go_on() {
    ours_only
    command -v strace >/dev/null || skip "no strace"
    # The freezer of v1 says by its own state that all stand still.
    [ -n "$(v2_hierarchy)" ] || skip "no cgroup2 here"
    bundle
    counter
    started
    eventually counts
    # The list of those that stand still is what is read of the group last.
    local v2
    v2=$(v2_file cgroup.procs)
    refuses '(EIO)' \
        strace -f -qq -o trace -e trace=read -e inject=read:error=EIO -P "$v2" "$TARE" --root "$STATE" pause "$ID"
    grep -q INJECTED trace || fail "nothing was injected: $(cat trace)"
    status_is running || fail "status $(state .status)"
    counts || fail "its process does not run"
    gone
}

test_who_waits_for_a_container_that_is_deleted_meanwhile_hears_that_there_is_none() {
    ours_only
    bundle
    command_is sleep 100
    started
    local command
    for command in pause resume start 'update --pids-limit 9' checkpoint; do
        [ "$command" != checkpoint ] || [ "$RUN_AS" = root ] || continue # CRIU wants root
        waits_in_vain $command "$ID"
    done
    waits_in_vain mounts add "$ID" "$T/none.json"
    waits_in_vain mounts remove "$ID" "$T/none.json"
    gone
}
# The folder goes away, as in a deletion, while COMMAND waits for its lock.
waits_in_vain() { # COMMAND...
    echo '[]' >"$T/none.json"
    (flock 9 && sleep 0.5 && mv "$STATE/$ID" "$STATE.away" && sleep 0.3) 9<"$STATE/$ID" &
    local holder=$!
    sleep 0.2
    refuses "container does not exist" tare "$@"
    wait $holder
    mv "$STATE.away" "$STATE/$ID"
}
