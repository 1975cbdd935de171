# linux.maskedPaths and linux.readonlyPaths.

test_masked_files_and_folders_read_as_empty() {
    bundle
    echo secret >"$R/secret" && mkdir "$R/hidden" && echo x >"$R/hidden/file"
    config '.linux.maskedPaths += ["/secret", "/hidden"]'
    script 'wc -c < /secret; ls -A /hidden | wc -l; touch /hidden/new; echo x > /secret'
    call tare run "$ID"
    eq "$(head -2 <<<"$out")" "0
0"
    absent "$R/hidden/new"
    eq "$(cat "$R/secret")" secret
}

test_masked_paths_cannot_be_written_by_root() {
    bundle
    mkdir "$R/hidden" && echo secret >"$R/secret"
    capabilities CAP_DAC_OVERRIDE
    config '.linux.maskedPaths += ["/hidden", "/secret"]'
    script 'touch /hidden/new && echo made; (echo x > /secret) 2>/dev/null; cat /secret | wc -c'
    call tare run "$ID"
    lacks "$out" made
    eq "$(tail -1 <<<"$out")" 0 "bytes in the masked file"
}

test_a_missing_masked_or_readonly_path_is_no_error() {
    bundle
    config '.linux.maskedPaths += ["/no/such/path"] | .linux.readonlyPaths += ["/no/such/other"]'
    command_is echo fine
    runs
    eq "$out" fine
    absent "$R/no"
}

test_readonly_paths_are_read_only_with_what_is_below() {
    bundle
    mkdir -p "$R/ro/deep"
    config '.linux.readonlyPaths += ["/ro"]'
    script 'touch /ro/x; touch /ro/deep/x; echo 1 > /proc/sys/kernel/hostname'
    call tare run "$ID"
    eq "$(grep -ciE 'read-only' <<<"$err")" 3 "refusals: $err"
    absent "$R/ro/x"
}

test_readonly_paths_keep_the_flags_of_the_mount() {
    bundle
    script 'grep " /proc/sys " /proc/mounts'
    drop_mount /proc
    config '.mounts = [{destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]}] + .mounts'
    runs
    matches "$out" ' ro,nosuid,nodev,noexec'
}

test_a_path_listed_twice_is_masked_once() {
    bundle
    config '.linux.maskedPaths = ["/proc/timer_list", "/proc/timer_list"]'
    script 'grep -c " /proc/timer_list " /proc/self/mountinfo'
    runs
    eq "$out" 1
}

test_a_relative_masked_path_is_refused() {
    ours_only
    bundle
    config '.linux.maskedPaths += ["proc/kcore"]'
    refuses 'absolute' tare create "$ID"
    has "$err" "config.json#/linux/maskedPaths/"
}

test_masks_hold_before_the_user_code_runs() {
    bundle
    config '.linux.maskedPaths += ["/etc/passwd"]'
    command_is cat /etc/passwd
    runs
    eq "$out" ""
}

test_hundreds_of_masked_paths_are_fine() {
    bundle
    mkdir -p "$R/many" && (cd "$R/many" && seq 300 | xargs touch)
    config '.linux.maskedPaths = [range(1; 301) | "/many/\(.)"]'
    script 'echo x > /many/7; cat /many/* | wc -c'
    call tare run "$ID"
    eq "$out" 0
}
