# Bad input: one clear error in under a second, exit code 1, nothing left behind.

# run ends with an error of its program's execve, quickly, and leaves nothing: REGEX
bad_program() {
    refuses "$1" tare run "$ID"
    eq "$code" 1 "exit code"
    at_most "$took_ms" 1000 "milliseconds"
    absent "$STATE/$ID"
}

# create is refused, quickly, and leaves nothing: REGEX [POINTER]
bad() {
    refuses "$1" tare create "$ID"
    at_most "$took_ms" 1000 "milliseconds"
    [ -z "${2:-}" ] || [ -n "$FOREIGN" ] || has "$err" "config.json#$2" "where in the config"
    absent "$STATE/$ID"
}

# The program is looked at when it is created, but only the kernel can say that it cannot be executed: create or start is
# refused, and nothing is left. REGEX
bad_program() {
    refuses "$1" tare run "$ID"
    at_most "$took_ms" 1000 "milliseconds"
    absent "$STATE/$ID"
    call tare create "$ID"
    [ $code = 0 ] && refuses "$1" tare start "$ID"
    gone
}

test_a_missing_config() {
    bundle
    rm config.json
    bad 'config.json.*(no such file|not exist|missing|not found)'
}

test_a_config_that_cannot_be_read() {
    bundle
    rm config.json && mkdir config.json
    bad 'config.json.*directory'
}

test_a_missing_bundle() {
    refuses 'no such file|not exist' tare create --bundle "$T/nowhere" some-id
}

test_invalid_json_with_line_and_column() {
    ours_only
    bundle
    printf '{\n  "ociVersion": "1.0.0",\n  "root": }\n' >config.json
    bad 'line 3.*column 11|3:11'
    printf '{"ociVersion": "1.0.0"' >config.json
    bad 'line 1'
    : >config.json
    bad 'config.json'
    echo '[]' >config.json
    bad 'config.json'
    echo '{"ociVersion": "1.0.0"} trailing' >config.json
    bad 'trailing|line 1'
}

test_json_nested_too_deeply() {
    bundle
    python3 -c 'print("{\"a\":" * 100000 + "1" + "}" * 100000)' >config.json
    bad '.'
}

test_a_config_of_many_mebibytes() {
    ours_only
    bundle
    python3 -c 'import json; c = json.load(open("config.json")); c["annotations"] = {"a": "x" * (20 << 20)}; json.dump(c, open("config.json", "w"))'
    bad 'large|size|MiB'
}

test_wrong_types() {
    bundle
    local row
    for row in '.process.args = "sh"|/process/args' '.process.user.uid = "root"|/process/user/uid' '.mounts = {}|/mounts' '.root = "rootfs"|/root' \
        '.linux.namespaces[0] = 5|/linux/namespaces/0' '.process.terminal = "yes"|/process/terminal' '.linux.resources.memory.limit = "1G"|/linux/resources/memory/limit' \
        '.process.env = [1]|/process/env/0' '.hostname = 5|/hostname' '.mounts[1].options = "ro"|/mounts/1/options'; do
        cp "$BASE/config.json" config.json
        config "${row%|*}"
        bad '.' "${row##*|}"
    done
}

test_unknown_enum_values() {
    bundle
    local row
    for row in '.linux.namespaces[0].type = "nosuch"|/linux/namespaces/0' '.linux.rootfsPropagation = "nosuch"|/linux/rootfsPropagation' \
        '.linux.devices = [{path: "/dev/x", type: "q", major: 1, minor: 1}]|/linux/devices/0' '.process.rlimits = [{type: "RLIMIT_X", soft: 1, hard: 1}]|/process/rlimits/0'; do
        cp "$BASE/config.json" config.json
        config "${row%|*}"
        bad '.' "${row##*|}"
    done
}

test_unknown_properties_are_ignored() {
    bundle
    config '.nosuch = 1 | .process.nosuch = {} | .linux.nosuch = [] | .mounts[0].nosuch = true | .linux.resources = {nosuch: 1}'
    command_is echo fine
    runs
    eq "$out" fine
}

