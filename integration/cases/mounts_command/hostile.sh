# `mounts` against a container that wants to have the host's files mounted over, or to get at the process that mounts.
# timeout_s: 90

fs() { jq -nc --arg d "$1" '[{type: "tmpfs", source: "tmpfs", destination: $d}]'; }
count() { grep -c . "/proc/$PID/mountinfo"; }
seen() { awk -v p="$1" '$5 == p { line = $0 } END { print line }' "/proc/$PID/mountinfo"; }

test_links_in_the_root_filesystem_lead_nowhere_else() {
    ours_only
    bundle; command_is sleep 60
    mkdir "$T/victim"; touch "$T/victim/file"
    ln -s "$T/victim" "$R/absolute"
    ln -s "../../../../../../../../../../../..$T/victim" "$R/upwards"
    ln -s /proc/1/root "$R/magic"
    started
    local before=$(mounts)
    for path in /absolute /upwards /absolute/below /upwards/new/below; do
        ok tare mounts add "$ID" - <<<"$(fs "$path")"
    done
    # What the links name was made inside of the container.
    matches "$(seen "$T/victim")" ' tmpfs '
    exists "$R$T/victim"
    refuses 'openat2|too many|cross-device' tare mounts add "$ID" - <<<"$(fs /magic/tmp)"
    eq "$(mounts)" "$before" "mounts of the host"
    eq "$(ls "$T/victim")" file
    # Unmounting does not follow the last link.
    refuses 'nothing is mounted there' tare mounts remove "$ID" - <<<'[{"destination": "/absolute"}]'
    gone
}

test_a_target_that_is_replaced_all_the_time_stays_inside() {
    ours_only
    bundle; mkdir "$T/victim"; mkdir "$R/swap"; ln -s "$T/victim" "$R/other"; mkdir -p "$R$T/victim"
    command_is probe exchange /swap /other; started
    local before=$(mounts) start=$(count) added=0 i
    for ((i = 0; i < 40; i++)); do
        call tare mounts add "$ID" - <<<"$(fs /swap/inner)"
        [ $code = 0 ] && added=$((added + 1))
    done
    at_least $added 1 "successful mounts"
    eq "$(count)" $((start + added)) "mounts of the container: each that succeeded, none that failed"
    eq "$(mounts)" "$before" "mounts of the host"
    eq "$(ls -A "$T/victim")" ""
    for ((i = 0; i < 40; i++)); do call tare mounts remove "$ID" - <<<'[{"destination": "/swap/inner"}]'; done
    eq "$(mounts)" "$before" "mounts of the host after unmounting"
    gone
}

test_links_to_protected_places_do_not_help() {
    ours_only
    bundle; command_is sleep 60
    ln -s /proc "$R/p"; ln -s /sys/firmware "$R/f"; ln -s proc/sys "$R/s"
    started
    local before=$(count)
    for path in /p /f /s /p/sys /p/1/attr /p/../sys; do
        refuses 'masked or read-only|inside /proc' tare mounts add "$ID" - <<<"$(fs "$path")"
        eq "$(count)" "$before" "mounts of the container after $path"
    done
    for path in /p/sys /p/keys /p/../sys /p/../proc; do
        refuses 'masked or read-only' tare mounts remove "$ID" - <<<"[{\"destination\": \"$path\"}]"
        eq "$(count)" "$before" "mounts of the container after $path"
    done
    gone
}

# The process that mounts is in the container's user and mount namespace for a moment.
spied_on() { # EXPECTED
    local times=0
    # Until it has looked for long enough.
    while call tare mounts add "$ID" - <<<"$(fs /one)"; [ $code = 0 ]; do
        call tare mounts remove "$ID" - <<<'[{"destination": "/one"}]'
        times=$((times + 1))
    done
    matches "$err" 'the container is stopped|container not running'
    at_least $times 5 "mounts"
    becomes stopped
    matches "$(cat "$B/stdout")" "$1"
    gone
}

test_the_process_that_mounts_is_not_seen_in_a_pid_namespace() {
    ours_only
    bundle; capabilities CAP_SYS_PTRACE CAP_SYS_ADMIN; command_is probe spy 6 "$(basename "$TARE")"; started
    spied_on '^seen none opened 0$'
}

test_the_process_that_mounts_cannot_be_looked_into_where_it_is_seen() {
    ours_only
    bundle; drop_namespace pid; user_namespace 100000 65536; chmod 755 "$T" "$B"
    # The root of that namespace, with every right in it.
    capabilities CAP_SYS_PTRACE CAP_SYS_ADMIN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_SETUID CAP_SETGID
    config '.mounts |= map(if .destination == "/proc" then {destination: "/proc", type: "none", source: "/proc", options: ["rbind"]} else . end) | .linux.maskedPaths = [] | .linux.readonlyPaths = []'
    command_is probe spy 6 "$(basename "$TARE")"; started
    spied_on '^seen some opened 0$'
}

test_with_a_shared_root_nothing_is_mounted_on_the_host_on_the_way() {
    ours_only
    type strace >/dev/null 2>&1 || skip "no strace here"
    local propagation command host
    mkdir "$T/host" && mount -t tmpfs -o mode=755 shared "$T/host" && mount --make-shared "$T/host"
    for propagation in shared rshared; do
        bundle "host/$propagation"; command_is sleep 60; ID=${ID_PREFIX}$propagation
        config --arg p "$propagation" --arg c "$(cgroups_path "$propagation")" '.linux.rootfsPropagation = $p | .linux.cgroupsPath = $c'
        started
        host=$(mounts)
        # `silent` can only be said to mount(2), which takes a path. Ended before it can take that mount away again.
        printf '[{"type": "tmpfs", "destination": "/one", "options": ["silent"]}]' >"$B/mounts.json"
        strace -f -qq -o "$T/trace" -e trace=umount2 -e inject=umount2:signal=KILL "$TARE" --root "$STATE" mounts add "$ID" "$B/mounts.json" 2>/dev/null
        grep -q KILL "$T/trace" || fail "was not killed in the middle: $(cat "$T/trace")"
        eq "$(mounts)" "$host" "mounts of the host, with $propagation"
        gone
    done
    cd "$T" && umount "$T/host"
}

test_with_a_shared_root_a_bind_mount_is_a_peer_of_its_source_as_at_a_birth() {
    ours_only
    mkdir "$T/host" && mount -t tmpfs -o mode=755 shared "$T/host" && mount --make-shared "$T/host"
    bundle; config '.linux.rootfsPropagation = "shared"'; command_is sleep 60
    add_mount /birth none "$T/host" rbind rshared
    started
    jq -nc --arg s "$T/host" '[{source: $s, destination: "/later", options: ["rbind", "rshared"]}]' >"$B/mounts.json"
    ok tare mounts add "$ID" "$B/mounts.json"
    local peers=$(awk '$5 ~ "^/(birth|later)$" { print $7 }' "/proc/$PID/mountinfo" | sort -u)
    matches "$peers" '^shared:[0-9]+$'
    eq "$(awk -v p="$T/host" '$5 == p { print $7 }' /proc/self/mountinfo)" "$peers" "the host's peer group"
    gone
    umount "$T/host"
}
