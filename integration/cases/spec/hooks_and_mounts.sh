# Sentences of the specification on hooks, remounts and the seccomp agent that no other subject holds.

# A hook on the host that says in FILE which namespaces it is in and what ELSE finds: KIND FILE [ELSE].
told_by_hook() {
    local script="for n in mnt net uts ipc pid; do readlink /proc/self/ns/\$n; done > $2; ${3:-:}"
    config --arg k "$1" --arg s "$script" '.hooks[$k] = [{path: "/bin/sh", args: ["sh", "-c", $s]}]'
}
own_namespaces() { for n in mnt net uts ipc pid; do readlink /proc/self/ns/$n; done; }

test_poststart_and_poststop_run_in_the_runtimes_namespaces() {
    bundle
    told_by_hook poststart "$T/poststart"
    told_by_hook poststop "$T/poststop"
    command_is sleep 30
    started
    gone
    eq "$(cat "$T/poststart")" "$(own_namespaces)" "namespaces of the poststart hook"
    eq "$(cat "$T/poststop")" "$(own_namespaces)" "namespaces of the poststop hook"
}

test_poststart_runs_before_start_returns() {
    bundle
    told_by_hook poststart "$T/told" "cat > $T/given; sleep 0.3; touch $T/done"
    command_is sleep 30
    created
    absent "$T/told"
    ok tare start "$ID"
    exists "$T/done"
    eq "$(jq -r .status "$T/given")" running "status that the hook is told"
    gone
}

test_poststop_runs_when_the_container_is_gone() {
    bundle
    command_is sleep 30
    told_by_hook poststop "$T/told" "cat > $T/given; kill -0 \$(cat $T/pid) 2>/dev/null && touch $T/alive; touch $T/done"
    created --pid-file "$T/pid"
    ok tare start "$ID"
    ok tare kill "$ID" KILL
    becomes stopped
    absent "$T/told"
    ok tare delete "$ID"
    exists "$T/done"
    absent "$T/alive"
    eq "$(jq -r .status "$T/given")" stopped "status that the hook is told"
    eq "$(jq -r .id "$T/given")" "$ID" "id that the hook is told"
}

test_remount_changes_the_flags_of_what_is_mounted() {
    bundle
    add_mount /t tmpfs tmpfs rw nosuid
    add_mount /t tmpfs tmpfs remount ro noexec
    script 'grep " /t " /proc/self/mounts; touch /t/x 2>&1; exit 0'
    runs
    matches "$out" ' /t tmpfs ro,' "mount options"
    has "$out" noexec "mount options"
    has "$out" "Read-only file system" "write"
    eq "$(grep -c ' /t tmpfs' <<<"$out")" 1 "mounts on /t"
}

test_one_seccomp_state_is_sent_and_the_connection_is_closed() {
    bundle
    # The agent answers nothing; the container makes no call that it is asked about.
    python3 - "$T/agent" >"$T/said" <<'P' &
import array, json, socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(sys.argv[1])
server.listen(4)
client, _ = server.accept()
text, fds, calls_with_fds = b"", [], 0
while True:
    data, ancillary, _, _ = client.recvmsg(65536, socket.CMSG_SPACE(64))
    for _, _, raw in ancillary:
        fds.extend(array.array("i", raw[:len(raw) // 4 * 4]))
        calls_with_fds += 1
    if not data:
        break
    text += data
server.settimeout(0.5)
try:
    server.accept()
    again = True
except TimeoutError:
    again = False
state = json.loads(text)
print(json.dumps({"fds": len(fds), "calls": calls_with_fds, "names": state["fds"], "again": again,
    "metadata": state.get("metadata"), "id": state["state"]["id"], "pid": state["pid"]}))
P
    eventually test -S "$T/agent"
    config --arg s "$T/agent" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: $s,
        listenerMetadata: "a=b", syscalls: [{names: ["swapoff"], action: "SCMP_ACT_NOTIFY"}]}'
    script 'echo it runs'
    runs
    wait %1
    eq "$(jq -c 'del(.pid)' "$T/said")" \
        "{\"fds\":1,\"calls\":1,\"names\":[\"seccompFd\"],\"again\":false,\"metadata\":\"a=b\",\"id\":\"$ID\"}" "what the agent got"
    at_least "$(jq .pid "$T/said")" 2 "pid as the runtime sees it"
}
