# The terminal of a foreground run: size, raw mode, input, and that no byte of the output is lost.
# timeout_s: 120

tty() { python3 "$INTEGRATION/lib/tty.py" "$@"; }
with_terminal() { config '.process.terminal = true'; }
# The runtime on a terminal: OPTION... -- RUN-OPTION...
run_on_terminal() {
    local options=()
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    call tty act "${options[@]}" "$TARE" --root "$STATE" run "$@" "$ID"
    out=${out//$'\r'/}
}

test_a_new_size_of_the_terminal_reaches_the_container() {
    bundle
    with_terminal
    script 'trap "stty size; exit 6" WINCH; stty size; echo ready; while :; do sleep 0.05; done'
    run_on_terminal --size 31x91 --on ready resize:40x120 --
    eq "$code" 6 "exit code"
    has "$out" "31 91
ready"
    has "$out" "40 120"
}

test_the_size_comes_from_another_stream_if_standard_input_is_no_terminal() {
    bundle
    with_terminal
    script 'stty size'
    call tty act --size 31x91 sh -c "'$TARE' --root '$STATE' run '$ID' </dev/null"
    has "$out" "31 91"
    # Nobody types into the container: the keyboard's signals stay those of the user's terminal.
    has "$out" "[settings kept]"
    script 'echo ready; sleep 0.5'
    call tty act --on ready show sh -c "'$TARE' --root '$STATE' run '$ID' </dev/null"
    has "$out" "[cooked]"
}

test_the_terminal_is_raw_while_the_container_has_it_and_as_before_after() {
    bundle
    with_terminal
    script 'echo ready; sleep 0.3; exit 5'
    run_on_terminal --on ready show --
    eq "$code" 5 "exit code"
    has "$out" "[raw]"
    has "$out" "[settings kept]"
}

test_the_terminal_is_as_before_after_a_failure() {
    bundle
    with_terminal
    command_is /no/such/program
    run_on_terminal --
    eq "$code" 1 "exit code"
    has "$out" "no such file or directory"
    has "$out" "[settings kept]"
    # After the terminal has been taken: a hook in the container.
    printf '#!/bin/sh\nexit 3\n' >"$R/hook" && chmod +x "$R/hook"
    script true
    config '.hooks.startContainer = [{path: "/hook"}]'
    run_on_terminal --
    eq "$code" 1 "exit code"
    has "$out" "exit status 3"
    has "$out" "[settings kept]"
}

test_the_terminal_is_as_before_after_a_signal() {
    bundle
    with_terminal
    printf '#!/bin/sh\necho > /waiting\nexec sleep 30\n' >"$R/hook" && chmod +x "$R/hook"
    config '.hooks.startContainer = [{path: "/hook"}]'
    run_on_terminal --when "$R/waiting" show --when "$R/waiting" kill:HUP --
    eq "$code" 129 "exit code"
    has "$out" "[raw]"
    has "$out" "[settings kept]"
}

test_a_stopped_and_continued_run_takes_the_terminal_again() {
    bundle
    with_terminal
    script 'trap "stty size; exit 6" WINCH; echo ready; while :; do sleep 0.05; done'
    # What a shell with job control does: it takes its terminal back, and sends SIGCONT with `fg`.
    run_on_terminal --size 31x91 --on ready kill:STOP --on '' wait --on '' cook --on '' show --on '' kill:CONT --on '' wait \
        --on '' show --on '' resize:33x93 --
    eq "$code" 6 "exit code"
    eq "$(grep -oE '\[(raw|cooked|settings kept)\]' <<<"$out" | tr '\n' ' ')" "[cooked] [raw] [settings kept] "
    has "$out" "33 93"
}

test_a_run_in_the_background_leaves_the_terminal_to_the_foreground_job() {
    bundle
    with_terminal
    script 'echo ready; sleep 0.5; echo end'
    run_on_terminal --background --on ready show --
    eq "$code" 0 "exit code"
    has "$out" "[cooked]"
    has "$out" end
    has "$out" "[settings kept]"
}

test_the_end_of_the_input_is_not_that_of_the_container() {
    bundle
    with_terminal
    script 'read -t 1 line || echo "no line"; echo end'
    call sh -c "'$TARE' --root '$STATE' run '$ID' </dev/null"
    eq "${out//$'\r'/}" "no line
end"
    call sh -c "'$TARE' --root '$STATE' run '$ID' <&-"
    eq "${out//$'\r'/}" "no line
end"
    eq "$code" 0
}

test_input_from_a_pipe_or_a_file_is_typed() {
    bundle
    with_terminal
    script 'stty -echo; echo ready >/ready; read a; read b; echo "got $a and $b"'
    call sh -c "(until [ -e '$R/ready' ]; do sleep 0.02; done; echo one; sleep 0.2; echo two) | '$TARE' --root '$STATE' run '$ID'"
    eq "${out//$'\r'/}" "got one and two"
    # More than a terminal takes at once, to a reader that is late.
    seq 1 5000 >"$T/in"
    rm "$R/ready"
    script 'stty raw -echo; echo ready >/ready; sleep 0.5; head -c 23893 | md5sum'
    call sh -c "(until [ -e '$R/ready' ]; do sleep 0.02; done; cat '$T/in') | '$TARE' --root '$STATE' run '$ID'"
    has "$out" "$(md5sum <"$T/in" | cut -d' ' -f1)"
}

test_output_of_any_length_is_whole_whatever_takes_it() {
    bundle
    with_terminal
    script 'stty -onlcr; seq 1 30000; echo the end'
    local expected kind
    expected=$(seq 1 30000; echo the end)
    for kind in pipe full socket tty; do
        call tty sink $kind "$TARE" --root "$STATE" run "$ID"
        eq "$code" 0 "exit code ($kind): $err"
        [ "$out" = "$expected" ] || fail "output to a slow $kind: $(cmp <(echo "$out") <(echo "$expected") 2>&1), $(wc -c <<<"$out") bytes of $(wc -c <<<"$expected")"
    done
    call sh -c "'$TARE' --root '$STATE' run '$ID' >'$T/file'"
    [ "$(cat "$T/file")" = "$expected" ] || fail "output to a file is not whole"
    call sh -c "'$TARE' --root '$STATE' run '$ID' | (sleep 0.3; cat)"
    [ "$out" = "$expected" ] || fail "output to a late reader is not whole"
}

test_a_terminal_that_the_container_closes_for_a_while_lives_on() {
    bundle
    with_terminal
    script 'echo before; exec <&- >&- 2>&-; sleep 0.3; echo after >/dev/console; sleep 0.3; echo last >/dev/tty'
    run_on_terminal --on before show --
    eq "$code" 0 "exit code"
    has "$out" "[raw]"
    has "$out" before
    has "$out" after
    has "$out" last
}

test_a_reader_that_leaves_hangs_the_terminal_up() {
    bundle
    with_terminal
    script 'yes'
    call timeout 20 sh -c "'$TARE' --root '$STATE' run '$ID' | head -3"
    eq "${out//$'\r'/}" "y
y
y"
    refuses 'does not exist' tare state "$ID"
}

test_signals_arrive_while_the_output_is_stuck() {
    bundle
    with_terminal
    script 'trap "touch /signalled; exit 9" TERM; yes & touch /ready; while :; do sleep 0.05; done'
    mkfifo "$T/fifo"
    exec 7<>"$T/fifo"
    "$TARE" --root "$STATE" run "$ID" >"$T/fifo" </dev/null &
    local runtime=$!
    eventually test -e "$R/ready"
    sleep 0.3
    kill -TERM $runtime
    eventually test -e "$R/signalled"
    # What is left is kept for the reader, until somebody asks again.
    sleep 0.3
    kill -0 $runtime || fail "the run has ended with output in its hands"
    kill -TERM $runtime
    wait $runtime
    eq $? 9 "exit code"
    exec 7<&-
}

test_what_the_container_leaves_in_its_terminal_is_passed_on() {
    bundle
    with_terminal
    # More than a pipe and the relay hold, less than with the terminal itself: the container ends before anybody reads.
    script 'stty -onlcr; seq 1 16500'
    (until status_is stopped; do sleep 0.1; done; sleep 0.2; touch "$T/ended") 2>/dev/null &
    call tty sink pipe --after "$T/ended" "$TARE" --root "$STATE" run "$ID"
    wait
    [ "$out" = "$(seq 1 16500)" ] || fail "the last line is $(tail -1 <<<"$out")"
}

test_a_relay_that_has_nothing_to_do_sleeps() {
    bundle
    with_terminal
    # Its terminal is closed and standard input at its end: each could make a busy loop.
    script 'touch /ready; exec <&- >&- 2>&-; sleep 60'
    "$TARE" --root "$STATE" run "$ID" </dev/null >/dev/null &
    local runtime=$! before after
    ticks() { awk '{ print $14 + $15 }' "/proc/$runtime/stat"; }
    eventually test -e "$R/ready"
    sleep 0.3
    before=$(ticks)
    sleep 1.5
    after=$(ticks)
    at_most $((after - before)) 2 "hundredths of a second of processor time while it waits"
    gone
    wait $runtime
}

# RUNS=N: how many. Ten thousand take some minutes: TIMEOUT_S=3600 RUNS=10000 integration/run terminal/no_short*
test_no_short_run_with_a_terminal_loses_a_byte() {
    ours_only
    bundle
    with_terminal
    command_is echo 'a line that is known'
    ok tty runs "${RUNS:-30}" 'a line that is known\r\n' "$TARE" --root "$STATE" run "$ID"
    echo "$out"
    [ -z "${RUNS:-}" ] || echo "$out" >>"${RUNS_REPORT:-/dev/null}"
}

test_the_terminal_is_relayed_while_poststart_hooks_run() {
    bundle
    with_terminal
    script 'echo hello; sleep 300'
    config --arg t "$T" '.hooks.poststart = [{path: "/bin/sh", args: ["sh", "-c",
        "for i in $(seq 100); do grep -q hello \($t)/out && touch \($t)/seen && exit; sleep 0.05; done"]}]'
    "$TARE" --root "$STATE" run "$ID" >"$T/out" </dev/null &
    local runtime=$!
    eventually test -e "$T/seen"
    gone
    wait $runtime
    eq $? 137 "exit code"
}
