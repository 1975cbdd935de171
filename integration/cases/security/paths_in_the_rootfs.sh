# Attacks through symlinks and races in the root filesystem or a shared volume. $T/host is the host's own: nothing may change in it.

host() { mkdir -p "$T/host" && echo original >"$T/host/file" && HOST_BEFORE=$(host_listing); }
host_listing() { (cd "$T/host" && find . -printf '%p %y %m %u:%g %s\n' | sort; cat file); }
host_is_unchanged() { eq "$(host_listing)" "$HOST_BEFORE" "the host's folder"; }
# Nobody tidied up after a failure: the container may exist or not.
away() { ok tare delete --force "$ID"; }

test_cve_2019_19921_proc_is_a_symlink_to_a_volume() {
    bundle
    host
    rmdir "$R/proc" && ln -s "$T/host" "$R/proc"
    script 'grep -c "^proc /proc " /proc/mounts'
    call tare run "$ID"
    [ $code = 0 ] || matches "$err" 'symlink|symbolic link|not a directory|too many levels|ordinary directory'
    [ $code != 0 ] || eq "$out" 1
    host_is_unchanged
    lacks "$(cat /proc/self/mountinfo)" "$T/host" "mounts of the host"
    # A link that stays inside must not move /proc into a folder an attacker shares either.
    rm "$R/proc" && mkdir "$R/volume" && ln -s volume "$R/proc"
    refuses 'symlink|symbolic link|not a directory|too many levels|ordinary directory' tare create "$ID"
}

test_cve_2023_27561_proc_behind_a_linked_volume_keeps_its_masks() {
    bundle
    host
    mkdir -p "$T/volume/proc"
    rmdir "$R/proc" && ln -s /volume/proc "$R/proc"
    add_mount /volume bind "$T/volume" rbind
    config '.mounts = [.mounts[-1]] + .mounts[:-1]'
    refuses 'symlink|symbolic link|not a directory|too many levels|ordinary directory' tare create "$ID"
    host_is_unchanged
}

test_cve_2023_28642_masked_path_below_a_linked_proc() {
    bundle
    host
    rmdir "$R/proc" && mkdir "$R/elsewhere" && ln -s /elsewhere "$R/proc"
    command_is cat /proc/timer_list
    call tare run "$ID"
    ne "$code" 0 "a root filesystem with a linked /proc"
    lacks "$out" "Timer List" "masked content"
}

test_cve_2025_54867_sys_is_a_symlink_to_the_host() {
    bundle
    host
    rmdir "$R/sys" && ln -s "$T/host" "$R/sys"
    refuses 'symlink|symbolic link|not a directory|too many levels|ordinary directory' tare create "$ID"
    host_is_unchanged
}

test_cve_2019_18837_the_last_component_is_a_symlink_to_the_host() {
    bundle
    host
    echo bound >"$T/source"
    ln -s "$T/host/file" "$R/etc/target"
    ln -s "$T/host/new" "$R/etc/target2"
    add_mount /etc/target bind "$T/source" bind
    add_mount /etc/target2 bind "$T/source" bind
    command_is cat /etc/target /etc/target2
    runs
    eq "$out" "bound
bound"
    host_is_unchanged
}

test_cve_2015_1335_a_folder_of_the_target_is_a_symlink_to_the_host() {
    bundle
    host
    mkdir "$T/host/sub" && HOST_BEFORE=$(host_listing)
    ln -s "$T/host" "$R/link"
    add_mount /link/sub tmpfs tmpfs
    script 'echo x > /link/sub/inside'
    runs
    host_is_unchanged
}

# A second program exchanges, for ever, a folder of a shared volume with a symlink to the host.
racing() { # MOUNT-DESTINATION-BELOW
    mkdir -p "$T/volume/dir" "$T/host/sub"
    HOST_BEFORE=$(host_listing)
    ln -s "$T/host" "$T/volume/link"
    "$PROBE" exchange "$T/volume/dir" "$T/volume/link" &
    RACER=$!
    add_mount /volume bind "$T/volume" rbind
}

