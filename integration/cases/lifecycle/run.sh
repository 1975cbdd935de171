# run: foreground and detached, exit codes, descriptors, the pid file.

test_run_ends_with_the_containers_exit_code() {
    bundle
    local n
    for n in 0 1 3 255; do
        script "exit $n"
        ends $n tare run "$ID"
    done
}

test_run_ends_with_128_and_the_signal() {
    bundle
    script 'kill -KILL $$; sleep 1'
    drop_namespace pid
    ends 137 tare run "$ID"
    script 'kill -TERM $$; sleep 1'
    ends 143 tare run "$ID"
    # A real-time signal; an orphan that ends by one is reaped on the way.
    script '(sh -c "kill -40 \$\$" &); sleep 0.3; kill -34 $$; sleep 1'
    ends 162 tare run "$ID"
    refuses 'does not exist' tare state "$ID"
}

test_run_passes_standard_streams() {
    bundle
    script 'read line; echo "out: $line"; echo "err: $line" >&2'
    echo "hello" >"$T/in"
    call sh -c "'$TARE' --root '$STATE' run '$ID' <'$T/in'"
    eq "$code" 0 "exit code"
    eq "$out" "out: hello" stdout
    eq "$err" "err: hello" stderr
}

test_run_deletes_the_container_at_the_end() {
    bundle
    runs
    refuses 'container does not exist' tare state "$ID"
}

test_run_keep_leaves_a_stopped_container() {
    bundle
    ok tare run --keep "$ID"
    eq "$(state .status)" stopped
    ok tare delete "$ID"
}

test_run_detached_returns_while_the_container_runs() {
    bundle
    command_is sleep 30
    tare run --detach --pid-file "$T/pid" "$ID" >/dev/null 2>&1 || fail "run --detach: $?"
    eq "$(state .status)" running
    eq "$(cat "$T/pid")" "$(state .pid)" "pid file"
    gone
}

test_run_forwards_signals_to_the_container() {
    bundle
    script 'trap "exit 42" USR1; touch /ready; while :; do sleep 0.05; done'
    tare run "$ID" >/dev/null 2>"$T/err" &
    local runtime=$!
    eventually test -e "$R/ready"
    pkill -USR1 -P $runtime 2>/dev/null || kill -USR1 $runtime
    wait $runtime
    eq $? 42 "exit code after a forwarded signal"
}

test_pid_file_holds_digits_and_no_newline() {
    bundle
    command_is sleep 30
    created --pid-file "$T/pid"
    matches "$(od -An -c "$T/pid" | tr -d ' \n')" '^[0-9]+$' "bytes of the pid file"
    eq "$(cat "$T/pid")" "$PID"
    gone
}

test_pid_file_is_relative_to_the_callers_folder() {
    bundle
    command_is sleep 30
    own_folder "$T/elsewhere" && cd "$T/elsewhere" || fail cd
    created --bundle "$B" --pid-file here.pid
    exists "$T/elsewhere/here.pid"
    absent "$B/here.pid"
    gone
}

test_no_pid_file_is_written_when_create_fails() {
    bundle
    command_is /no/such/file
    refuses 'no such file or directory' tare create --pid-file "$T/pid" "$ID"
    absent "$T/pid"
}

test_preserve_fds_passes_exactly_that_many() {
    bundle
    script 'cat <&3; cat <&4; probe fds'
    ok python3 "$INTEGRATION/lib/agent.py" pass 4 "$TARE" --root "$STATE" run --preserve-fds 2 "$ID"
    eq "$(head -2 <<<"$out")" "3
4" "content of descriptors 3 and 4"
    eq "$(sed 1,2d <<<"$out" | cut -d' ' -f1 | tr '\n' ' ')" "3 4 " "descriptors of the container"
}

