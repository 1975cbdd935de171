# `mounts add`: what it mounts, where, and with which options.

# Writes $B/mounts.json from pairs of jq objects.
list() { printf '[%s]' "$(IFS=,; echo "$*")" >"$B/mounts.json"; }
bind_of() { jq -nc --arg s "$1" --arg d "$2" --args '{source: $s, destination: $d, options: $ARGS.positional}' -- bind "${@:3}"; }
fs() { jq -nc --arg t "$1" --arg d "$2" --args '{type: $t, source: $t, destination: $d, options: $ARGS.positional}' -- "${@:3}"; }
add() { ok tare mounts add "$ID" "$B/mounts.json"; eq "$out$err" "" "output of mounts add"; }
# What is mounted in the container at PATH: options and type, of the topmost mount.
seen() { awk -v p="$1" '$5 == p { line = $0 } END { print line }' "/proc/$PID/mountinfo"; }
count() { grep -c . "/proc/$PID/mountinfo"; }
inside() { cat "/proc/$PID/root/$1"; }

test_add_binds_a_host_folder_into_a_running_container() {
    ours_only
    bundle; command_is sleep 60; started
    mkdir "$T/data" && echo hello >"$T/data/file"
    list "$(bind_of "$T/data" /mnt/deep/data ro nosuid nodev)"
    add
    eq "$(inside mnt/deep/data/file)" hello
    matches "$(seen /mnt/deep/data)" ' ro,nosuid,nodev,'
    gone
}

test_add_takes_the_list_from_standard_input_and_a_file_as_source() {
    ours_only
    bundle; command_is sleep 60; started
    echo secret >"$T/key"
    list "$(bind_of "$T/key" /etc/key)"
    ok tare mounts add "$ID" - <"$B/mounts.json"
    eq "$(inside etc/key)" secret
    gone
}

test_add_makes_file_systems_with_all_their_options() {
    ours_only
    bundle; command_is sleep 60; created
    list "$(fs tmpfs /scratch size=1m mode=1770 noexec nosuid)" "$(fs tmpfs /scratch/inner ro)" "$(fs mqueue /queue)"
    add
    matches "$(seen /scratch)" 'nosuid,noexec.* tmpfs .*size=1024k,mode=1770'
    matches "$(seen /scratch/inner)" ' ro,.* tmpfs '
    matches "$(seen /queue)" ' mqueue '
    ok tare start "$ID"
    matches "$(seen /scratch)" ' tmpfs '
    gone
}

test_add_to_a_paused_container() {
    ours_only
    bundle; command_is sleep 60; started
    freeze
    list "$(fs tmpfs /scratch)"
    add
    thaw
    matches "$(seen /scratch)" ' tmpfs '
    gone
}

test_added_mounts_are_the_container_s_alone_and_end_with_it() {
    ours_only
    bundle; command_is sleep 60; started
    local before=$(mounts)
    mkdir "$T/data"
    list "$(fs tmpfs /one)" "$(bind_of "$T/data" /two)"
    add
    eq "$(mounts)" "$before" "mounts of the host"
    gone
    eq "$(mounts)" "$before" "mounts of the host at the end"
}

test_add_in_a_user_namespace_makes_what_belongs_to_its_root() {
    ours_only
    bundle; user_namespace 100000 65536; chmod 755 "$T" "$B"; command_is sleep 60; started
    mkdir -m 755 "$T/data" && echo hello >"$T/data/file"
    list "$(fs tmpfs /scratch mode=700)" "$(bind_of "$T/data" /data ro)" "$(fs sysfs /sys2 ro)"
    add
    eq "$(stat -c %u "/proc/$PID/root/scratch")" 100000 "owner of the tmpfs"
    eq "$(inside data/file)" hello
    matches "$(seen /sys2)" ' sysfs '
    gone
}

test_add_reaches_a_source_that_the_user_namespace_may_not() {
    ours_only
    bundle; user_namespace 100000 65536; chmod 755 "$T" "$B"; command_is sleep 60; started
    mkdir -p -m 700 "$T/private/data" && echo hello >"$T/private/data/file"; chmod 755 "$T/private/data"
    list "$(bind_of "$T/private/data" /data)"
    add
    eq "$(inside data/file)" hello
    gone
}

# An ordinary user with its own container; $STATE and the bundle are that user's.
as_user() { setpriv --reuid 1000 --regid 1000 --clear-groups "$TARE" --root "$T/user/state" "$@"; }

