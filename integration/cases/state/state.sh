# What is remembered between commands, and what happens when something died in between.

record() { echo "$STATE/$ID/state.json"; }

test_the_folders_of_the_state_are_private() {
    bundle
    command_is sleep 30
    created
    ours_only
    matches "$(stat -c %a "$STATE")" '^1?700$' "root folder"
    eq "$(stat -c %a "$STATE/$ID")" 700 "container's folder"
    eq "$(find "$STATE/$ID" -type f -perm /077)" "" "files others can read"
    gone
}

test_after_a_reboot_a_container_is_stopped_and_can_be_deleted() {
    ours_only
    bundle
    command_is sleep 30
    started
    local boot
    boot=$(cat /proc/sys/kernel/random/boot_id)
    grep -q "$boot" "$(record)" || fail "the record holds no boot id"
    sed -i "s/$boot/00000000-0000-0000-0000-000000000000/" "$(record)"
    eq "$(state .status)" stopped
    refuses 'container not running' tare kill "$ID" KILL
    [ -d "/proc/$PID" ] || fail "the process of another boot's number was killed"
    # After a real reboot its processes are gone.
    kill -KILL "$PID"
    eventually test ! -d "/proc/$PID/fd/0"
    ok tare delete "$ID"
    absent "$STATE/$ID"
    # Groups of another boot are not ours; in truth they went with it.
    "$INTEGRATION"/lib/cgroups remove "$CGROUP_PARENT/$CASE-" "$ID_PREFIX"
}

test_a_reused_pid_is_not_signalled() {
    ours_only
    bundle
    command_is sleep 30
    started
    # The same pid with another start time is another process.
    config_record 'walk(if type == "object" then with_entries(if .key | startswith("start_time") then .value += 1 else . end) else . end)'
    eq "$(state .status)" stopped
    refuses 'container not running' tare kill "$ID" KILL
    [ -d "/proc/$PID" ] || fail "another process was killed"
    kill -KILL "$PID"
    eventually test ! -d "/proc/$PID"
    gone
}
config_record() { jq "$1" "$(record)" >"$T/record" && cat "$T/record" >"$(record)"; }

test_a_marked_gate_at_which_nobody_stands_means_running() {
    ours_only
    needs_root "the gate that is put there is root's"
    bundle
    command_is sleep 30
    started
    # As a start leaves it that is killed between letting the process go and removing its gate.
    (cd "$STATE/$ID" && python3 -c 'import socket; socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).bind("gate")') ||
        fail "no gate"
    chmod 1700 "$STATE/$ID/gate"
    eq "$(state .status)" running
    refuses 'cannot start an already running container' tare start "$ID"
    ok tare exec "$ID" true
    ok tare kill "$ID" KILL
    becomes stopped
    ok tare delete "$ID"
}

test_an_init_killed_by_others_is_seen_as_stopped() {
    bundle
    command_is sleep 30
    started
    kill -KILL "$PID"
    becomes stopped
    ok tare delete "$ID"
}

test_an_init_killed_in_the_created_state_is_seen_as_stopped() {
    bundle
    command_is sleep 30
    created
    kill -KILL "$PID"
    becomes stopped
    refuses 'stopped' tare start "$ID"
    ok tare delete "$ID"
}

test_a_damaged_record_can_be_deleted_by_force() {
    bundle
    command_is sleep 30
    started
    echo '{"half' >"$(record)"
    call tare state "$ID"
    ne "$code" 0 "state of a damaged record"
    [ -n "$FOREIGN" ] || lacks "$err" panicked
    kill -KILL "$PID"
    eventually test ! -d "/proc/$PID"
    call tare delete --force "$ID"
    [ -n "$FOREIGN" ] && rm -rf "$STATE/$ID"
    absent "$STATE/$ID"
    "$INTEGRATION"/lib/cgroups remove "$CGROUP_PARENT/$CASE-" "$ID_PREFIX"
}

test_the_state_root_must_not_be_a_symlink_or_others() {
    ours_only
    bundle
    mkdir "$T/real" && ln -s "$T/real" "$T/link"
    refuses 'link' tare_at "$T/link" create "$ID"
    mkdir -m 777 "$T/open"
    chown 1000 "$T/open"
    refuses 'own' tare_at "$T/open" create "$ID"
}
tare_at() { local root=$1; shift; "$TARE" --root "$root" "$@"; }

test_the_default_root_is_run_tare_even_with_an_empty_environment() {
    ours_only
    bundle
    command_is sleep 30
    env -i XDG_RUNTIME_DIR= "$TARE" create "$ID" >/dev/null 2>&1 </dev/null || fail "create: $?"
    exists "/run/tare/$ID"
    ok env -i "$TARE" delete --force "$ID"
    absent "/run/tare/$ID"
}