test_nul_bytes_anywhere() {
    bundle
    local row
    for row in '.process.args[0] = "a\u0000b"' '.process.env += ["A=\u0000"]' '.process.cwd = "/\u0000"' '.hostname = "a\u0000"' '.mounts[0].destination = "/proc\u0000x"' \
        '.mounts[0].source = "a\u0000"' '.mounts[1].options = ["mode=\u0000"]' '.linux.maskedPaths = ["/a\u0000"]' '.linux.cgroupsPath = "/a\u0000"' '.root.path = "rootfs\u0000"' \
        '.linux.sysctl = {"net.core.somaxconn": "1\u0000"}' '.linux.devices = [{path: "/dev/a\u0000", type: "c", major: 1, minor: 3}]' '.hooks.prestart = [{path: "/bin/\u0000true"}]'; do
        cp "$BASE/config.json" config.json
        config --arg p "$(cgroups_path)" '.linux.cgroupsPath = $p'
        config "$row"
        refuses '.' tare create "$ID"
        [ -n "$FOREIGN" ] || has "$err" "config.json#/" "where the NUL is ($row)"
    done
}

test_bad_ids() {
    bundle
    local id
    for id in a/b ../x . .. '' 'a b' 'a;b' $'a\nb' 'ä' /abs "$(printf 'x%.0s' {1..1025})"; do
        call tare create "$id"
        ne "$code" 0 "create of '$id'"
        [ -n "$FOREIGN" ] || at_most "$(wc -l <<<"$err")" 1 "lines of error for '$id'"
    done
    eq "$(ls -A "$STATE" 2>/dev/null)" "" "state folders"
}

test_dot_dot_in_cgroups_path() {
    ours_only
    bundle
    config '.linux.cgroupsPath = "/a/../../b"'
    bad '\.\.' /linux/cgroupsPath
}

test_a_program_with_a_missing_interpreter() {
    ours_only
    bundle
    printf '#!/no/such/interpreter\n' >"$R/bin/script" && chmod 755 "$R/bin/script"
    command_is /bin/script
    bad_program '/no/such/interpreter'
    cp "$(command -v bash)" "$R/bin/dynamic"
    command_is /bin/dynamic
    bad_program 'ld-linux|/lib64/|interpreter'
}

test_a_program_of_another_architecture() {
    ours_only
    bundle
    # The head of an aarch64 ELF program.
    { head -c 18 "$R/bin/busybox"; printf '\xb7\x00'; tail -c +21 "$R/bin/busybox"; } >"$R/bin/foreign" && chmod 755 "$R/bin/foreign"
    command_is /bin/foreign
    bad_program 'aarch64|architecture|exec format'
}

test_a_program_that_is_no_program() {
    bundle
    echo "just text" >"$R/bin/text" && chmod 755 "$R/bin/text"
    command_is /bin/text
    call tare run "$ID"
    ne "$code" 0
    matches "$err" 'exec format error'
}

test_a_program_on_a_noexec_mount() {
    ours_only
    bundle
    mkdir "$T/volume" && cp "$PROBE" "$T/volume/probe"
    add_mount /volume bind "$T/volume" bind noexec
    command_is /volume/probe args
    bad_program 'permission denied.*noexec|noexec'
}

test_an_empty_command() {
    bundle
    config '.process.args = []'
    bad 'args|process' /process/args
    config '.process.args = [""]'
    refuses '.' tare create "$ID"
}

test_a_relative_cwd() {
    bundle
    config '.process.cwd = "tmp"'
    bad 'absolute' /process/cwd
    config '.process.cwd = ""'
    refuses '.' tare create "$ID"
}

test_a_rootfs_that_is_a_file_missing_or_slash() {
    bundle
    config '.root.path = "config.json"'
    bad 'not a directory'
    config '.root.path = "nowhere"'
    bad 'no such file|not exist'
    ours_only
    config '.root.path = "/"'
    bad 'root' /root/path
    config 'del(.root)'
    bad 'root'
}

test_a_rootfs_that_is_an_empty_folder() {
    bundle
    mkdir empty
    config '.root.path = "empty"'
    command_is /bin/sh
    bad 'no such file'
}

test_a_namespace_path_of_the_wrong_type() {
    bundle
    add_namespace network /proc/self/ns/uts
    bad 'namespace'
}

test_400_uid_maps() {
    bundle
    user_namespace
    config '.linux.uidMappings = [range(400) | {containerID: ., hostID: (100000 + .), size: 1}]'
    refuses '.' tare create "$ID"
    at_most "$took_ms" 1000 milliseconds
    [ -n "$FOREIGN" ] || matches "$err" '340|uidMappings'
}

