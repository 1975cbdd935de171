# The session keyring `_ses.ID`: the container's own, and joined by name by whoever comes later, as exec does.

# The number of the container's session keyring, from a created and started container that says it and stays.
container_serial() { # [CREATE-OPTION...]
    script 'probe serial; probe keyring; sleep 60'
    started "$@"
    eventually test -s "$B/stdout"
    head -1 "$B/stdout"
}

test_a_later_process_joins_the_keyring_by_its_name() {
    bundle
    local serial
    serial=$(container_serial)
    matches "$serial" '^[0-9]+$' "serial of the container's keyring"
    ok "$PROBE" in-keyring "_ses.$ID" "$PROBE" serial
    eq "$out" "$serial" "the keyring that a second process joins"
    # The owner may search it: without that the kernel would have made another one of the same name.
    eventually grep -q "_ses.$ID" "$B/stdout"
    local permissions
    permissions=$(grep "_ses.$ID" "$B/stdout" | cut -d';' -f4)
    eq $((0x$permissions & 0x80000)) $((0x80000)) "search permission of its owner in $permissions"
    gone
}

test_a_later_process_joins_the_keyring_in_a_user_namespace() {
    bundle
    user_namespace
    config '.process.user = {uid: 1000, gid: 1000}'
    local serial
    serial=$(container_serial)
    matches "$serial" '^[0-9]+$' "serial of the container's keyring"
    PID=$(state .pid)
    # As exec does: root of the user namespace first, then by name.
    ok nsenter --target "$PID" --user --setuid 0 --setgid 0 "$PROBE" in-keyring "_ses.$ID" "$PROBE" serial
    eq "$out" "$serial" "the keyring that a second process joins"
    # The host's root is in another list of names.
    ok "$PROBE" in-keyring "_ses.$ID" "$PROBE" serial
    ne "$out" "$serial" "a keyring of that name outside"
    gone
}

test_two_containers_have_two_keyrings() {
    local first second
    bundle one
    first=$(container_serial)
    bundle two
    second=$(container_serial)
    ne "$first" "$second" "serial of the second"
    use one; gone
    use two; gone
}

test_the_callers_keys_are_out_of_reach() {
    bundle
    script 'probe serial; probe keyring'
    ok "$PROBE" in-keyring "caller-$ID" "$TARE" --root "$STATE" run "$ID"
    has "$out" "_ses.$ID" "session keyring"
    lacks "$out" "caller-$ID" "session keyring"
}

test_no_new_keyring_keeps_the_callers() {
    bundle
    script 'probe serial; probe keyring'
    ok "$PROBE" in-keyring "caller-$ID" "$TARE" --root "$STATE" run --no-new-keyring "$ID"
    has "$out" "caller-$ID" "session keyring with --no-new-keyring"
    ok "$PROBE" in-keyring "caller-$ID" "$TARE" --root "$STATE" run "$ID"
    lacks "$out" "caller-$ID" "session keyring without it"
}

test_a_user_with_too_many_keys_is_told_so() {
    ours_only
    bundle
    user_namespace 100000
    # The container's root is user 100000 to the kernel, with a quota that another process of this user uses up.
    setpriv --reuid 100000 --clear-groups "$PROBE" use-up-keys >"$T/keys" &
    local holder=$!
    eventually grep -q 'used up' "$T/keys"
    refuses 'session keyring.*no-new-keyring' tare run "$ID"
    ok tare run --no-new-keyring "$ID"
    kill $holder
}
