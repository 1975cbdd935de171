# create, start, state, delete: runtime.md "Operations" and "State".

test_create_does_not_run_the_user_code() {
    bundle
    script 'echo ran > /ran'
    created
    eq "$(state .status)" created "status"
    sleep 0.1
    absent "$R/ran"
    ok tare start "$ID"
    becomes stopped
    exists "$R/ran"
    gone
}

test_state_has_every_required_property() {
    bundle
    config '.annotations = {"com.example.key": "a value", "empty": ""}'
    command_is sleep 30
    created
    ok tare state "$ID"
    eq "$err" "" "stderr of state"
    eq "$(jq -r .id <<<"$out")" "$ID" id
    eq "$(jq -r .bundle <<<"$out")" "$B" bundle
    eq "$(jq -r .status <<<"$out")" created status
    matches "$(jq -r .ociVersion <<<"$out")" '^1\.[0-9]+\.[0-9]+' ociVersion
    eq "$(jq -r '.annotations["com.example.key"]' <<<"$out")" "a value" annotation
    eq "$(cat "/proc/$(jq -r .pid <<<"$out")/status" | sed -n 's/^NSpid:.*\t//p')" 1 "pid in the container of state's pid"
    matches "$(jq -r .created <<<"$out")" '^20[0-9-]+T[0-9:.]+(Z|[+-][0-9:]+)$' created
    eq "$(jq -r .rootfs <<<"$out")" "$R" rootfs
    gone
}

test_status_goes_from_created_to_running_to_stopped() {
    bundle
    command_is sleep 30
    created
    eq "$(state .status)" created
    ok tare start "$ID"
    eq "$out$err" "" "output of start"
    eq "$(state .status)" running
    ok tare kill "$ID" KILL
    becomes stopped
    eq "$(state '.pid // 0')" 0 "pid of a stopped container"
    ok tare delete "$ID"
    refuses 'container does not exist' tare state "$ID"
}

test_config_changes_after_create_have_no_effect() {
    bundle
    script 'echo first > /which'
    created
    script 'echo second > /which'
    config '.hostname = "other"'
    ok tare start "$ID"
    becomes stopped
    eq "$(cat "$R/which")" first
    gone
}

test_config_may_be_gone_after_create() {
    bundle
    command_is sleep 30
    created
    rm "$B/config.json"
    ok tare start "$ID"
    eq "$(state .status)" running
    ok tare kill "$ID" KILL
    becomes stopped
    ok tare delete "$ID"
}

test_start_of_a_running_container_is_refused_without_effect() {
    bundle
    command_is sleep 30
    started
    refuses 'cannot start an already running container' tare start "$ID"
    eq "$(state .status)" running
    gone
}

test_start_of_a_stopped_container_is_refused() {
    bundle
    started
    becomes stopped
    refuses 'cannot start a container that has stopped' tare start "$ID"
    gone
}

test_start_and_kill_and_delete_and_state_need_an_existing_container() {
    bundle
    local verb
    for verb in state start kill delete; do refuses 'container does not exist' tare $verb nosuch; done
}

test_each_operation_needs_an_id() {
    bundle
    local verb
    for verb in state start kill delete create run; do
        call tare $verb
        ne "$code" 0 "exit code of $verb without an id"
    done
}

test_an_id_is_unique() {
    bundle
    command_is sleep 30
    created
    refuses 'container with given ID already exists' tare create "$ID"
    eq "$(state .status)" created "status of the first"
    eq "$(state .pid)" "$PID" "pid of the first"
    gone
}

test_an_id_may_be_used_again_after_delete() {
    bundle
    local i
    for i in 1 2 3; do
        started
        becomes stopped
        ok tare delete "$ID"
    done
}

test_delete_of_a_running_container_is_refused() {
    bundle
    command_is sleep 30
    started
    refuses "cannot delete container $ID that is not stopped: running" tare delete "$ID"
    eq "$(state .status)" running
    gone
}

