# kill: signals by name and number, to one process or all.

test_kill_without_a_signal_sends_term() {
    bundle
    script 'trap "echo term > /got; exit 3" TERM; touch /ready; while :; do sleep 0.05; done'
    started
    eventually test -e "$R/ready"
    ok tare kill "$ID"
    becomes stopped
    eq "$(cat "$R/got")" term
    gone
}

test_kill_takes_names_numbers_and_any_case() {
    bundle
    local signal
    script 'for s in USR1 USR2 HUP; do trap "echo $s >> /got" $s; done; touch /ready; while :; do sleep 0.02; done'
    started
    eventually test -e "$R/ready"
    for signal in USR1 SIGUSR2 usr1 sigusr2 10 HUP 1; do
        ok tare kill "$ID" $signal
        sleep 0.1
    done
    eq "$(tr '\n' ' ' <"$R/got")" "USR1 USR2 USR1 USR2 USR1 HUP HUP "
    gone
}

test_kill_sends_real_time_signals() {
    bundle
    command_is probe wait-signal
    started
    eventually grep -q ready "$B/stdout"
    ok tare kill "$ID" 36
    becomes stopped
    has "$(cat "$B/stdout")" "signal 36"
    gone
}

test_kill_with_an_unknown_signal_is_refused() {
    bundle
    command_is sleep 30
    started
    local signal
    for signal in NOSUCH SIGNOSUCH 99 -5 1x; do
        call tare kill "$ID" "$signal"
        ne "$code" 0 "exit code of kill '$signal'"
    done
    eq "$(state .status)" running
    gone
}

test_kill_of_a_stopped_container_says_not_running() {
    bundle
    started
    becomes stopped
    refuses 'container not running' tare kill "$ID" TERM
    refuses 'container not running' tare kill "$ID" 9
    gone
}

test_kill_all_of_a_stopped_container_succeeds() {
    bundle
    started
    becomes stopped
    ok tare kill --all "$ID" 9
    ok tare kill -a "$ID" KILL
    gone
}

test_kill_all_reaches_every_process_of_a_shared_pid_namespace() {
    bundle
    drop_namespace pid
    script 'sleep 301 & sleep 302 & touch /ready; wait'
    started
    eventually test -e "$R/ready"
    ok tare kill --all "$ID" KILL
    becomes stopped
    eventually sh -c "[ -z \"\$(cat '$(cgroup_file pids cgroup.procs)')\" ]"
    gone
}

test_kill_all_after_init_died_kills_the_rest() {
    bundle
    drop_namespace pid
    script 'sleep 303 & exit 0'
    started
    becomes stopped
    ok tare kill --all "$ID" 9
    eventually sh -c "[ -z \"\$(cat '$(cgroup_file pids cgroup.procs)')\" ]"
    ok tare delete "$ID"
}

test_kill_in_the_created_state_ends_the_container() {
    bundle
    command_is sleep 30
    created
    ok tare kill "$ID" KILL
    becomes stopped
    refuses 'cannot start a container that has stopped' tare start "$ID"
    ok tare delete "$ID"
}

test_term_in_the_created_state_is_sent() {
    bundle
    command_is sleep 30
    created
    ok tare kill "$ID" TERM
    # pid 1 of a pid namespace ignores it by the kernel's rule or dies: both are the kernel's answer, never an error.
    gone
}

test_options_are_accepted_after_the_id() {
    ours_only
    bundle
    command_is sleep 30
    ok sh -c "'$TARE' --root '$STATE' create '$ID' --bundle '$B' --pid-file '$T/pid' >/dev/null 2>&1 </dev/null"
    exists "$T/pid"
    ok tare kill "$ID" --all KILL
    becomes stopped
    ok tare delete "$ID" --force
}

test_kill_and_delete_take_a_regular_expression() {
    ours_only
    bundle one
    command_is sleep 30
    started
    bundle two
    command_is sleep 30
    started
    ok tare kill --regex "${ID_PREFIX}(one|two)" KILL
    becomes stopped "${ID_PREFIX}one"
    becomes stopped "${ID_PREFIX}two"
    ok tare delete --regex "${ID_PREFIX}.*"
    eq "$(tare list -q)" ""
}
