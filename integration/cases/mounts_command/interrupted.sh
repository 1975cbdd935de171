# `mounts` that is asked to end, or that has to wait for a file system that never answers.
# timeout_s: 90

seen() { awk -v p="$1" '$5 == p { line = $0 } END { print line }' "/proc/$PID/mountinfo"; }

# In the container, /hung is a file system whose server is another process of the container, and never answers.
with_hung() {
    [ -c /dev/fuse ] || skip "no /dev/fuse here"
    bundle; capabilities CAP_SYS_ADMIN
    config '.linux.devices = [{path: "/dev/fuse", type: "c", major: 10, minor: 229}]
        | .linux.resources.devices = [{allow: true, type: "c", major: 10, minor: 229, access: "rw"}]'
    mkdir "$R/hung"; command_is sleep 80; started
    ok tare exec --detach --pid-file "$T/server" "$ID" probe hung /hung
    eventually grep -q ' /hung ' "/proc/$PID/mountinfo"
    printf '[{"destination": "/one", "type": "tmpfs"}, {"destination": "/hung/two", "type": "tmpfs"}]' >"$B/mounts.json"
}

# On the host, $T/data/hung is such a file system; it is met only once $T/data has been bound.
hangs_halfway() {
    [ -c /dev/fuse ] || skip "no /dev/fuse here"
    mkdir -p "$T/data/hung"
    "$PROBE" hung "$T/data/hung" >"$T/server.out" &
    server=$!
    eventually grep -q hung "$T/server.out"
    printf '[{"destination": "/one", "type": "tmpfs"}, {"destination": "/two", "source": "%s", "options": ["rbind"]},
        {"destination": "/two/hung/three", "type": "tmpfs"}]' "$T/data" >"$B/mounts.json"
}

ended_by() { # SIGNAL
    local server command rest
    hangs_halfway
    # The shell has INT ignored in what it starts in the background.
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$TARE" --root "$STATE" mounts add "$ID" "$B/mounts.json" >"$T/out" 2>&1 &
    command=$!
    eventually grep -q ' /two ' "/proc/$PID/mountinfo"
    kill -"$1" $command
    sleep 0.3
    kill -0 $command 2>/dev/null || rest=$(seen /one)
    kill -KILL $server
    wait $command
    eq $? $((128 + $(kill -l "$1"))) "exit code with SIG$1"
    eq "${rest:-}$(seen /one)$(seen /two)" "" "what is mounted after SIG$1"
    umount -l "$T/data/hung"
}

test_a_signal_in_the_middle_waits_until_all_or_nothing_is_done() {
    ours_only
    bundle; command_is sleep 60; started
    ended_by TERM
    ended_by INT
    ended_by HUP
    gone
}

test_a_file_system_that_never_answers_is_given_up_with_nothing_changed() {
    ours_only
    with_hung
    local begin=$SECONDS before=$(grep -c . "/proc/$PID/mountinfo")
    refuses 'did not answer for 30 seconds.*was killed' tare mounts add "$ID" "$B/mounts.json"
    at_least $((SECONDS - begin)) 29 "seconds that were waited"
    eq "$(grep -c . "/proc/$PID/mountinfo")" "$before" "mounts of the container"
    # Nobody holds the container any more.
    begin=$SECONDS
    ok tare mounts add "$ID" - <<<'[{"destination": "/three", "type": "tmpfs"}]'
    [ $((SECONDS - begin)) -lt 5 ] || fail "the lock was still held"
    matches "$(seen /three)" ' tmpfs '
    kill -KILL "$(cat "$T/server")"
    gone
}