test_cve_2021_30465_a_volume_swaps_the_target_for_a_symlink() {
    bundle
    host
    racing
    add_mount /volume/dir/sub bind "$T/host" rbind
    # A mount that went outside is lost with the old root.
    script 'grep -c "/sub " /proc/self/mountinfo; true'
    local i
    for ((i = 0; i < 40; i++)); do
        call tare run "$ID"
        # Success or a clean refusal are both fine; reaching the host is not.
        [ "$(host_listing)" = "$HOST_BEFORE" ] || break
        [ $code != 0 ] || eq "$out" 1 "mounts of the container on its own target"
        ! grep -q "$T/host/" /proc/self/mountinfo || break
    done
    kill -KILL $RACER
    wait $RACER 2>/dev/null
    host_is_unchanged
    away
}

test_cve_2024_45310_a_volume_swaps_a_folder_while_the_target_is_made() {
    bundle
    host
    racing
    add_mount /volume/dir/new/deep/folder tmpfs tmpfs
    add_mount /volume/dir/new/file bind "$BASE/config.json" bind
    local i
    for ((i = 0; i < 40; i++)); do
        call tare run "$ID"
        rm -rf "$T"/volume/{dir,link}/new 2>/dev/null
        [ "$(find "$T/host" | wc -l)" = 3 ] || break
    done
    kill -KILL $RACER
    wait $RACER 2>/dev/null
    host_is_unchanged
    away
}

test_cve_2025_24965_a_file_the_runtime_makes_is_a_symlink_to_the_host() {
    bundle
    host
    mkdir "$R/etc/app"
    ln -s "$T/host/created" "$R/etc/app/conf"
    add_mount /etc/app/conf bind "$BASE/config.json" bind ro
    runs
    host_is_unchanged
}

test_cve_2026_41579_dev_is_a_symlink_to_the_host() {
    bundle
    host
    touch "$T/host/ptmx" "$T/host/fd" "$T/host/null" "$T/host/console" && HOST_BEFORE=$(host_listing)
    config '.mounts |= map(select(.destination | startswith("/dev") | not))'
    rmdir "$R/dev" && ln -s "$T/host" "$R/dev"
    call tare run "$ID"
    host_is_unchanged
    away
}

test_cve_2026_47766_dev_is_a_relative_symlink_that_climbs() {
    bundle
    host
    config '.mounts |= map(select(.destination | startswith("/dev") | not))'
    rmdir "$R/dev" && ln -s ../../host "$R/dev"
    config '.linux.devices = [{path: "/dev/made", type: "c", major: 1, minor: 3}]'
    call tare run "$ID"
    host_is_unchanged
    away
}

test_cve_2026_88264_dev_console_is_a_symlink_to_the_host() {
    bundle
    host
    config '.mounts |= map(select(.destination | startswith("/dev") | not)) | .process.terminal = true'
    ln -s "$T/host/console" "$R/dev/console"
    mkdir "$R/dev/pts"
    add_mount /dev/pts devpts devpts newinstance ptmxmode=0666 mode=0620
    call python3 "$INTEGRATION/lib/agent.py" tty "$TARE" --root "$STATE" run "$ID"
    host_is_unchanged
    away
    # After the switch of roots the host is out of reach; no file of the image is covered through a link either.
    ln -sf /elsewhere/console "$R/dev/console" && mkdir "$R/elsewhere"
    call python3 "$INTEGRATION/lib/agent.py" tty "$TARE" --root "$STATE" run "$ID"
    absent "$R/elsewhere/console"
    away
}

test_cve_2026_88265_dev_null_is_a_symlink_to_a_file_of_the_host() {
    bundle
    host
    config '.mounts |= map(select(.destination | startswith("/dev") | not)) | .process.user = {uid: 1000, gid: 1000}'
    ln -s "$T/host/file" "$R/dev/null"
    script 'echo written; echo to-stderr >&2; cat'
    call sh -c "'$TARE' --root '$STATE' run '$ID' </dev/null >/dev/null 2>/dev/null"
    host_is_unchanged
    eq "$(stat -c %u:%g:%t:%T /dev/null)" 0:0:1:3 "the host's /dev/null"
    away
    # A /dev that is bound is left as it is: the link is there when standard output is looked at.
    mkdir "$T/dev" && ln -s /target "$T/dev/null" && echo original >"$R/target" && chmod 666 "$R/target"
    add_mount /dev bind "$T/dev" rbind
    script 'echo written'
    call sh -c "'$TARE' --root '$STATE' run '$ID' </dev/null >/dev/null 2>/dev/null"
    eq "$(stat -c %u "$R/target") $(cat "$R/target")" "0 original" "the file that /dev/null points to"
    away
}

