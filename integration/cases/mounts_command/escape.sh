# `mounts` of a container whose first process has gone elsewhere since its creation: into namespaces of its own, or another root.

fs() { jq -nc --arg d "$1" '[{type: "tmpfs", source: "tmpfs", destination: $d}]'; }
at() { jq -nc --arg d "$1" '[{destination: $d}]'; }
# What is mounted at and below the container's PATH, as seen by a process at the top of its mount namespace.
below() { awk -v p="$1" 'index($5, p) == 1 { print $5, $6, $9 }' "/proc/$watcher/mountinfo"; }
left='has left the namespaces it was created in'

# The first process becomes root of a user namespace below the container's: in the mount namespace that belongs to that,
# every flag of a mount that is not locked can be taken away.
nested() {
    command_is probe nest /data; mkdir "$R/data" "$T/data"; echo host >"$T/data/file"
    started "$@"
    eventually grep -q nested "$B/stdout"
    jq -nc --arg s "$T/data" '[{source: $s, destination: "/data", options: ["bind", "ro"]}]' >"$B/mounts.json"
}

test_a_nested_user_namespace_gets_no_read_only_mount_to_make_writable() {
    ours_only
    bundle; capabilities CAP_SETFCAP; nested
    refuses "$left" tare mounts add "$ID" "$B/mounts.json"
    refuses "$left" tare mounts remove "$ID" "$B/mounts.json"
    sleep 0.3
    eq "$(cat "$B/stdout")" nested "what the container could do"
    gone
}

test_a_nested_user_namespace_of_an_ordinary_user_gets_none_either() {
    ours_only
    bundle; capabilities; config '.process.user = {uid: 1000, gid: 1000} | .process.noNewPrivileges = true'
    chmod 755 "$T" "$B"; nested
    refuses "$left" tare mounts add "$ID" "$B/mounts.json"
    sleep 0.3
    eq "$(cat "$B/stdout")" nested "what the container could do"
    gone
}

test_a_nested_namespace_in_a_user_namespace_gets_none_either() {
    ours_only
    bundle; user_namespace 100000 65536; chmod 755 "$T" "$B"; capabilities CAP_SETFCAP; nested
    refuses "$left" tare mounts add "$ID" "$B/mounts.json"
    gone
}

test_mounts_of_a_record_without_namespaces_are_refused() {
    ours_only
    bundle; command_is sleep 60; started
    matches "$(jq -c .namespaces "$STATE/$ID/state.json")" '"user":\[[0-9]+,[0-9]+\],"mount":\[[0-9]+,[0-9]+\]'
    jq -c 'del(.namespaces)' "$STATE/$ID/state.json" >"$T/record" && cp "$T/record" "$STATE/$ID/state.json"
    refuses 'not known in which namespaces the container was created' tare mounts add "$ID" - <<<"$(fs /one)"
    gone
}

test_another_root_of_the_first_process_hides_nothing_that_is_masked() {
    ours_only
    bundle; capabilities CAP_SYS_CHROOT; command_is probe chroot /proc
    created
    local watcher before
    nsenter -t "$PID" -m sleep 60 &
    watcher=$!
    eventually grep -q ' /sys/firmware ' "/proc/$watcher/mountinfo"
    before=$(below /)
    ok tare start "$ID"
    eventually grep -q elsewhere "$B/stdout"
    eq "$(readlink "/proc/$PID/root")" /proc "the root of the first process"
    refuses 'masked or read-only' tare mounts remove "$ID" - <<<"$(at /sys)"
    refuses 'masked or read-only' tare mounts remove "$ID" - <<<"$(at /proc/keys)"
    refuses 'no such file' tare mounts remove "$ID" - <<<"$(at /keys)"
    refuses 'masked or read-only' tare mounts add "$ID" - <<<"$(fs /sys)"
    eq "$(below /)" "$before" "mounts of the container"
    # And what is added is where the container's paths say.
    ok tare mounts add "$ID" - <<<"$(fs /scratch)"
    matches "$(below /scratch)" '^/scratch rw'
    ok tare mounts remove "$ID" - <<<"$(at /scratch)"
    eq "$(below /)" "$before" "mounts of the container"
    kill $watcher
    gone
}

test_without_pivot_the_root_is_the_container_s_too() {
    ours_only
    bundle; command_is sleep 60; started --no-pivot
    ok tare mounts add "$ID" - <<<"$(fs /scratch)"
    exists "$R/scratch"
    matches "$(awk '$5 == "/scratch"' "/proc/$PID/mountinfo")" ' tmpfs '
    refuses 'masked or read-only' tare mounts remove "$ID" - <<<"$(at /sys)"
    ok tare mounts remove "$ID" - <<<"$(at /scratch)"
    gone
}

test_a_protected_path_that_is_missing_is_still_protected() {
    ours_only
    bundle; drop_mount /sys; config '.linux.maskedPaths += ["/later/secret"]'; ln -s /other "$R/link"
    config '.linux.readonlyPaths += ["/link/inner"]'; command_is sleep 60; started
    for path in /sys /later; do
        refuses 'masked or read-only' tare mounts add "$ID" - <<<"$(fs "$path")"
    done
    ok tare mounts add "$ID" - <<<"$(fs /other/place)"
    refuses 'masked or read-only' tare mounts add "$ID" - <<<"$(fs /other)"
    gone
}

test_a_restored_container_takes_mounts_too() {
    ours_only
    . "$INTEGRATION/lib/criu.sh"
    needs_criu
    bundle; command_is sleep 100; config '.process.terminal = false'
    created </dev/null
    ok tare start "$ID"
    ok tare checkpoint --image-path "$T/img" "$ID"
    gone
    tare restore --detach --image-path "$T/img" "$ID" </dev/null >"$B/stdout" 2>"$B/stderr" || fail "restore: $(cat "$B/stderr")"
    PID=$(state .pid)
    ok tare mounts add "$ID" - <<<"$(fs /scratch)"
    matches "$(awk '$5 == "/scratch"' "/proc/$PID/mountinfo")" ' tmpfs '
    gone
}
