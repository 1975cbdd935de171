# exec: terminals.

waiting() { command_is sleep 300; started; }

test_a_terminal_of_the_containers_devpts() {
    bundle
    waiting
    ok python3 "$INTEGRATION/lib/agent.py" tty "$TARE" --root "$STATE" exec -t "$ID" sh -c 'tty; stty -a | head -1; ps -o pid,tty'
    has "$out" /dev/pts/0 "tty"
    gone
}

test_the_size_and_the_input_are_passed_on() {
    bundle
    waiting
    ok python3 "$INTEGRATION/lib/agent.py" tty --size 33x77 --send 'hello
' "$TARE" --root "$STATE" exec -t "$ID" sh -c 'probe winsize; read line; echo "got $line"'
    has "$out" 33 "rows"
    has "$out" 77 "columns"
    has "$out" "got hello" "input"
    gone
}

test_it_is_the_controlling_terminal_of_a_session_of_its_own() {
    bundle
    waiting
    ok python3 "$INTEGRATION/lib/agent.py" tty "$TARE" --root "$STATE" exec -t "$ID" sh -c 'echo through >/dev/tty; cut -d" " -f1,6 /proc/$$/stat'
    has "$out" through "/dev/tty"
    local numbers
    numbers=$(tr -d '\r' <<<"$out" | tail -1)
    eq "${numbers% *}" "${numbers#* }" "pid and session"
    ok tare exec "$ID" sh -c 'cut -d" " -f1,6 /proc/$$/stat'
    eq "${out% *}" "${out#* }" "pid and session without a terminal"
    gone
}

test_the_terminal_belongs_to_the_user_also_in_a_user_namespace() {
    needs_root "give away the terminal of root that the case has"
    bundle
    user_namespace
    waiting
    ok python3 "$INTEGRATION/lib/agent.py" tty "$TARE" --root "$STATE" exec -t -u 1000 "$ID" sh -c 'stat -c %u $(tty); echo again >$(tty)'
    has "$out" 1000 "owner"
    has "$out" again "written by name"
    gone
}

test_a_console_socket_gets_the_master() {
    bundle
    waiting
    python3 "$INTEGRATION/lib/agent.py" console "$T/c.sock" >"$T/seen" 2>"$T/agent" &
    local agent=$!
    eventually grep -q listening "$T/agent"
    ok tare exec -d -t --console-socket "$T/c.sock" "$ID" sh -c 'tty; echo from the terminal'
    wait $agent
    has "$(cat "$T/seen")" "from the terminal" "what the master says"
    ends 255 tare exec -d -t "$ID" true
    has "$err" "cannot allocate tty if tare will detach without setting console socket"
    ends 255 tare exec --console-socket "$T/c.sock" "$ID" true
    has "$err" "cannot use console socket"
    gone
}

test_the_size_in_a_process_file_is_obeyed() {
    bundle
    waiting
    echo '{"terminal": true, "consoleSize": {"height": 12, "width": 34}, "args": ["probe", "winsize"], "cwd": "/", "env": ["PATH=/bin"]}' >"$T/p.json"
    python3 "$INTEGRATION/lib/agent.py" console "$T/c.sock" >"$T/seen" 2>"$T/agent" &
    local agent=$!
    eventually grep -q listening "$T/agent"
    ok tare exec -d -p "$T/p.json" --console-socket "$T/c.sock" "$ID"
    wait $agent
    has "$(cat "$T/seen")" 12 rows
    has "$(cat "$T/seen")" 34 columns
    gone
}

test_without_devpts_there_is_no_terminal() {
    bundle
    drop_mount /dev/pts
    waiting
    ends 255 tare exec -t "$ID" true
    has "$err" "a terminal needs a devpts mount on /dev/pts"
    gone
}
