# --console-socket and --pidfd-socket: one message with one descriptor, no answer waited for, and what is no such socket.

agent() { python3 "$INTEGRATION/lib/agent.py" "$@"; }
with_terminal() { config '.process.terminal = true'; }
# Listens at SOCKET and never accepts, as containerd's shim does until create has returned.
deaf_listener() { # SOCKET
    python3 -c 'import socket,sys,time
s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(16); time.sleep(30)' "$1" &
    LISTENER=$!
    eventually test -S "$1"
}
# Accepts one connection and tells all that comes, message by message: bytes of payload, then number of descriptors.
counting_listener() { # SOCKET
    python3 -c 'import array,os,socket,sys
s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1)
print("listening", file=sys.stderr, flush=True)
c=s.accept()[0]
while True:
    data, control, flags, _ = c.recvmsg(4096, 4096)
    if not data: break
    fds = [array.array("i", d) for l, t, d in control if (l, t) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)]
    print(len(data), len(control), sum(map(len, fds)), "terminal" if fds and os.isatty(fds[0][0]) else "other", flush=True)' "$1" >"$T/got" 2>"$T/listener.err" &
    LISTENER=$!
    eventually grep -q listening "$T/listener.err"
}

test_the_console_socket_gets_one_message_with_one_terminal() {
    bundle
    with_terminal
    command_is sleep 30
    counting_listener "$T/console.sock"
    created --console-socket "$T/console.sock"
    wait $LISTENER
    # Go's reader of it takes 1 to 4095 bytes and exactly one control message.
    matches "$(cat "$T/got")" '^[1-9][0-9]{0,3} 1 1 terminal$' "what came"
    eq "$(wc -l <"$T/got")" 1 "messages"
    gone
}

test_the_pidfd_socket_gets_one_message_with_one_descriptor() {
    bundle
    command_is sleep 30
    counting_listener "$T/pidfd.sock"
    tare run --detach --pidfd-socket "$T/pidfd.sock" "$ID" >/dev/null 2>&1 || fail "run: $?"
    wait $LISTENER
    matches "$(cat "$T/got")" '^[1-9][0-9]{0,3} 1 1 other$' "what came"
    gone
}

test_nobody_need_accept_before_the_command_returns() {
    bundle
    with_terminal
    command_is sleep 30
    deaf_listener "$T/console.sock"
    local console=$LISTENER
    deaf_listener "$T/pidfd.sock"
    timeout 5 "$TARE" --root "$STATE" run --detach --console-socket "$T/console.sock" --pidfd-socket "$T/pidfd.sock" "$ID" >/dev/null 2>"$T/err" ||
        fail "run --detach: $? $(cat "$T/err")"
    gone
    timeout 5 "$TARE" --root "$STATE" create --pidfd-socket "$T/pidfd.sock" --console-socket "$T/console.sock" "$ID" >/dev/null 2>"$T/err" ||
        fail "create: $? $(cat "$T/err")"
    gone
    kill $console $LISTENER
}

test_what_is_no_socket_is_refused_before_anything_is_made() {
    bundle
    with_terminal
    printf '#!/bin/sh\necho > %s\n' "$T/hook-ran" >"$T/hook" && chmod +x "$T/hook"
    config --arg h "$T/hook" '.hooks.createRuntime = [{path: $h}]'
    echo >"$T/file"
    mkdir "$T/folder"
    deaf_listener "$T/good.sock"
    python3 -c 'import socket,sys,time; s=socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); time.sleep(60)' "$T/datagram.sock" &
    local datagram=$!
    eventually test -S "$T/datagram.sock"
    python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$T/left.sock"
    local bad why
    for bad in file folder missing.sock datagram.sock left.sock; do
        case $bad in
            file | folder) why='ENOTSOCK|not a socket|non-socket' ;;
            missing.sock) why='no such file' ;;
            datagram.sock) why='EPROTOTYPE|wrong type' ;;
            left.sock) why='connection refused' ;;
        esac
        refuses "console socket.*$bad.*($why)" tare create --console-socket "$T/$bad" "$ID"
        refuses "console socket.*$bad.*($why)" tare run --detach --console-socket "$T/$bad" "$ID"
        refuses "pidfd socket.*$bad.*($why)" tare create --console-socket "$T/good.sock" --pidfd-socket "$T/$bad" "$ID"
        refuses "pidfd socket.*$bad.*($why)" tare run --detach --console-socket "$T/good.sock" --pidfd-socket "$T/$bad" "$ID"
    done
    absent "$T/hook-ran" "a sign of a container's birth"
    refuses 'does not exist' tare state "$ID"
    kill $LISTENER $datagram
}

test_a_console_socket_may_have_a_long_path() {
    bundle
    with_terminal
    command_is sleep 30
    local folder
    folder=$T/$(printf 'x%.0s' {1..150})
    mkdir "$folder"
    (cd "$folder" && exec python3 -c 'import socket,time
s=socket.socket(socket.AF_UNIX); s.bind("c.sock"); s.listen(1); time.sleep(30)') &
    local listener=$!
    eventually test -S "$folder/c.sock"
    created --console-socket "$folder/c.sock"
    gone
    kill $listener
}

test_a_foreground_run_takes_no_console_socket() {
    bundle
    with_terminal
    deaf_listener "$T/console.sock"
    refuses 'cannot use console socket if tare will not detach or allocate tty' tare run --console-socket "$T/console.sock" "$ID"
    kill $LISTENER
}
