# sd_notify(3): a socket of the container's own; what is harmless of it reaches the caller's service manager.

# A service manager at $T/manager.sock (or NAME); what it hears is in $T/heard, a JSON line for each message.
manager() { # [NAME [SECONDS [SECONDS-EACH]]]
    python3 "$INTEGRATION/lib/manager.py" "${1:-$T/manager.sock}" "${2:-0}" "${3:-0}" >"$T/heard" 2>"$T/manager.err" &
    MANAGER=$!
    eventually grep -q listening "$T/manager.err"
    export NOTIFY_SOCKET=${1:-$T/manager.sock}
}
dismiss() { kill $MANAGER; unset NOTIFY_SOCKET; }
heard() { jq -r .text "$T/heard"; }

test_a_foreground_run_passes_readiness_on() {
    bundle
    manager
    script 'echo $NOTIFY_SOCKET; probe notify READY=1; probe notify "STATUS=at work"; probe notify STOPPING=1'
    runs
    eq "$out" /run/notify/notify.sock "the container's NOTIFY_SOCKET"
    eventually grep -q STOPPING "$T/heard"
    # The main process of the unit stays the runtime: it has the signals and the exit code.
    eq "$(heard)" "READY=1
STATUS=at work
STOPPING=1"
    dismiss
}

test_what_is_said_last_before_the_end_arrives() {
    bundle
    manager
    command_is probe notify STOPPING=1
    local i
    for i in 1 2 3 4 5; do runs; done
    eventually eval '[ "$(grep -c STOPPING "$T/heard")" = 5 ]'
    dismiss
}

test_whatever_could_mislead_the_service_manager_is_dropped() {
    bundle
    manager
    script 'probe notify "MAINPID=1
READY=1
NOTIFYACCESS=all
WATCHDOG_USEC=1"
        probe notify "FDSTORE=1
FDNAME=x" fd
        probe notify "$(printf "STATUS=red \033[31m")" fd
        probe notify EXTEND_TIMEOUT_USEC=99999999999
        probe notify BARRIER=1 fd
        probe notify STOPPING=1'
    runs
    eventually grep -q STOPPING "$T/heard"
    eq "$(jq -s '[.[] | .fds] | add' "$T/heard")" 0 "descriptors that went through"
    eq "$(heard)" "READY=1
STATUS=red [31m
STOPPING=1"
    dismiss
}

test_a_detached_run_waits_until_the_container_is_ready() {
    bundle
    manager "$T/manager.sock" 0.5
    script 'sleep 0.5; probe notify "STATUS=soon"; probe notify READY=1; sleep 60'
    call tare run --detach "$ID" >/dev/null
    eq "$code" 0 "run --detach: $err"
    at_least "$took_ms" 950 "ms: half a second until it is ready, and another until the barrier is worked off"
    PID=$(state .pid)
    eq "$(jq -c . "$T/heard")" "$(jq -nc --arg pid "$PID" '{text: "STATUS=soon", fds: 0}, {text: "MAINPID=\($pid)\nREADY=1", fds: 0}, {text: "BARRIER=1", fds: 1}')"
    gone
    dismiss
}

test_start_waits_until_the_container_is_ready() {
    bundle
    manager
    script 'sleep 0.5; probe notify READY=1; sleep 60'
    created
    absent "$STATE/$ID/notify/notify.sock" "a socket that nobody reads"
    eq "$(heard)" "" "what is heard of a created container"
    ok tare start "$ID"
    at_least "$took_ms" 450 "ms until it is ready"
    has "$(heard)" "MAINPID=$PID
READY=1"
    gone
    dismiss
}

test_who_starts_without_a_service_manager_waits_for_nothing() {
    bundle
    manager
    script 'probe notify READY=1; sleep 60'
    created
    dismiss
    ok tare start "$ID"
    eventually grep -q ENOENT "$B/stdout"
    gone
}

test_a_container_that_ends_without_being_ready_is_not_waited_for() {
    bundle
    manager
    script 'sleep 0.3; exit 3'
    ok timeout 10 "$TARE" --root "$STATE" run --detach "$ID"
    eq "$(heard)" ""
    ok tare delete "$ID"
    dismiss
}

test_the_container_sees_its_own_socket_only() {
    bundle
    manager
    script 'env | grep -c NOTIFY_SOCKET; ls /run/notify; touch /run/notify/x 2>&1; rm /run/notify/notify.sock 2>&1; grep " /run/notify " /proc/mounts'
    runs
    has "$out" "1
notify.sock"
    matches "$out" 'touch: .*Read-only file system'
    matches "$out" 'rm: .*Read-only file system'
    matches "$out" ' /run/notify .*ro,nosuid,nodev,noexec'
    lacks "$out" manager.sock
    dismiss
}

test_any_user_of_the_container_may_tell_also_in_a_user_namespace() {
    bundle
    manager
    config '.process.user = {uid: 1000, gid: 1000}'
    command_is probe notify READY=1
    runs
    user_namespace
    command_is probe notify STOPPING=1
    runs
    eventually grep -q STOPPING "$T/heard"
    eq "$(heard)" "READY=1
STOPPING=1"
    dismiss
}

test_a_socket_that_the_configuration_names_is_left_to_who_wrote_it() {
    bundle
    manager
    config '.process.env += ["NOTIFY_SOCKET=/mine"]'
    script 'echo $NOTIFY_SOCKET; ls -d /run/notify 2>&1'
    call tare run "$ID"
    has "$out" "/mine"
    has "$out" "No such file"
    dismiss
}

test_the_service_manager_may_have_an_abstract_address() {
    bundle
    manager "@tare-$ID"
    command_is probe notify READY=1
    runs
    eventually grep -q READY "$T/heard"
    dismiss
}

test_an_address_that_cannot_be_spoken_to_is_warned_of() {
    bundle
    script 'echo "[$NOTIFY_SOCKET]"'
    NOTIFY_SOCKET=vsock:2:1234 ok tare run "$ID"
    eq "$out" "[]"
    matches "$err" 'NOTIFY_SOCKET "vsock:2:1234" is not used'
}

test_a_service_manager_that_is_gone_does_not_end_the_container() {
    bundle
    manager
    script 'probe notify READY=1; sleep 0.2; exit 7'
    kill $MANAGER
    ends 7 tare run "$ID"
    rm "$T/manager.sock"
    ends 7 tare run "$ID"
    call tare run --detach "$ID" >/dev/null
    eq "$code" 0 "exit code of run --detach"
    has "$err" "NOTIFY_SOCKET" "warning"
    unset NOTIFY_SOCKET
    gone
}

test_without_a_service_manager_there_is_no_socket() {
    bundle
    script 'echo "[$NOTIFY_SOCKET]"; ls -d /run/notify 2>&1'
    call tare run "$ID"
    has "$out" "[]"
    has "$out" "No such file"
}

test_readiness_is_passed_on_while_poststart_hooks_run() {
    bundle
    manager
    script 'probe notify READY=1; sleep 300'
    config --arg t "$T" '.hooks.poststart = [{path: "/bin/sh", args: ["sh", "-c",
        "for i in $(seq 100); do grep -q READY \($t)/heard && touch \($t)/seen && exit; sleep 0.05; done"]}]'
    "$TARE" --root "$STATE" run "$ID" </dev/null &
    local runtime=$!
    eventually test -e "$T/seen"
    gone
    wait $runtime
    dismiss
}

