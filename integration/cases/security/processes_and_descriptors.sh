# Attacks on the runtime's own processes, descriptors, files and identity handling.

test_cve_2016_9962_a_process_in_the_container_cannot_look_into_the_waiting_one() {
    bundle first
    script 'while ! [ -e /go ]; do sleep 0.05; done; p=$(cat /go); ls -l /proc/$p/fd; cat /proc/$p/environ; echo end'
    started
    local first=$PID first_root=$R first_id=$ID
    bundle second
    add_namespace pid "/proc/$first/ns/pid"
    created
    sed -n 's/^NSpid:.*\t//p' "/proc/$PID/status" >"$T/inner"
    mv "$T/inner" "$first_root/go"
    becomes stopped "$first_id"
    local seen
    seen=$(tr '\0' '\n' <"$T/first/stdout"; cat "$T/first/stderr")
    matches "$seen" 'environ.*(denied|not permitted)' "the environment of the waiting process"
    lacks "$seen" "->" "what the descriptors of the waiting process lead to"
    gone
    gone "$first_id"
}

test_cve_2016_8649_no_descriptor_of_the_host_waits_in_the_container() {
    bundle
    command_is sleep 30
    # The caller leaks a folder of the host into the runtime.
    exec 9<"$T"
    created
    exec 9<&-
    local fd target
    for fd in "/proc/$PID"/fd/*; do
        target=$(readlink "$fd")
        case ${fd##*/} in 0 | 1 | 2) continue ;; esac
        case $target in socket:* | pipe:* | anon_inode:* | /memfd:*) continue ;; esac
        # What is open must be what the container can reach anyhow.
        [ ! -d "$fd/." ] || fail "descriptor ${fd##*/} of the waiting process is a folder: $target"
        lacks "$target" "$STATE" "descriptor ${fd##*/}"
    done
    gone
}

test_cve_2016_3697_a_user_named_like_a_number_is_not_root() {
    bundle
    printf '1000:x:0:0:root:/root:/bin/sh\n2000:x:0:0::/:/bin/sh\n' >"$R/etc/passwd"
    printf '1000:x:0:\n' >"$R/etc/group"
    config '.process.user = {uid: 1000, gid: 1000, additionalGids: [1000]}'
    script 'id -u; id -g'
    runs
    eq "$out" "1000
1000"
}

test_cve_2019_5736_the_host_binary_cannot_be_reached_from_the_container() {
    bundle
    local sum
    sum=$(sha256sum "$TARE")
    command_is sleep 30
    created
    local exe
    exe=$(readlink "/proc/$PID/exe")
    ne "$exe" "$TARE" "the program of the waiting process"
    [ ! "/proc/$PID/exe" -ef "$TARE" ] || fail "the waiting process runs the host's binary"
    has "$("$PROBE" seals "/proc/$PID/exe")" "seal shrink grow write" "seals of the program that waits in the container"
    gone
    # A container whose program is /proc/self/exe runs whatever the runtime is, and gets a handle on it.
    command_is /proc/self/exe --version
    call tare run "$ID"
    lacks "$out" "spec:" "output of the runtime run inside"
    eq "$(sha256sum "$TARE")" "$sum" "the host's binary"
    ok tare delete --force "$ID"
}

test_cve_2021_43784_an_overlong_path_is_refused_and_smuggles_nothing() {
    bundle
    # 65536 bytes more than a valid path: a length kept in 16 bits would see the valid path alone.
    unshare --net sleep 60 &
    local holder=$!
    eventually grep -q sleep "/proc/$holder/comm"
    python3 - "$holder" <<'END'
import json, sys
config = json.load(open("config.json"))
path = f"/proc/{sys.argv[1]}/ns/net"
config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "network"] + [{"type": "network", "path": path + "/" * 65536}]
json.dump(config, open("config.json", "w"))
END
    refuses 'name too long|too long|path' tare create "$ID"
    [ -n "$FOREIGN" ] || at_most "${#err}" 5000 "bytes of error"
    kill $holder
    wait $holder 2>/dev/null
}

test_cve_2022_24769_no_inheritable_capabilities_by_default() {
    bundle
    command -v setcap >/dev/null || skip "no setcap"
    capabilities CAP_NET_RAW CAP_NET_BIND_SERVICE
    config '.process.noNewPrivileges = false | .process.user = {uid: 1000, gid: 1000}'
    cp "$R/bin/probe" "$R/bin/raised"
    setcap cap_net_raw=ei "$R/bin/raised" 2>/dev/null || skip "no file capabilities on this filesystem"
    command_is raised status
    runs
    eq "$(grep -E '^Cap(Inh|Eff|Prm)' <<<"$out" | cut -f2 | sort -u)" 0000000000000000 "inheritable, permitted, effective"
}

test_cve_2022_29162_spec_writes_no_inheritable_capabilities() {
    mkdir "$T/s" && cd "$T/s" || fail cd
    ok tare spec
    eq "$(jq -c '.process.capabilities | [.inheritable // [], .ambient // []]' config.json)" "[[],[]]"
}