test_add_remove_and_wait_without_root() {
    ours_only
    mkdir "$T/user"; chmod 755 "$T"; bundle user/b; ID=${ID_PREFIX}user
    call setpriv --reuid 1000 --regid 1000 --clear-groups unshare -Ur true
    [ $code = 0 ] || skip "no user namespaces for ordinary users here"
    add_namespace user; drop_namespace cgroup
    config '.linux.uidMappings = [{containerID: 0, hostID: 1000, size: 1}] | .linux.gidMappings = .linux.uidMappings | del(.linux.cgroupsPath)'
    config '.mounts |= map(select(.destination != "/sys")) | (.mounts[].options // empty) |= map(select(. != "gid=5"))'
    script 'sleep 3; exit 8'
    mkdir "$T/user/data"; echo hello >"$T/user/data/file"
    chown -R 1000:1000 "$T/user"
    as_user --cgroup-manager disabled create "$ID" >"$B/stdout" 2>"$B/stderr" || fail "create: $(cat "$B/stderr")"
    PID=$(as_user state "$ID" | jq .pid)
    ok as_user mounts add "$ID" - <<<"[$(fs tmpfs /early)]"
    matches "$(seen /early)" ' tmpfs '
    ok as_user start "$ID"
    list "$(bind_of "$T/user/data" /data ro)" "$(fs tmpfs /scratch)"
    ok as_user mounts add "$ID" "$B/mounts.json"
    eq "$(inside data/file)" hello
    matches "$(seen /scratch)" ' tmpfs '
    ok as_user mounts remove "$ID" "$B/mounts.json"
    eq "$(seen /scratch)$(seen /data)" ""
    ok as_user wait "$ID"
    eq "$out" "exit code 8"
    ok as_user delete --force "$ID"
}

test_flags_of_a_source_stay_locked_in_a_user_namespace() {
    ours_only
    bundle; user_namespace 100000 65536; chmod 755 "$T" "$B"; command_is sleep 60; started
    mkdir -m 755 "$T/data" && mount -t tmpfs -o ro,nosuid,mode=755 locked "$T/data"
    list "$(bind_of "$T/data" /data)"
    add
    matches "$(seen /data)" ' ro,nosuid'
    # remount,bind,rw by the container's root, who has all capabilities there.
    call nsenter -t "$PID" -U -m -p -S 0 -G 0 mount -o remount,bind,rw /data
    ne "$code" 0 "exit code of remounting it writable"
    matches "$err" 'permission denied|not permitted'
    matches "$(seen /data)" ' ro,nosuid'
    umount "$T/data"
    gone
}

test_add_maps_the_ids_of_a_bind_mount() {
    ours_only
    bundle; command_is sleep 60; started
    mount -t tmpfs -o mode=755 idmapped /run && mkdir /run/data && touch /run/data/file
    list "$(bind_of /run/data /data | jq -c '. + {uidMappings: [{containerID: 0, hostID: 3000, size: 1000}], gidMappings: [{containerID: 0, hostID: 4000, size: 1000}]}')"
    add
    eq "$(stat -c %u:%g "/proc/$PID/root/data/file")" 3000:4000
    gone
    umount /run
}

test_add_shows_the_container_s_own_network_and_processes() {
    ours_only
    bundle; command_is sleep 60; started
    list "$(fs sysfs /sys2 ro)" "$(fs proc /proc2)"
    call tare mounts add "$ID" "$B/mounts.json"
    if [ $code != 0 ]; then
        has "$err" "Linux 6.17"
        list "$(fs sysfs /sys2 ro)"
        add
    else
        eq "$(inside proc2/1/comm)" sleep "process 1 of the new procfs"
        absent "/proc/$PID/root/proc2/$PID"
    fi
    eq "$(ls "/proc/$PID/root/sys2/class/net")" lo "interfaces in the new sysfs"
    gone
}

test_add_is_all_or_nothing() {
    ours_only
    bundle; command_is sleep 60; started
    local before=$(count)
    mkdir "$T/data"; touch "$T/file"
    list "$(fs tmpfs /one)" "$(bind_of "$T/file" /two)" "$(bind_of "$T/nowhere" /three)" "$(fs tmpfs /four)"
    refuses 'mounts .*bind .*nowhere on /three.*no such file.*mounts.json#/2\)' tare mounts add "$ID" "$B/mounts.json"
    eq "$(count)" "$before" "mounts of the container after a failure"
    # The same with a mount on a mount, and a failure inside of the file system.
    list "$(fs tmpfs /one)" "$(fs tmpfs /one/inner)" "$(fs tmpfs /five size=nonsense)"
    refuses "size.*mounts.json#/2" tare mounts add "$ID" "$B/mounts.json"
    eq "$(count)" "$before" "mounts of the container after a second failure"
    gone
}

test_add_refuses_what_would_uncover_or_cover_protected_paths() {
    ours_only
    bundle; command_is sleep 60; started
    local before=$(count)
    mkdir -p "$T/data"
    for entry in "$(fs tmpfs /proc)" "$(fs proc /proc)" "$(fs sysfs /sys)" "$(fs tmpfs /proc/sys)" \
        "$(bind_of "$T/data" /sys)" "$(bind_of "$T/data" /sys/firmware)" "$(bind_of "$T/data" /)" "$(fs tmpfs /proc/self/attr)" \
        "$(bind_of /dev/null /proc/kcore)" "$(bind_of "$T/data" /proc/../sys)"; do
        list "$(fs tmpfs /one)" "$entry"
        refuses 'mounts.json#/1' tare mounts add "$ID" "$B/mounts.json"
        eq "$(count)" "$before" "mounts of the container after $entry"
    done
    # What lxcfs provides may be covered, as at a birth.
    echo 12.00 12.00 >"$T/uptime"
    list "$(bind_of "$T/uptime" /proc/uptime ro)"
    add
    eq "$(inside proc/uptime)" "12.00 12.00"
    gone
}

