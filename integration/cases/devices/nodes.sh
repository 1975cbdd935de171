# /dev: the default nodes and links, and linux.devices.

test_the_default_devices_and_links_exist() {
    bundle
    script 'for d in null zero full random urandom tty; do stat -c "%n %F %t:%T %a" /dev/$d; done
        for l in fd stdin stdout stderr ptmx; do echo "$l $(readlink /dev/$l)"; done'
    runs
    eq "$out" "/dev/null character special file 1:3 666
/dev/zero character special file 1:5 666
/dev/full character special file 1:7 666
/dev/random character special file 1:8 666
/dev/urandom character special file 1:9 666
/dev/tty character special file 5:0 666
fd /proc/self/fd
stdin /proc/self/fd/0
stdout /proc/self/fd/1
stderr /proc/self/fd/2
ptmx pts/ptmx" "the default devices"
}

test_the_default_devices_can_be_used() {
    bundle
    script 'echo x > /dev/null && head -c3 /dev/zero | wc -c && head -c3 /dev/urandom | wc -c; echo x > /dev/full; exec 3<>/dev/ptmx && echo pty'
    call tare run "$ID"
    eq "$(tr '\n' ' ' <<<"$out")" "3 3 pty "
    has "$err" "No space left"
}

test_configured_devices_are_made() {
    bundle
    config '.linux.devices = [
        {path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 432, uid: 1000, gid: 1001},
        {path: "/dev/deep/block", type: "b", major: 7, minor: 0, fileMode: 384},
        {path: "/dev/unbuffered", type: "u", major: 1, minor: 3},
        {path: "/dev/pipe", type: "p", fileMode: 438}]'
    script 'stat -c "%n %F %t:%T %a %u:%g" /dev/fuse /dev/deep/block /dev/unbuffered /dev/pipe'
    runs
    eq "$(head -2 <<<"$out")" "/dev/fuse character special file a:e5 660 1000:1001
/dev/deep/block block special file 7:0 600 0:0"
    has "$out" "/dev/unbuffered character special file 1:3"
    has "$out" "/dev/pipe fifo 0:0 666"
}

test_a_configured_device_may_be_outside_dev() {
    bundle
    config '.linux.devices = [{path: "/my-null", type: "c", major: 1, minor: 3, fileMode: 438}]'
    script 'stat -c "%t:%T %a" /my-null; echo x > /my-null && echo written'
    runs
    eq "$out" "1:3 666
written"
}

test_a_configured_device_replaces_a_default_one_of_that_path() {
    bundle
    config '.linux.devices = [{path: "/dev/zero", type: "c", major: 1, minor: 5, fileMode: 384, uid: 7, gid: 8}]'
    script 'stat -c "%t:%T %a %u:%g" /dev/zero'
    runs
    eq "$out" "1:5 600 7:8"
}

test_devices_without_a_dev_mount_are_made_in_the_rootfs() {
    bundle
    config '.mounts |= map(select(.destination | startswith("/dev") | not))'
    script 'stat -c "%t:%T" /dev/null; readlink /dev/fd'
    runs
    eq "$out" "1:3
/proc/self/fd"
}

test_nothing_is_made_in_a_dev_that_is_bound() {
    bundle
    config '.mounts |= map(select(.destination | startswith("/dev") | not))'
    mkdir "$T/dev" && mknod -m 666 "$T/dev/null" c 1 3
    add_mount /dev bind "$T/dev" rbind
    script 'ls /dev | tr "\n" " "'
    runs
    eq "$out" "null "
}

test_a_file_in_the_way_of_a_device_is_refused_or_kept() {
    bundle
    config '.linux.devices = [{path: "/etc/passwd", type: "c", major: 1, minor: 3}]'
    call tare run "$ID"
    eq "$(head -c4 "$R/etc/passwd")" root "the file on the host"
}

test_an_unknown_device_type_is_refused() {
    bundle
    config '.linux.devices = [{path: "/dev/x", type: "z", major: 1, minor: 3}]'
    refuses 'devices|type|variant' tare create "$ID"
}

test_device_access_is_denied_unless_allowed() {
    bundle
    is_on_v1 devices || skip "the v1 devices controller is not mounted here"
    capabilities CAP_MKNOD
    config '.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "rm"}]'
    script 'mknod /dev/fuse c 10 229; mknod /dev/other c 1 1; probe open /dev/fuse; probe open /dev/fuse w; probe open /dev/other; probe open /dev/null w'
    call tare run "$ID"
    has "$out" "opened
-1 EPERM" "read allowed, write not: $out $err"
    eq "$(grep -c opened <<<"$out")" 2 "opened: fuse to read and null: $out"
}

test_a_device_added_by_config_is_not_allowed_without_a_rule() {
    bundle
    is_on_v1 devices || skip "the v1 devices controller is not mounted here"
    config '.linux.devices = [{path: "/dev/kmsg", type: "c", major: 1, minor: 11, fileMode: 438}] | .linux.resources.devices = [{allow: false, access: "rwm"}]'
    command_is probe open /dev/kmsg
    call tare run "$ID"
    # runc and crun allow what linux.devices lists; the spec is silent. Either is a decision, a hang or crash is not.
    matches "$out" 'opened|EPERM'
}
