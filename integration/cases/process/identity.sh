# process: user, groups, umask, capabilities, no new privileges, keyring.

test_uid_gid_and_additional_gids() {
    bundle
    config '.process.user = {uid: 1000, gid: 1001, additionalGids: [10, 20, 30]}'
    script 'id -u; id -g; id -G; grep -E "^(Uid|Gid|Groups)" /proc/self/status'
    runs
    eq "$out" "1000
1001
1001 10 20 30
Uid:	1000	1000	1000	1000
Gid:	1001	1001	1001	1001
Groups:	10 20 30 "
}

test_no_group_of_the_caller_gets_in() {
    bundle
    script 'grep ^Groups /proc/self/status'
    ok setpriv --groups 4,5,6 "$TARE" --root "$STATE" run "$ID"
    eq "$(tr -d ' \t' <<<"$out")" "Groups:" "groups"
}

test_umask_is_set_and_is_022_by_default() {
    bundle
    script 'umask; touch /file; stat -c %a /file'
    runs
    eq "$out" "0022
644"
    rm "$R/file"
    config '.process.user.umask = 63'
    runs
    eq "$out" "0077
600"
}

caps_of() { sed -n "s/^Cap$1:\t0*\([0-9a-f]\)/\1/p" <<<"$out"; }

test_all_five_capability_sets_are_exactly_those_configured() {
    bundle
    config '.process.capabilities = {
        bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_NET_RAW", "CAP_SYS_CHROOT"],
        permitted: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SYS_CHROOT"],
        inheritable: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
        effective: ["CAP_CHOWN", "CAP_KILL"],
        ambient: ["CAP_CHOWN"]}
        | .process.user.uid = 1000'
    script 'grep ^Cap /proc/self/status'
    runs
    # execve gives a user who is not root P = ambient + (file caps: none), and E = ambient.
    eq "$(caps_of Inh) $(caps_of Prm) $(caps_of Eff) $(caps_of Bnd) $(caps_of Amb)" "2021 1 1 420a1 1" "Inh Prm Eff Bnd Amb: $out"
}

test_root_gets_the_bounding_set_and_nothing_else() {
    bundle
    script 'grep ^Cap /proc/self/status'
    runs
    eq "$(caps_of Inh)|$(caps_of Prm)|$(caps_of Eff)|$(caps_of Bnd)|$(caps_of Amb)" "0|20000420|20000420|20000420|0" "$out"
}

test_no_capabilities_at_all() {
    bundle
    config '.process.capabilities = {bounding: [], effective: [], permitted: [], inheritable: [], ambient: []}'
    script 'grep ^Cap /proc/self/status | cut -f2 | sort -u'
    runs
    eq "$out" 0000000000000000
}

test_an_unknown_capability_is_ignored_and_a_warning() {
    bundle
    config '.process.capabilities.bounding += ["CAP_OF_THE_FUTURE"]'
    command_is echo fine
    runs
    eq "$out" fine
}

test_no_new_privileges_is_set_as_configured() {
    bundle
    script 'grep NoNewPrivs /proc/self/status'
    runs
    eq "$out" "NoNewPrivs:	1"
    config '.process.noNewPrivileges = false'
    runs
    eq "$out" "NoNewPrivs:	0"
    config 'del(.process.noNewPrivileges)'
    runs
    eq "$out" "NoNewPrivs:	0"
}

test_a_new_session_keyring_unless_asked_otherwise() {
    bundle
    command_is probe keyring
    runs
    has "$out" "_ses.$ID" "name of the session keyring"
    ok tare run --no-new-keyring "$ID"
    lacks "$out" "_ses.$ID" "keyring with --no-new-keyring"
}

test_securebits_are_clean() {
    bundle
    command_is probe securebits
    runs
    eq "$out" 0
}

test_the_process_is_the_leader_of_its_own_session() {
    bundle
    script 'cut -d" " -f5,6 /proc/self/stat; cut -d" " -f1,6 /proc/1/stat'
    runs
    has "$out" "1 1" "pid and session of init"
}

test_a_negative_or_huge_uid_is_refused() {
    bundle
    local bad
    for bad in -1 4294967296 1.5 '"0"'; do
        config ".process.user.uid = $bad"
        refuses 'uid' tare create "$ID"
    done
}

test_uid_4294967295_is_refused() {
    ours_only
    bundle
    config '.process.user.uid = 4294967295'
    refuses 'uid|user' tare create "$ID"
}