test_3000_mounts() {
    bundle
    config '.mounts += [range(3000) | {destination: "/m\(.)", type: "tmpfs", source: "tmpfs"}]'
    command_is echo fine
    call tare run "$ID"
    if [ $code = 0 ]; then eq "$out" fine; at_most "$took_ms" 5000 milliseconds; else matches "$err" mount; fi
}

test_a_full_tmpfs_under_root() {
    ours_only
    bundle
    mkdir "$T/full" && mount -t tmpfs -o size=64k,mode=700 full "$T/full"
    trap 'umount "$T/full"' EXIT
    dd if=/dev/zero of="$T/full/filler" bs=1k 2>/dev/null
    call "$TARE" --root "$T/full" create "$ID"
    eq "$code" 1 "exit code"
    matches "$err" 'no space left'
    eq "$(ls "$T/full")" filler "what is left in the root"
}

test_no_inodes_left_under_root() {
    ours_only
    bundle
    mkdir "$T/full" && mount -t tmpfs -o nr_inodes=2,mode=700 full "$T/full"
    trap 'umount "$T/full"' EXIT
    touch "$T/full/one"
    call "$TARE" --root "$T/full" create "$ID"
    eq "$code" 1 "exit code"
    matches "$err" 'no space left'
}

test_an_unsupported_oci_version() {
    ours_only
    bundle
    local version
    for version in 2.0.0 nonsense ''; do
        config --arg v "$version" '.ociVersion = $v'
        bad 'ociVersion|version'
    done
    config 'del(.ociVersion)'
    bad 'ociVersion'
    for version in 1.0.0 1.0.2-dev 1.2.1 1.3.0; do
        config --arg v "$version" '.ociVersion = $v'
        runs
    done
}

test_configs_for_other_systems() {
    ours_only
    bundle
    config '.windows = {layerFolders: ["c:"]} | del(.linux)'
    call tare run "$ID"
    true
}

test_the_error_names_operation_and_id() {
    ours_only
    bundle
    config '.process.cwd = "tmp"'
    refuses "^tare: create $ID: .*config.json#/process/cwd" tare create "$ID"
    refuses "^tare: run $ID: " tare run "$ID"
    refuses "^tare: state nosuch: " tare state nosuch
}

test_unknown_options_and_commands() {
    local words
    for words in "nosuch" "--nosuch list" "create --nosuch x" "run a b c" "list --format yaml" "--log-format xml list"; do
        # shellcheck disable=SC2086 # words on purpose
        call tare $words
        ne "$code" 0 "tare $words"
        lacks "$err" panicked
    done
}

test_a_log_file_that_cannot_be_opened() {
    call tare --log /no/such/folder/log list
    ne "$code" 0 "exit code"
    has "$err" "/no/such/folder/log"
}

test_output_that_nobody_takes_is_an_error_and_not_a_signal() {
    ours_only
    bundle
    command_is sleep 30
    started
    local verb
    for verb in "state $ID" list features "ps $ID"; do
        # shellcheck disable=SC2086 # words
        tare $verb 2>"$T/.err" >/dev/full
        eq "$?" 1 "$verb to a full device"
        has "$(cat "$T/.err")" "print: write stream: no space left on device (ENOSPC)" "$verb"
        # A pipe whose reader has gone: opened for both, so that it is there without one, then only for writing.
        rm -f "$T/pipe"; mkfifo "$T/pipe"; exec 8<>"$T/pipe" 9>"$T/pipe" 8>&-
        # shellcheck disable=SC2086
        tare $verb 2>"$T/.err" >&9
        eq "$?" 1 "$verb to a pipe that nobody reads"
        has "$(cat "$T/.err")" "print: write stream: broken pipe (EPIPE)" "$verb"
        exec 9>&-
    done
    eq "$(state .status)" running
    gone
}

test_a_pid_file_that_cannot_be_written_leaves_nothing() {
    bundle
    refuses 'no such file|folder that is not there' tare create --pid-file /no/such/folder/pid "$ID"
    absent "$STATE/$ID"
}

test_preserve_fds_that_are_not_there() {
    bundle
    call tare run --preserve-fds 200 "$ID"
    # runc refuses, crun bears holes: both are answers; a hang or crash is not.
    lacks "$err" panicked
    gone
}

test_a_user_namespace_where_the_rootfs_is_unreachable() {
    bundle
    user_namespace
    chmod 700 "$T/b"
    chown 0:0 "$T/b"
    call tare run "$ID"
    [ $code = 0 ] || [ -n "$FOREIGN" ] || matches "$err" 'permission denied.*rootfs|rootfs.*permission denied'
}