test_no_descriptor_of_the_caller_gets_in() {
    bundle
    command_is probe fds
    ok python3 "$INTEGRATION/lib/agent.py" pass 6 "$TARE" --root "$STATE" run "$ID"
    eq "$out" "" "descriptors of the container"
}

# A caller started by socket activation (sd_listen_fds(3)).
listening() { LISTEN_FDS=$1 sh -c 'export LISTEN_PID=$$; shift; exec "$@"' sh "$@"; }

test_listen_fds_are_passed_with_the_right_pid() {
    bundle
    script 'echo $LISTEN_FDS $LISTEN_PID; probe fds | cut -d" " -f1 | tr "\n" " "'
    ok listening 2 python3 "$INTEGRATION/lib/agent.py" pass 3 "$TARE" --root "$STATE" run "$ID"
    eq "$out" "2 1
3 4 "
}

test_listen_fds_and_preserve_fds_are_not_added() {
    ours_only
    bundle
    script 'probe fds | cut -d" " -f1 | tr "\n" " "'
    ok listening 2 python3 "$INTEGRATION/lib/agent.py" pass 6 "$TARE" --root "$STATE" run --preserve-fds 3 "$ID"
    eq "$out" "3 4 5 "
}

test_the_callers_signal_settings_and_umask_do_not_get_in() {
    bundle
    script 'grep -E "^Sig(Blk|Ign)" /proc/self/status; umask'
    # An ordinary user whose umask takes his own rights away can use nothing that he makes.
    local mask=0777
    [ "$RUN_AS" = root ] || mask=0077
    ok "$PROBE" dirty $mask "$TARE" --root "$STATE" run "$ID"
    eq "$out" "SigBlk:	0000000000000000
SigIgn:	0000000000000000
0022"
}

test_run_works_with_stdin_closed() {
    bundle
    command_is echo fine
    ok sh -c "'$TARE' --root '$STATE' run '$ID' <&-"
    eq "$out" fine
}

test_run_works_with_stderr_closed() {
    bundle
    command_is echo fine
    ok sh -c "'$TARE' --root '$STATE' run '$ID' 2>&-"
    eq "$out" fine
}

test_the_config_file_can_be_named() {
    ours_only
    bundle
    command_is echo other
    mv config.json other.json
    ok tare run --config other.json "$ID"
    eq "$out" other
    cd / || fail cd
    ok tare run -b "$B" -f "$B/other.json" "$ID"
    eq "$out" other
}

test_pidfd_socket_gets_the_containers_pidfd() {
    bundle
    command_is sleep 30
    python3 "$INTEGRATION/lib/agent.py" fds "$T/pidfd.sock" >"$T/got" 2>"$T/agent.err" &
    eventually grep -q listening "$T/agent.err"
    created --pidfd-socket "$T/pidfd.sock"
    eventually test -s "$T/got"
    eq "$(jq '.fds | length' "$T/got")" 1 "number of descriptors"
    has "$(jq -r '.fds[0].info' "$T/got")" "Pid:	$PID" "fdinfo"
    gone
}

test_run_of_many_containers_at_once() {
    local i pids=()
    for i in 1 2 3 4 5 6 7 8; do
        bundle "m$i"
        script "sleep 0.1; exit $i"
        tare run "$ID" >"$T/log$i" 2>&1 &
        pids[i]=$!
    done
    for i in 1 2 3 4 5 6 7 8; do
        wait "${pids[$i]}"
        eq $? $i "exit code of container $i: $(cat "$T/log$i")"
    done
}

test_two_creates_of_one_id_let_exactly_one_win() {
    bundle
    command_is sleep 30
    local i won=0 pids=()
    for i in 1 2 3 4; do
        tare create "$ID" >/dev/null 2>"$T/race$i" &
        pids[i]=$!
    done
    for i in 1 2 3 4; do wait "${pids[$i]}" && won=$((won + 1)); done
    eq $won 1 "creates that succeeded: $(cat "$T"/race*)"
    eq "$(state .status)" created
    gone
}
