# Signals of a foreground run: to the container once its program runs, and the end of the birth before that.
# timeout_s: 120

# Starts a run in the background with default signal actions (bash ignores SIGINT there): $RUNTIME is its pid.
begin_run() {
    rm -f "$T/out"
    env --default-signal=INT,QUIT "$TARE" --root "$STATE" run "$@" "$ID" >"$T/out" 2>"$T/err" </dev/null &
    RUNTIME=$!
}
is_over() {
    case $(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$RUNTIME/status" 2>/dev/null) in '' | Z) return 0 ;; *) return 1 ;; esac
}
# It ends within some seconds with this code.
run_ends() { # CODE WHAT
    local i code
    for ((i = 0; i < 400; i++)); do is_over && break; sleep 0.02; done
    is_over || kill -KILL $RUNTIME
    wait $RUNTIME
    code=$?
    eq $code "$1" "exit code of run, $2: $(cat "$T/err")"
}
# By this a hook of this case is known: with systemd the cases see each other's processes.
HANG_S=60$CASE
# A hook at this moment that says it is there, in $T/waiting, and hangs.
hanging_hook() { # MOMENT
    rm -f "$T/waiting"
    printf '#!/bin/sh\necho > %s\nsleep %s\n' "$T/waiting" "$HANG_S" >"$T/hook" && chmod +x "$T/hook"
    config --arg m "$1" --arg h "$T/hook" '.hooks = {($m): [{path: $h}]}'
}
# The same, in the container.
hanging_container_hook() {
    rm -f "$R/waiting"
    printf '#!/bin/sh\necho > /waiting\nsleep %s\n' "$HANG_S" >"$R/hook" && chmod +x "$R/hook"
    config '.hooks = {startContainer: [{path: "/hook"}]}'
}
nothing_is_left() {
    refuses 'does not exist' tare state "$ID"
    eq "$(ls -A "$STATE")" "" "state folder"
    absent "$(cgroup_file pids .)" "cgroup"
    [ -z "$(pgrep -f "^sleep $HANG_S")" ] || fail "a process of the hook lives on"
}
# An agent that answers an execve by this rule.
answering() { # continue|silence
    rm -f "$T/agent.sock" "$T/agent" "$T/seen"
    python3 "$INTEGRATION/lib/agent.py" notify "$T/agent.sock" 59=$1 322=$1 >"$T/seen" 2>"$T/agent" &
    AGENT=$!
    eventually grep -q listening "$T/agent"
}
is_told() { # SIGNAL-NAME
    ours_only
    eq "$(wc -l <"$T/err")" 1 "lines of error: $(cat "$T/err")"
    matches "$(cat "$T/err")" "^tare: run $ID: interrupted by signal [0-9]+ \(SIG$1\)"
}

test_a_hanging_hook_of_the_runtime_can_be_interrupted() {
    bundle
    local moment signal number
    for moment in prestart createRuntime; do
        hanging_hook $moment
        for signal in INT:2 TERM:15 HUP:1 QUIT:3 USR1:10; do
            number=${signal#*:} signal=${signal%:*}
            rm -f "$T/waiting"
            begin_run --pid-file "$T/pid"
            eventually test -e "$T/waiting"
            kill -$signal $RUNTIME
            run_ends $((128 + number)) "$signal in $moment"
            is_told $signal
            nothing_is_left
            absent "$T/pid" "pid file"
        done
    done
}

test_a_hanging_hook_in_the_container_can_be_interrupted() {
    bundle
    local signal number where
    for where in createContainer startContainer; do
        if [ $where = createContainer ]; then hanging_hook createContainer; else hanging_container_hook; fi
        for signal in INT:2 TERM:15 HUP:1; do
            number=${signal#*:} signal=${signal%:*}
            rm -f "$T/waiting" "$R/waiting"
            begin_run
            if [ $where = createContainer ]; then eventually test -e "$T/waiting"; else eventually test -e "$R/waiting"; fi
            kill -$signal $RUNTIME
            run_ends $((128 + number)) "$signal in $where"
            is_told $signal
            nothing_is_left
        done
    done
}

test_an_interrupted_hook_leaves_no_process_without_a_pid_namespace() {
    bundle
    drop_namespace pid
    hanging_container_hook
    begin_run
    eventually test -e "$R/waiting"
    kill -TERM $RUNTIME
    run_ends 143 "TERM in startContainer"
    nothing_is_left
    hanging_hook createContainer
    begin_run
    eventually test -e "$T/waiting"
    kill -TERM $RUNTIME
    run_ends 143 "TERM in createContainer"
    nothing_is_left
}

test_signals_that_end_nobody_do_not_end_a_birth() {
    bundle
    script 'exit 4'
    printf '#!/bin/sh\necho > %s\nsleep 0.5\n' "$T/waiting" >"$T/hook" && chmod +x "$T/hook"
    config --arg h "$T/hook" '.hooks.createRuntime = [{path: $h}]'
    begin_run
    eventually test -e "$T/waiting"
    local signal
    for signal in WINCH CONT CHLD URG PIPE TSTP TTIN TTOU; do kill -$signal $RUNTIME; done
    run_ends 4 "harmless signals in createRuntime"
}

test_a_hangup_that_the_caller_ignores_does_not_end_a_birth() {
    bundle
    script 'exit 4'
    printf '#!/bin/sh\necho > %s\nsleep 0.5\n' "$T/waiting" >"$T/hook" && chmod +x "$T/hook"
    config --arg h "$T/hook" '.hooks.createRuntime = [{path: $h}]'
    env --ignore-signal=HUP "$TARE" --root "$STATE" run "$ID" >"$T/out" 2>"$T/err" </dev/null &
    RUNTIME=$!
    eventually test -e "$T/waiting"
    kill -HUP $RUNTIME
    run_ends 4 "HUP under nohup"
}

test_an_interrupt_reaches_the_container_of_a_run_behind_an_ampersand() {
    bundle
    script 'trap "exit 42" INT; while [ ! -e /go ]; do sleep 0.05; done; exit 4'
    # As a shell without job control starts it.
    env --ignore-signal=INT,QUIT "$TARE" --root "$STATE" run "$ID" >"$T/out" 2>"$T/err" </dev/null &
    RUNTIME=$!
    becomes running
    sleep 0.3
    kill -INT $RUNTIME
    run_ends 42 "INT behind an ampersand"
}

test_a_hangup_that_the_caller_ignores_does_not_end_the_container() {
    bundle
    script 'trap "exit 42" HUP; while [ ! -e /go ]; do sleep 0.05; done; exit 4'
    env --ignore-signal=HUP "$TARE" --root "$STATE" run "$ID" >"$T/out" 2>"$T/err" </dev/null &
    RUNTIME=$!
    becomes running
    sleep 0.3
    kill -HUP $RUNTIME
    sleep 0.3
    touch "$R/go"
    run_ends 4 "HUP under nohup"
}

test_a_signal_while_the_execve_waits_goes_to_the_process() {
    bundle
    config --arg s "$T/agent.sock" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: $s,
        architectures: ["SCMP_ARCH_X86_64"], syscalls: [{names: ["execve", "execveat"], action: "SCMP_ACT_NOTIFY"}]}'
    command_is sleep 300
    # In a pid namespace of its own it would be process 1, which no signal ends that it does not wait for.
    drop_namespace pid
    answering silence
    begin_run
    eventually grep -q '"nr"' "$T/seen"
    kill -TERM $RUNTIME
    run_ends 143 "TERM while the agent says nothing"
    nothing_is_left
    kill $AGENT 2>/dev/null
}

test_a_signal_while_the_execve_of_exec_waits_goes_to_the_process() {
    bundle
    config --arg s "$T/agent.sock" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: $s,
        architectures: ["SCMP_ARCH_X86_64"], syscalls: [{names: ["execve", "execveat"], action: "SCMP_ACT_NOTIFY"}]}'
    command_is sleep 300
    answering continue
    started
    kill $AGENT; wait $AGENT 2>/dev/null
    answering silence
    env --default-signal=INT "$TARE" --root "$STATE" exec "$ID" sleep 60 >"$T/out" 2>"$T/err" </dev/null &
    RUNTIME=$!
    eventually grep -q '"nr"' "$T/seen"
    kill -INT $RUNTIME
    run_ends 130 "INT of an exec while the agent says nothing"
    kill $AGENT 2>/dev/null
    gone
}

test_a_signal_during_a_slow_poststart_hook_goes_to_the_container() {
    bundle
    script 'trap "touch /signalled; exit 42" TERM; while :; do sleep 0.05; done'
    printf '#!/bin/sh\necho > %s\nsleep 1.5\necho > %s\n' "$T/waiting" "$T/hook-ended" >"$T/hook" && chmod +x "$T/hook"
    config --arg h "$T/hook" '.hooks.poststart = [{path: $h}]'
    begin_run
    eventually test -e "$T/waiting"
    sleep 0.2
    kill -TERM $RUNTIME
    eventually test -e "$R/signalled"
    absent "$T/hook-ended" "the hook must still be at work"
    run_ends 42 "TERM in poststart"
    exists "$T/hook-ended"
}

test_every_signal_but_three_reaches_the_container() {
    bundle
    command_is probe wait-signal
    local signal
    for signal in HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 ALRM TERM XCPU XFSZ VTALRM PROF WINCH IO PWR SYS TSTP TTIN TTOU CONT 34 50 64; do
        begin_run
        eventually grep -q ready "$T/out"
        kill -s $signal $RUNTIME
        run_ends 0 "$signal"
        eq "$(tail -1 "$T/out")" "signal $(kill -l $signal 2>/dev/null | grep -E '^[0-9]+$' || echo $signal)" "$signal"
    done
}

test_a_childs_end_a_broken_pipe_and_urgent_data_are_not_for_the_container() {
    bundle
    command_is probe wait-signal
    begin_run
    eventually grep -q ready "$T/out"
    local signal
    for signal in CHLD PIPE URG USR1; do kill -$signal $RUNTIME; done
    run_ends 0 "USR1 after others"
    eq "$(tail -1 "$T/out")" "signal 10"
}

test_a_run_that_cannot_begin_ends_with_1() {
    bundle
    command_is /no/such/program
    ends 1 tare run "$ID"
    config '.hooks.createRuntime = [{path: "/bin/false"}]'
    ends 1 tare run "$ID"
    ends 1 tare run --no-such-option "$ID"
}