test_cve_2023_25809_cgroups_are_read_only_without_a_cgroup_namespace() {
    bundle
    user_namespace
    drop_namespace cgroup
    add_mount /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime ro
    script 'for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/escape 2>/dev/null && echo "made $d/escape"; done; grep cgroup /proc/mounts | grep -v " ro,"'
    call tare run "$ID"
    eq "$out" "" "cgroups that can be written, mounts that are not read-only"
}

test_cve_2022_0492_no_release_agent_can_be_written() {
    bundle
    add_mount /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime ro
    script 'for f in $(find /sys/fs/cgroup -name release_agent -o -name notify_on_release); do (echo 1 > $f) 2>/dev/null && echo "written $f"; done; echo done'
    runs
    eq "$out" done
}

test_cve_2024_21626_cwd_through_a_descriptor_of_the_host() {
    bundle
    local fd
    for fd in 3 4 7 8 9; do
        config --arg c "/proc/self/fd/$fd" '.process.cwd = $c'
        command_is cat /proc/self/cwd/etc/hostname
        call sh -c "exec 3</ 4</ 7</ 8</ 9</; '$TARE' --root '$STATE' run '$ID'"
        ne "$code" 0 "cwd /proc/self/fd/$fd"
        lacks "$out" "$(cat /etc/hostname)" "the host's file"
    done
    # Nor through a program path.
    config '.process.cwd = "/"'
    command_is /proc/self/fd/7/bin/ls
    call sh -c "exec 7</; '$TARE' --root '$STATE' run '$ID'"
    ne "$code" 0 "a program behind /proc/self/fd/7"
    ok tare delete --force "$ID"
}

test_cve_2026_30892_an_id_that_is_no_number_is_not_root() {
    bundle
    local bad
    for bad in '"1"' '"1000"' '"root"' '""' '[]' 'true' '1e99' '-0.5'; do
        config ".process.user.uid = $bad"
        refuses 'uid' tare create "$ID"
    done
}

test_cve_2025_23266_a_hook_does_not_get_the_images_environment() {
    bundle
    config '.process.env += ["LD_PRELOAD=/evil.so", "PATH=/evil:/bin"]'
    config --arg t "$T" '.hooks.createContainer = [{path: "/bin/sh", args: ["sh", "-c", "env > \($t)/env; pwd > \($t)/cwd"]}]'
    FROM_THE_CALLER=1 runs
    lacks "$(cat "$T/env")" LD_PRELOAD
    lacks "$(cat "$T/env")" FROM_THE_CALLER
    lacks "$(cat "$T/env")" evil
}

test_cve_2017_5226_the_callers_terminal_is_not_the_containers_controlling_terminal() {
    bundle
    script 'cut -d" " -f6,7 /proc/self/stat; probe tiocsti; (echo x > /dev/tty) 2>&1'
    call python3 "$INTEGRATION/lib/agent.py" tty "$TARE" --root "$STATE" run "$ID"
    matches "$(tr -d '\r' <<<"$out" | head -1)" '^1 0$' "session and controlling terminal of the process"
    lacks "$(tr -d '\r' <<<"$out" | sed -n 2p)" 0 "TIOCSTI"
}

test_cve_2024_25621_the_state_is_closed_to_others() {
    ours_only
    bundle
    user_namespace 1000
    command_is sleep 30
    created
    call setpriv --reuid 1000 --regid 1000 --clear-groups ls "$STATE"
    ne "$code" 0 "listing the root folder as the user the container's root is mapped to"
    call setpriv --reuid 1000 --regid 1000 --clear-groups ls "$STATE/$ID"
    ne "$code" 0 "listing the container's folder"
    eq "$(find "$STATE" -perm /077 ! -type s)" "" "what others can reach"
    gone
}

test_cve_2015_1331_a_state_root_that_is_a_symlink_is_refused() {
    ours_only
    bundle
    mkdir -m 700 "$T/target" && ln -s "$T/target" "$T/link"
    refuses 'link' "$TARE" --root "$T/link" create "$ID"
    eq "$(ls -A "$T/target")" "" "what was written behind the link"
}

test_cve_2022_21658_delete_does_not_follow_a_symlink_in_the_state() {
    ours_only
    bundle
    mkdir "$T/precious" && echo kept >"$T/precious/file"
    command_is sleep 30
    started
    ln -s "$T/precious" "$STATE/$ID/folder"
    call tare delete --force "$ID"
    eq "$(cat "$T/precious/file" 2>&1)" kept
    rm -rf "${STATE:?}/$ID"
    [ ! -d "/proc/$PID" ] || kill -KILL "$PID" 2>/dev/null
    "$INTEGRATION"/lib/cgroups remove "$CGROUP_PARENT/$CASE-" "$ID_PREFIX"
}

test_a_hostile_process_cannot_make_host_commands_hang() {
    bundle
    script 'trap "" TERM INT HUP; while :; do sleep 1; done'
    started
    local verb
    for verb in state "kill" "delete --force"; do
        # shellcheck disable=SC2086 # words on purpose
        ok timeout 5 "$TARE" --root "$STATE" $verb "$ID"
    done
}