test_add_refuses_what_is_no_new_mount_and_says_where() {
    ours_only
    bundle; command_is sleep 60; started
    list '{"destination": "/proc/sys", "options": ["remount", "rw"]}'
    refuses "mounts.json#/0/options: only changes what is mounted" tare mounts add "$ID" "$B/mounts.json"
    list "$(fs tmpfs /a)" "$(fs cgroup /cg)"
    refuses "mounts.json#/1/type: .*cgroups" tare mounts add "$ID" "$B/mounts.json"
    list "$(fs tmpfs /a)" '{"source": "/tmp", "options": ["bind"]}'
    refuses "mounts.json#/1/destination: is required" tare mounts add "$ID" "$B/mounts.json"
    list '{"destination": "/a", "type": 3}'
    refuses "mounts.json#/0/type" tare mounts add "$ID" "$B/mounts.json"
    list "$(bind_of /tmp /a size=3)"
    refuses "mounts.json#/0/options/1: .*bind mounts cannot have" tare mounts add "$ID" "$B/mounts.json"
    echo '{"destination": "/a"}' >"$B/mounts.json"
    refuses "mounts.json: .*sequence|mounts.json: .*array|mounts.json.*expected" tare mounts add "$ID" "$B/mounts.json"
    echo '[' >"$B/mounts.json"
    refuses "mounts.json: is not valid JSON" tare mounts add "$ID" "$B/mounts.json"
    mkfifo "$B/fifo"
    refuses "not a regular file" tare mounts add "$ID" "$B/fifo"
    refuses "no such file" tare mounts add "$ID" "$B/nothing"
    refuses "container does not exist" tare mounts add "${ID_PREFIX}nobody" - <<<'[]'
    has "$(tare --log-format json --log "$T/log" mounts add "$ID" - <<<'[{"destination": ""}]' 2>&1; cat "$T/log")" '"pointer":"/0/destination"'
    gone
}

test_add_refuses_a_stopped_container() {
    ours_only
    bundle; command_is true; started; becomes stopped
    list "$(fs tmpfs /one)"
    refuses "the container is stopped" tare mounts add "$ID" "$B/mounts.json"
    gone
}

# Ended between the look at its status and the look at its namespaces, which strace makes long enough.
test_add_to_a_container_that_ends_meanwhile_says_so() {
    ours_only
    type strace >/dev/null 2>&1 || skip "no strace here"
    bundle; command_is sleep 60; started
    list "$(fs tmpfs /one)"
    strace -f -qq -o "$T/trace" -P "/proc/$PID/ns/mnt" -e trace=openat -e inject=openat:delay_enter=1s \
        "$TARE" --root "$STATE" mounts add "$ID" "$B/mounts.json" 2>"$T/err" &
    until grep -q 'ns/mnt' "$T/trace" 2>/dev/null; do sleep 0.01; done
    kill -KILL "$PID"
    wait $! && fail "added a mount to a container that has ended"
    matches "$(cat "$T/err")" 'container not running: its first process.* has ended meanwhile'
    gone
}

test_add_refuses_a_container_on_the_host_s_mounts() {
    ours_only
    bundle; drop_namespace mount; config '.mounts = [] | del(.linux.maskedPaths, .linux.readonlyPaths)'
    command_is sleep 60; started
    local before=$(mounts)
    list "$(fs tmpfs /one)"
    refuses "no mount namespace of its own" tare mounts add "$ID" "$B/mounts.json"
    refuses "no mount namespace of its own" tare mounts remove "$ID" "$B/mounts.json"
    eq "$(mounts)" "$before"
    gone
}

test_add_makes_no_folder_in_a_read_only_root() {
    ours_only
    bundle; config '.root.readonly = true'; command_is sleep 60; started
    list "$(fs tmpfs /new)"
    refuses "read-only file system.*destination must exist" tare mounts add "$ID" "$B/mounts.json"
    list "$(fs tmpfs /var)"
    add
    matches "$(seen /var)" ' tmpfs '
    gone
}

test_add_copies_up_and_keeps_the_mode_of_the_target() {
    ours_only
    bundle; mkdir -m 1750 "$R/seed"; echo grain >"$R/seed/corn"; command_is sleep 60; started
    list "$(fs tmpfs /seed tmpcopyup)"
    add
    matches "$(seen /seed)" ' tmpfs '
    eq "$(inside seed/corn)" grain
    eq "$(stat -c %a "/proc/$PID/root/seed")" 1750
    gone
}

test_add_of_nothing_changes_nothing() {
    ours_only
    bundle; command_is sleep 60; started
    local before=$(count)
    list
    add
    eq "$(count)" "$before"
    gone
}