# Kills `create` when it makes the Nth call of a kind, then expects a truthful state and a complete delete.
killed_at() { # CALL N
    tare_killed "$1" "$2" >/dev/null 2>&1 </dev/null
    local status
    call tare state "$ID"
    if [ $code = 0 ]; then
        status=$(jq -r .status <<<"$out")
        matches "$status" '^(stopped|created|creating)$' "status after create was killed at $1 #$2"
    else
        has "$err" "does not exist" "state after create was killed at $1 #$2"
    fi
    ok tare delete --force "$ID"
    ok tare delete --force "$ID"
    absent "$STATE/$ID"
    eventually sh -c "[ -z \"\$('$INTEGRATION/lib/cgroups' list '$CGROUP_PARENT/$CASE-' '$ID_PREFIX')\" ]"
    eventually sh -c "! pgrep -f '^sleep 30$CASE'"
    ok tare create "$ID"
    gone
}
# Returns when create has ended. strace itself follows the container's process, as long as that lives.
tare_killed() {
    strace -qq -f -o /dev/null -e trace="$1" -e inject="$1":signal=KILL:when="$2" "$TARE" --root "$STATE" create "$ID" &
    local tracer=$! tries=500
    sleep 0.05
    while pgrep -P $tracer >/dev/null && [ $((tries -= 1)) -gt 0 ]; do sleep 0.02; done
    ne $tries 0 "tries until create had ended"
}

# timeout_s: 300
test_create_killed_at_any_moment_leaves_what_delete_can_remove() {
    ours_only
    bundle
    command -v strace >/dev/null || skip "no strace"
    command_is sleep "30$CASE"
    local n
    for n in 1 2 3; do killed_at clone3 $n; done
    for n in 1 3 6; do killed_at mkdirat $n; done
    for n in 1 2 4; do killed_at renameat $n; done
    for n in 1 2 3 4 5 6; do killed_at sendto $n; done
    for n in 1 2 3 4 5; do killed_at recvfrom $n; done
    for n in 1 3; do killed_at move_mount $n; done
    for n in 1 2; do killed_at execveat $n; done
    for n in 1; do killed_at pivot_root $n; done
}

test_no_command_blocks_on_a_container_that_is_stopped_by_a_signal() {
    bundle
    command_is sleep 30
    started
    kill -STOP "$PID"
    local verb
    for verb in state "kill -a"; do
        # shellcheck disable=SC2086 # a verb and its option
        timeout 5 "$TARE" --root "$STATE" ${verb} "$ID" >/dev/null 2>&1
        ne $? 124 "time of $verb"
    done
    gone
}

test_delete_while_a_create_runs_does_not_tear_it_apart() {
    ours_only
    bundle
    config '.hooks.createRuntime = [{path: "/bin/sleep", args: ["sleep", "1"]}]'
    command_is sleep 30
    tare create "$ID" >"$T/create.out" 2>&1 </dev/null &
    local creating=$!
    eventually test -d "$STATE/$ID"
    eq "$(state .status)" creating
    call tare delete "$ID"
    wait $creating
    call tare state "$ID"
    if [ $code = 0 ]; then eq "$(jq -r .status <<<"$out")" created; fi
    gone
}

test_delete_force_ends_a_container_whose_start_waits_for_a_hook() {
    ours_only
    bundle
    config '.hooks.startContainer = [{path: "/bin/sleep", args: ["sleep", "25"]}]'
    command_is sleep 30
    created
    tare start "$ID" >"$T/start.out" 2>&1 </dev/null &
    local starting=$!
    sleep 0.3
    ok tare delete --force "$ID"
    at_most "$took_ms" 5000 "milliseconds"
    ! wait $starting || fail "start of a container that was deleted succeeded"
    absent "$STATE/$ID"
}

test_a_run_that_was_overtaken_leaves_the_next_container_of_its_name_alone() {
    ours_only
    bundle
    command_is sleep 30
    "$TARE" --root "$STATE" run "$ID" >/dev/null 2>&1 </dev/null &
    local running=$!
    eventually sh -c "'$TARE' --root '$STATE' state '$ID' 2>/dev/null | grep -q running"
    kill -STOP $running
    ok tare delete --force "$ID"
    created
    kill -CONT $running
    wait $running
    eq $? 137 "exit code of the first"
    eq "$(state .status)" created "status of the second"
    gone
}

test_a_creator_killed_in_a_hook_takes_a_container_in_a_user_namespace_with_it() {
    ours_only
    bundle
    config '.linux.namespaces += [{type: "user"}]
        | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
    chmod 755 "$B" "$T" && chown -R 100000:100000 "$R"
    config '.hooks.createRuntime = [{path: "/bin/sleep", args: ["sleep", "2"]}]'
    "$TARE" --root "$STATE" create "$ID" >/dev/null 2>&1 </dev/null &
    local creating=$!
    eventually sh -c "jq -e .init '$STATE/$ID/state.json' >/dev/null 2>&1"
    sleep 0.2
    kill -KILL $creating
    wait $creating 2>/dev/null
    eventually sh -c "'$TARE' --root '$STATE' state '$ID' | grep -q stopped"
    ok tare delete --force "$ID"
    sleep 2
}
