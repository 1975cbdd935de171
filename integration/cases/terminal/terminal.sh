# process.terminal: console socket, foreground, size, ownership.

agent() { python3 "$INTEGRATION/lib/agent.py" "$@"; }
with_terminal() { config '.process.terminal = true'; }

# Starts a receiver of the console; its output is in $T/console.
receiver() {
    agent console "$T/console.sock" "$@" >"$T/console" 2>"$T/agent.err" &
    RECEIVER=$!
    eventually grep -q listening "$T/agent.err"
}

test_the_console_socket_gets_a_working_terminal() {
    bundle
    with_terminal
    script 'test -t 0 && test -t 1 && test -t 2 && echo terminal; tty; read line; echo "got $line"'
    receiver --send 'typed\n'
    started --console-socket "$T/console.sock"
    becomes stopped
    wait $RECEIVER
    local seen
    seen=$(tr -d '\r' <"$T/console")
    has "$seen" terminal
    has "$seen" /dev/pts/0
    has "$seen" "got typed"
    gone
}

test_the_terminal_is_the_controlling_terminal() {
    bundle
    with_terminal
    script 'echo hello > /dev/tty; ps -o tty | tail -1; stat -c "%t" /dev/console; cut -d" " -f5-8 /proc/self/stat'
    receiver
    started --console-socket "$T/console.sock"
    becomes stopped
    wait $RECEIVER
    has "$(cat "$T/console")" hello
    gone
}

test_dev_console_is_the_terminal() {
    bundle
    with_terminal
    script 'echo through-console > /dev/console; grep -c " /dev/console " /proc/mounts'
    receiver
    started --console-socket "$T/console.sock"
    becomes stopped
    wait $RECEIVER
    has "$(cat "$T/console")" through-console
    gone
}

test_the_console_size_is_set() {
    bundle
    with_terminal
    config '.process.consoleSize = {height: 33, width: 101}'
    command_is probe winsize
    receiver
    started --console-socket "$T/console.sock"
    becomes stopped
    wait $RECEIVER
    has "$(cat "$T/console")" "33 rows 101 columns"
    gone
}

test_the_terminal_belongs_to_the_user() {
    bundle
    with_terminal
    config '.process.user = {uid: 1000, gid: 1000}'
    script 'stat -c "%u:%g %a" $(tty)'
    receiver
    started --console-socket "$T/console.sock"
    becomes stopped
    wait $RECEIVER
    has "$(cat "$T/console")" "1000:5 620"
    gone
}

test_run_in_the_foreground_gives_a_terminal_of_its_own() {
    bundle
    with_terminal
    script 'test -t 1 && tty; stty size; exit 7'
    call agent tty --size 44x99 "$TARE" --root "$STATE" run "$ID"
    eq "$code" 7 "exit code"
    has "$out" /dev/pts/0
    has "$out" "44 99"
}

test_input_in_the_foreground_reaches_the_container() {
    bundle
    with_terminal
    script 'read line; echo "got $line"'
    ok agent tty --send 'typed here\n' "$TARE" --root "$STATE" run "$ID"
    has "$out" "got typed here"
}

test_control_c_in_the_foreground_reaches_the_container() {
    bundle
    with_terminal
    script 'trap "echo interrupted; exit 5" INT; echo ready; while :; do sleep 0.05; done'
    call agent tty --send '\x03' "$TARE" --root "$STATE" run "$ID"
    has "$out" interrupted
    eq "$code" 5 "exit code"
}

test_a_terminal_needs_a_console_socket_when_detached() {
    bundle
    with_terminal
    refuses 'console.socket' tare create "$ID"
    refuses 'console.socket' tare run --detach "$ID"
}

test_a_console_socket_needs_a_terminal() {
    bundle
    refuses 'console.socket|terminal' tare create --console-socket "$T/console.sock" "$ID"
}

test_a_console_socket_nobody_listens_on_is_refused() {
    bundle
    with_terminal
    refuses 'nobody.sock|no such file|console' tare create --console-socket "$T/nobody.sock" "$ID"
}

test_create_does_not_wait_until_the_console_is_accepted() {
    bundle
    with_terminal
    command_is sleep 30
    # Listens and never accepts, as containerd's shim does until create has returned.
    python3 -c 'import socket,sys,time
s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); time.sleep(20)' "$T/console.sock" &
    local listener=$!
    eventually test -S "$T/console.sock"
    ok timeout 5 "$TARE" --root "$STATE" create --console-socket "$T/console.sock" "$ID"
    gone
    kill $listener
}