test_delete_waits_for_a_start_and_leaves_what_that_has_started() {
    bundle
    ours_only
    config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "echo at work > /hook; sleep 1"]}]'
    command_is sleep 30
    created
    tare start "$ID" >"$T/.start" 2>&1 &
    local start=$!
    eventually test -s "$R/hook"
    eq "$(state .status)" created "while its hook runs"
    refuses "cannot delete container $ID that is not stopped: running" tare delete "$ID"
    wait $start || fail "start: $(cat "$T/.start")"
    eq "$(state .status)" running
    gone
}

test_delete_of_a_created_container_kills_and_removes_it() {
    bundle
    command_is sleep 30
    created
    ok tare delete "$ID"
    eventually test ! -e "/proc/$PID"
    absent "$STATE/$ID"
}

test_delete_force_kills_a_running_container() {
    bundle
    command_is sleep 30
    started
    ok tare delete --force "$ID"
    refuses 'container does not exist' tare state "$ID"
}

test_delete_force_can_be_repeated() {
    bundle
    started
    ok tare delete -f "$ID"
    ok tare delete -f "$ID"
    eq "$out$err" "" "output of the second delete"
    ok tare delete --force never-existed
}

test_delete_does_not_remove_what_create_did_not_make() {
    bundle
    own_folder "$T/volume" && echo kept >"$T/volume/file"
    add_mount /volume bind "$T/volume" rbind rw
    script 'echo more > /volume/more'
    started
    becomes stopped
    ok tare delete "$ID"
    eq "$(cat "$T/volume/file" "$T/volume/more")" "kept
more"
    exists "$R/bin/busybox"
}

test_delete_kills_what_lives_on_in_a_shared_pid_namespace() {
    bundle
    drop_namespace pid
    script 'sleep 300 & echo $! > /pid; exit 0'
    started
    becomes stopped
    local child
    child=$(cat "$R/pid")
    ok tare delete "$ID"
    eventually test ! -d "/proc/$child/fd/0"
    eventually sh -c "! grep -q 'State:.[RS]' /proc/$child/status"
}

test_the_created_process_has_its_final_namespaces_and_cgroup() {
    bundle
    command_is sleep 30
    created
    local type before after
    for type in net mnt uts ipc pid cgroup; do ne "$(readlink "/proc/$PID/ns/$type")" "$(readlink "/proc/self/ns/$type")" "$type namespace"; done
    before=$(readlink /proc/"$PID"/ns/* | sort; cat "/proc/$PID/cgroup")
    has "$before" "$(container_group)" "cgroup in the created state"
    ok tare start "$ID"
    after=$(readlink /proc/"$PID"/ns/* | sort; cat "/proc/$PID/cgroup")
    eq "$after" "$before" "namespaces and cgroup after start"
    eq "$(state .pid)" "$PID" "pid after start"
    gone
}

test_the_container_is_a_child_of_the_caller_once_create_has_ended() {
    bundle
    command_is sleep 30
    created
    # In its own pid namespace the case is who inherits; else it is who has started it.
    local heir=$PPID
    [ $$ != 1 ] || heir=1
    eventually grep -qP "^PPid:\t$heir$" "/proc/$PID/status"
    gone
}

test_create_start_and_delete_write_nothing_to_stdout_and_stderr() {
    bundle
    command_is sleep 30
    created
    eq "$(cat "$B/stdout" "$B/stderr")" "" "output of create"
    ok tare start "$ID"
    eq "$out$err" "" "output of start"
    ok tare kill "$ID" 9
    eq "$out$err" "" "output of kill"
    becomes stopped
    ok tare delete "$ID"
    eq "$out$err" "" "output of delete"
}

test_no_process_keeps_the_runtimes_own_output_open() {
    bundle
    command_is sleep 30
    created
    # start, kill and delete must reach end of file on a pipe although the container lives on.
    eq "$(tare start "$ID" 2>&1 | cat)" ""
    timeout 5 sh -c '"$1" --root "$2" kill "$3" 0 2>&1 | cat' sh "$TARE" "$STATE" "$ID" || fail "kill's output stays open"
    gone
}
