# `mounts remove`: what is taken away, and what is not.

at() { jq -nc --args '[$ARGS.positional[] | {destination: .}]' -- "$@" >"$B/mounts.json"; }
seen() { awk -v p="$1" '$5 == p { line = $0 } END { print line }' "/proc/$PID/mountinfo"; }
count() { grep -c . "/proc/$PID/mountinfo"; }
removes() { at "$@"; ok tare mounts remove "$ID" "$B/mounts.json"; eq "$out$err" "" "output of mounts remove"; }

test_remove_takes_away_what_was_added_and_what_was_configured() {
    ours_only
    bundle; mkdir "$T/data"; touch "$T/file"; add_mount /volume none "$T/data" bind; command_is sleep 60; started
    local before=$(count)
    ok tare mounts add "$ID" - <<<"[{\"destination\": \"/one\", \"type\": \"tmpfs\"}, {\"destination\": \"/f\", \"source\": \"$T/file\", \"options\": [\"bind\"]}]"
    eq "$(count)" $((before + 2))
    removes /one /f
    eq "$(count)" "$before"
    removes /volume
    eq "$(seen /volume)" ""
    gone
}

test_remove_takes_what_is_mounted_below_too() {
    ours_only
    bundle; command_is sleep 60; started
    local before=$(count)
    ok tare mounts add "$ID" - <<<'[{"destination": "/one", "type": "tmpfs"}, {"destination": "/one/two", "type": "tmpfs"}]'
    removes /one
    eq "$(count)" "$before"
    gone
}

test_remove_is_all_or_nothing() {
    ours_only
    bundle; command_is sleep 60; started
    ok tare mounts add "$ID" - <<<'[{"destination": "/one", "type": "tmpfs", "options": ["size=1m"]}, {"destination": "/one/two", "type": "tmpfs"}]'
    echo kept >"/proc/$PID/root/one/two/file"
    local before=$(count)
    at /one/two /one /bin
    refuses 'unmount /bin: .*nothing is mounted there.*mounts.json#/2/destination' tare mounts remove "$ID" "$B/mounts.json"
    eq "$(count)" "$before"
    matches "$(seen /one)" 'size=1024k'
    eq "$(cat "/proc/$PID/root/one/two/file")" kept
    gone
}

test_remove_refuses_what_protects_and_what_is_no_mount() {
    ours_only
    bundle; command_is sleep 60; started
    local before=$(count)
    for path in / /proc /proc/sys /proc/kcore /sys /sys/firmware /bin /nowhere /etc/passwd /proc/self/root; do
        at "$path"
        refuses 'mounts.json#/0' tare mounts remove "$ID" "$B/mounts.json"
        eq "$(count)" "$before" "mounts of the container after $path"
    done
    gone
}

test_remove_in_a_user_namespace() {
    ours_only
    bundle; user_namespace 100000 65536; chmod 755 "$T" "$B"; command_is sleep 60; started
    local before=$(count)
    ok tare mounts add "$ID" - <<<'[{"destination": "/one", "type": "tmpfs"}]'
    eq "$(count)" $((before + 1))
    removes /one
    eq "$(count)" "$before"
    gone
}

test_remove_leaves_the_host_s_mounts_alone() {
    ours_only
    bundle; command_is sleep 60; mkdir "$T/data"; mount -t tmpfs volume "$T/data"; touch "$T/data/file"
    add_mount /volume none "$T/data" rbind; started
    removes /volume
    exists "$T/data/file"
    umount "$T/data"
    gone
}

test_a_removal_that_is_refused_has_touched_nothing() {
    ours_only
    bundle; script 'until [ -e /one/there ]; do sleep 0.1; done; cd /one; echo in >&2; sleep 60'
    mkdir "$R/one"; started
    # One that cannot be copied, and so not be had back.
    ok tare mounts add "$ID" - <<<'[{"destination": "/one", "type": "tmpfs", "options": ["unbindable"]}]'
    touch "/proc/$PID/root/one/there"
    eventually grep -q in "$B/stderr"
    local before=$(seen /one)
    for second in /nothing /bin /proc/sys; do
        at /one $second
        refuses 'mounts.json#/1/destination' tare mounts remove "$ID" "$B/mounts.json"
        eq "$(seen /one)" "$before" "the mount, after a removal of it and of $second"
    done
    eq "$(readlink "/proc/$PID/cwd")" /one "working directory in what was kept"
    removes /one
    gone
}

test_remove_takes_a_mount_and_one_below_it_in_any_order() {
    ours_only
    bundle; command_is sleep 60; started
    local before=$(count)
    printf '[{"destination": "/one", "type": "tmpfs"}, {"destination": "/one/two", "type": "tmpfs"}]' >"$T/both.json"
    for order in '/one /one/two' '/one/two /one'; do
        ok tare mounts add "$ID" "$T/both.json"
        removes $order
        eq "$(count)" "$before" "mounts of the container after $order"
    done
    ok tare mounts add "$ID" "$T/both.json"
    at /one/two /one /one
    refuses 'list twice.*mounts.json#/2/destination' tare mounts remove "$ID" "$B/mounts.json"
    eq "$(count)" $((before + 2))
    gone
}

test_remove_takes_peers_of_which_one_goes_with_the_other() {
    ours_only
    bundle; mkdir -p "$T/data/inner"; command_is sleep 60; started
    local before=$(count)
    nsenter -t "$PID" -m sh -c 'mkdir /a /b && mount -t tmpfs a /a && mount --make-shared /a && mount --bind /a /b && mkdir /a/inner && mount -t tmpfs inner /a/inner' ||
        skip "the busybox here cannot do that"
    eq "$(count)" $((before + 4))
    removes /a/inner /b/inner
    eq "$(count)" $((before + 2))
    gone
}
