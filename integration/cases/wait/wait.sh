# `wait`: from a process that is not the container's parent. In these cases that parent is bash, which reaps at once.

# A container whose parent ($LAZY) does not reap it: python adopts it and looks away.
lazily_started() {
    python3 - "$TARE" "$STATE" "$ID" <<'PY' &
import ctypes, os, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
subprocess.run([sys.argv[1], "--root", sys.argv[2], "run", "--detach", sys.argv[3]], check=True, stdout=subprocess.DEVNULL)
time.sleep(30)
PY
    LAZY=$!
    eventually tare state "$ID"
    PID=$(tare state "$ID" | jq .pid)
}

test_wait_prints_the_exit_code_of_a_container_that_is_not_its_child() {
    ours_only
    bundle; script 'sleep 0.3; exit 3'; started
    ok tare wait "$ID"
    eq "$out" "exit code 3"
    eq "$err" ""
    gone
}

test_wait_tells_zero_from_not_knowing() {
    ours_only
    bundle; script 'sleep 0.3'; started
    ok tare wait --json "$ID"
    eq "$(jq -c . <<<"$out")" "{\"code\":0,\"how\":\"exited\",\"id\":\"$ID\"}"
    gone
}

test_wait_names_the_signal_that_killed_the_container() {
    ours_only
    bundle; command_is sleep 60; started
    (sleep 0.3; tare kill "$ID" KILL) &
    ok tare wait "$ID"
    eq "$out" "killed by signal 9 (KILL)"
    ok tare wait --json "$ID"
    eq "$(jq -c '[.how, .code, .signal, .signalName]' <<<"$out")" '["killed",137,9,"KILL"]'
    wait $!
    gone
}

test_wait_does_not_wait_for_a_parent_that_does_not_reap() {
    ours_only
    bundle; script 'exit 7'; lazily_started
    ok tare wait --timeout 5s "$ID"
    eq "$out" "exit code 7"
    at_most "$took_ms" 3000 "milliseconds"
    # Written down: it is known after the reaping too, for the process is gone then.
    kill "$LAZY"; wait "$LAZY" 2>/dev/null
    eventually test ! -e "/proc/$PID"
    ok tare wait "$ID"
    eq "$out" "exit code 7"
    gone
}

test_wait_says_so_and_has_a_code_of_its_own_when_nobody_can_tell() {
    ours_only
    bundle; script 'exit 5'; started
    becomes stopped
    eventually test ! -e "/proc/$PID"
    ends 2 tare wait "$ID"
    has "$out" "how is not known"
    lacks "$out" "exit code"
    ends 2 tare wait --json "$ID"
    eq "$(jq -r .how <<<"$out")" unknown
    gone
}

test_wait_knows_the_end_of_a_run_that_kept_its_container() {
    ours_only
    bundle; script 'exit 9'
    ends 9 tare run --keep "$ID"
    ok tare wait "$ID"
    eq "$out" "exit code 9"
    gone
}

test_wait_outlasts_created_running_and_the_deletion() {
    ours_only
    bundle; command_is sleep 60; created
    tare wait --json "$ID" >"$T/answer" &
    local waiter=$!
    sleep 0.2
    eq "$(cat "$T/answer")" "" "answer about a created container"
    ok tare start "$ID"
    sleep 0.2
    eq "$(cat "$T/answer")" "" "answer about a running container"
    gone
    wait $waiter || fail "wait ended with $?"
    eq "$(jq -c '[.how, .signal]' "$T/answer")" '["killed",9]'
}

test_wait_outlasts_a_pause() {
    ours_only
    bundle; script "sleep $SLOWNESS; exit 4"; started
    freeze
    ends 124 tare wait --timeout $((SLOWNESS + 1))s "$ID"
    eq "$out" "still alive"
    tare wait "$ID" >"$T/answer" &
    local waiter=$!
    sleep 0.2
    thaw
    wait $waiter || fail "wait ended with $?"
    eq "$(cat "$T/answer")" "exit code 4"
    gone
}

test_wait_gives_up_after_the_time_that_it_was_given() {
    ours_only
    bundle; command_is sleep 60; started
    ends 124 tare wait --timeout 300ms --json "$ID"
    eq "$(jq -r .how <<<"$out")" alive
    at_least "$took_ms" 300 "milliseconds"
    at_most "$took_ms" 2000 "milliseconds"
    gone
}

test_wait_ends_at_an_interrupt_and_leaves_the_container_alone() {
    ours_only
    bundle; command_is sleep 60; started
    env --default-signal=INT "$TARE" --root "$STATE" wait "$ID" >"$T/answer" 2>&1 &
    local waiter=$!
    sleep 0.3
    kill -INT $waiter
    wait $waiter
    eq $? 130 "exit code"
    eq "$(cat "$T/answer")" ""
    status_is running
    gone
}

test_wait_refuses_a_container_that_does_not_exist() {
    ours_only
    refuses 'container does not exist' tare wait "${ID_PREFIX}nobody"
}

test_two_waits_get_the_same_answer() {
    ours_only
    bundle; script 'sleep 0.4; exit 6'; started
    tare wait "$ID" >"$T/one" & tare wait "$ID" >"$T/two" &
    wait
    eq "$(cat "$T/one" "$T/two")" "exit code 6
exit code 6"
    gone
}