test_cve_2025_31133_dev_null_is_a_symlink_and_masks_hold() {
    bundle
    host
    config '.mounts |= map(select(.destination | startswith("/dev") | not))'
    mkdir -p "$T/dev" && ln -s /secret-of-proc "$T/dev/null"
    add_mount /dev bind "$T/dev" rbind
    echo gadget >"$R/secret-of-proc" && echo secret >"$R/masked" && mkdir "$R/masked-folder" && touch "$R/masked-folder/file"
    config '.linux.maskedPaths = ["/masked", "/masked-folder", "/proc/timer_list"]'
    script 'cat /masked; ls /masked-folder; head -1 /proc/timer_list; (echo x > /masked) 2>&-; true'
    call tare run "$ID"
    eq "$code" 0 "exit code ($err)"
    eq "$out" "" "content of the masked paths"
    eq "$(cat "$R/secret-of-proc")" gadget
    away
}

test_cve_2025_62161_dev_null_is_missing_and_masks_hold() {
    bundle
    config '.mounts |= map(select(.destination | startswith("/dev") | not))'
    mkdir "$T/dev"
    add_mount /dev bind "$T/dev" rbind
    echo secret >"$R/masked"
    config '.linux.maskedPaths = ["/masked"]'
    command_is cat /masked
    call tare run "$ID"
    lacks "$out" secret
    away
}

test_cve_2025_52565_the_console_is_not_what_a_path_in_dev_pts_says() {
    bundle
    host
    config '.mounts |= map(select(.destination | startswith("/dev") | not)) | .process.terminal = true'
    mkdir "$T/dev" && mknod -m 666 "$T/dev/null" c 1 3
    # A /dev/pts that is no devpts: its ptmx leads to a real one, the terminal's name to a masked file.
    mkdir -p "$R/fake" "$R/real" && ln -s /fake "$T/dev/pts" && ln -s /real/ptmx "$R/fake/ptmx" && ln -s /secret "$R/fake/0"
    add_mount /real devpts devpts newinstance ptmxmode=0666 mode=0620
    echo secret >"$R/secret"
    add_mount /dev bind "$T/dev" rbind
    config '.linux.maskedPaths += ["/secret"]'
    script 'cat /dev/console; cat /dev/pts/0'
    call timeout 10 python3 "$INTEGRATION/lib/agent.py" tty --send '\x04' "$TARE" --root "$STATE" run "$ID"
    lacks "$out" secret "what /dev/console shows"
    host_is_unchanged
    away
}

test_cve_2025_52881_sysctls_are_not_written_to_a_file_over_proc_sys() {
    bundle
    mkdir -p "$T/fake/net/core" && echo untouched >"$T/fake/net/core/somaxconn"
    add_mount /proc/sys bind "$T/fake" rbind
    config '.linux.sysctl = {"net.core.somaxconn": "256"} | .linux.readonlyPaths = []'
    call tare run "$ID"
    eq "$(cat "$T/fake/net/core/somaxconn")" untouched "the file over /proc/sys"
    away
}

test_cve_2025_62596_a_symlink_over_proc_does_not_redirect_a_sysctl() {
    bundle
    echo untouched >"$R/gadget"
    mkdir -p "$T/fake/core" && ln -s /gadget "$T/fake/core/somaxconn"
    add_mount /proc/sys/net bind "$T/fake" rbind
    config '.linux.sysctl = {"net.core.somaxconn": "1"} | .linux.readonlyPaths = []'
    call tare run "$ID"
    eq "$(cat "$R/gadget")" untouched
    away
}

test_cve_2019_16884_a_volume_over_proc_gets_nothing_written() {
    bundle
    mkdir -p "$T/fake/self/attr/apparmor" "$T/fake/thread-self/attr/apparmor" "$T/fake/sys/net/core" "$T/fake/1/attr"
    touch "$T/fake"/{self,thread-self}/attr/{exec,apparmor/exec} "$T/fake/sys/net/core/somaxconn" "$T/fake/self/oom_score_adj"
    drop_mount /proc
    add_mount /proc bind "$T/fake" rbind
    config '.linux.sysctl = {"net.core.somaxconn": "256"} | .process.oomScoreAdj = 100'
    call tare run "$ID"
    eq "$(find "$T/fake" -type f -size +0)" "" "files that something was written to"
    away
}