test_somebody_who_never_stops_telling_does_not_hide_the_end() {
    bundle
    # One that takes its time for each message: there is always another to pass on.
    manager "$T/manager.sock" 0 0.03
    script 'while [ ! -e /go ]; do sleep 0.05; done; exit 3'
    tare run --detach "$ID" >/dev/null 2>"$T/err" &
    local runtime=$! flood
    becomes running
    eventually test -S "$STATE/$ID/notify/notify.sock"
    python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(sys.argv[1])
while True: s.send(b"STATUS=x")' "$STATE/$ID/notify/notify.sock" 2>/dev/null &
    flood=$!
    eventually grep -q STATUS "$T/heard"
    touch "$R/go"
    becomes stopped
    eventually sh -c "! kill -0 $runtime"
    kill $flood 2>/dev/null
    gone
    dismiss
}

test_an_address_that_is_too_long_is_warned_of() {
    bundle
    local address
    address=/$(printf 'x%.0s' {1..120})
    script 'echo "[$NOTIFY_SOCKET]"'
    NOTIFY_SOCKET=$address ok tare run "$ID"
    eq "$out" "[]"
    matches "$err" 'NOTIFY_SOCKET "/x*" is not used: .*too long'
    eq "$(wc -l <<<"$err")" 1 "lines of warning"
    manager
    script 'sleep 300'
    created
    NOTIFY_SOCKET=$address ok tare start "$ID"
    matches "$err" 'NOTIFY_SOCKET "/x*" is not used: .*too long'
    absent "$STATE/$ID/notify/notify.sock" "a socket that nobody reads"
    gone
    dismiss
}
