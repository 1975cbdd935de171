# Where mounts go: order, missing targets, symlinks, files; and what is mounted: proc, sysfs, cgroup, overlay, the root itself.

test_mounts_are_done_in_order() {
    bundle
    mkdir -p "$T/lower" && echo lower >"$T/lower/file" && mkdir "$T/lower/deep"
    add_mount /a tmpfs tmpfs
    add_mount /a/b bind "$T/lower" rbind
    add_mount /a/b/deep tmpfs tmpfs
    script 'cat /a/b/file; grep -oE " /a[^ ]* " /proc/mounts | tr -d "\n"'
    runs
    eq "$out" "lower
 /a  /a/b  /a/b/deep "
}

test_a_later_mount_covers_an_earlier_one() {
    bundle
    mkdir "$T/one" "$T/two" && touch "$T/one/first" "$T/two/second"
    add_mount /v bind "$T/one" bind
    add_mount /v bind "$T/two" bind
    script 'ls /v'
    runs
    eq "$out" second
}

test_missing_targets_are_made() {
    bundle
    echo data >"$T/file" && mkdir "$T/folder"
    add_mount /new/deep/folder bind "$T/folder" bind
    add_mount /new/other/file bind "$T/file" bind
    script 'cat /new/other/file; stat -c "%F %a" /new/deep /new/deep/folder'
    runs
    eq "$out" "data
directory 755
directory 755"
}

test_a_file_is_bound_on_a_file() {
    bundle
    echo mine >"$T/file" && echo theirs >"$R/etc/target"
    add_mount /etc/target bind "$T/file" bind ro
    script 'cat /etc/target; echo x > /etc/target || echo refused'
    call tare run "$ID"
    eq "$out" "mine
refused"
    eq "$(cat "$R/etc/target")" theirs
}

test_an_absolute_symlink_in_a_target_stays_inside() {
    bundle
    mkdir -p "$R/real" "$T/outside"
    ln -s /real "$R/link" && ln -s "$T/outside" "$R/escape"
    add_mount /link/sub tmpfs tmpfs
    add_mount /escape/sub tmpfs tmpfs
    script 'grep -oE " /[^ ]*sub " /proc/mounts | tr -d "\n"'
    runs
    has "$out" " /real/sub "
    absent "$T/outside/sub" "folder made on the host"
}

test_dot_dot_in_a_symlink_stays_inside() {
    bundle
    ln -s ../../../../../../etc "$R/up"
    add_mount /up/sub tmpfs tmpfs
    script 'grep -c " /etc/sub " /proc/mounts'
    runs
    eq "$out" 1
    absent /etc/sub
}

test_a_dangling_symlink_as_target_is_made_inside() {
    bundle
    ln -s /nowhere/yet "$R/dangling"
    mkdir "$T/volume" && touch "$T/volume/file"
    add_mount /dangling bind "$T/volume" bind
    script 'ls /nowhere/yet'
    runs
    eq "$out" file
}

test_a_relative_destination_counts_from_the_root() {
    bundle
    add_mount relative/dest tmpfs tmpfs
    script 'grep -c " /relative/dest " /proc/mounts'
    runs
    eq "$out" 1
}

test_a_bind_source_that_is_missing_is_refused() {
    bundle
    add_mount /v bind "$T/missing" bind
    refuses 'no such file or directory' tare create "$ID"
    [ -n "$FOREIGN" ] || has "$err" "$T/missing"
}

test_a_relative_bind_source_counts_from_the_bundle() {
    bundle
    mkdir "$B/data" && echo here >"$B/data/file"
    add_mount /v bind data bind
    cd / || fail cd
    script 'cat /v/file'
    ok tare run --bundle "$B" "$ID"
    eq "$out" here
}

test_a_folder_on_a_file_is_refused() {
    bundle
    mkdir "$T/folder" && echo >"$R/file"
    add_mount /file bind "$T/folder" bind
    refuses 'not a directory' tare create "$ID"
}

test_a_read_only_root_is_read_only() {
    bundle
    config '.root.readonly = true'
    add_mount /writable tmpfs tmpfs
    script 'touch /x 2>&1; touch /writable/x && echo fine; touch /dev/x 2>/dev/null && echo dev'
    call tare run "$ID"
    has "$out" "Read-only file system"
    has "$out" fine
    absent "$R/x"
}

test_a_read_only_root_keeps_the_flags_it_has() {
    bundle
    mount --bind "$R" "$R" && mount -o remount,bind,nosuid,nodev "$R"
    trap 'umount "$R"' EXIT
    config '.root.readonly = true'
    script 'grep " / " /proc/mounts'
    runs
    matches "$out" ' ro,nosuid,nodev'
}

test_proc_shows_only_the_containers_processes() {
    bundle
    script 'ls -d /proc/[0-9]* | wc -l'
    runs
    at_most "$out" 4
}

test_proc_takes_mount_options() {
    bundle
    drop_mount /proc
    config '.mounts = [{destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev", "hidepid=2"]}] + .mounts'
    script 'grep " /proc proc" /proc/mounts'
    runs
    matches "$out" 'nosuid,nodev,noexec.*hidepid=(2|invisible)'
}

test_sysfs_is_of_the_containers_network() {
    bundle
    script 'ls /sys/class/net'
    runs
    eq "$out" lo
}

test_an_overlay_is_mounted() {
    bundle
    mkdir -p "$T"/o/{lower,upper,work} && echo lower >"$T/o/lower/file"
    add_mount /o overlay overlay "lowerdir=$T/o/lower" "upperdir=$T/o/upper" "workdir=$T/o/work"
    script 'cat /o/file; echo upper > /o/new'
    runs
    eq "$out" lower
    eq "$(cat "$T/o/upper/new")" upper
}

test_mqueue_and_shm_are_private() {
    bundle
    script 'ls /dev/shm /dev/mqueue | grep -v : | wc -w; grep -E " /dev/(shm|mqueue) " /proc/mounts | cut -d" " -f3 | sort | tr "\n" " "'
    runs
    has "$out" "mqueue tmpfs"
}

test_the_cgroup_mount_shows_this_hosts_hierarchies_read_only() {
    bundle
    [ -e /sys/fs/cgroup/pids ] || skip "no v1 hierarchies here"
    add_mount /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime ro
    config '.linux.resources = {pids: {limit: 44}}'
    script 'cat /sys/fs/cgroup/pids/pids.max; ls /sys/fs/cgroup; touch /sys/fs/cgroup/pids/x 2>&1; mkdir /sys/fs/cgroup/pids/sub 2>&1'
    call tare run "$ID"
    eq "$(head -1 <<<"$out")" 44 "the container's own pids.max"
    has "$out" memory
    has "$out" cpu
    eq "$(grep -c 'Read-only file system' <<<"$out")" 2 "refusals: $out"
}

test_the_cgroup_mount_without_a_cgroup_namespace_shows_the_own_cgroup() {
    bundle
    [ -e /sys/fs/cgroup/pids ] || skip "no v1 hierarchies here"
    drop_namespace cgroup
    add_mount /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime ro
    config '.linux.resources = {pids: {limit: 45}}'
    script 'cat /sys/fs/cgroup/pids/pids.max; ls -d /sys/fs/cgroup/pids/*/ 2>/dev/null'
    call tare run "$ID"
    eq "$out" 45 "pids.max and the cgroups below"
}

test_the_cgroup_mount_may_be_writable() {
    bundle
    [ -e /sys/fs/cgroup/pids ] || skip "no v1 hierarchies here"
    add_mount /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime rw
    script 'mkdir /sys/fs/cgroup/pids/sub && echo $$ > /sys/fs/cgroup/pids/sub/cgroup.procs && echo moved; ls -d /sys/fs/cgroup/pids/sub'
    runs
    has "$out" moved
}

test_no_pivot_gives_the_same_container() {
    bundle
    command_is sh -c 'ls / | tr "\n" " "; cat /proc/1/comm; wc -l < /proc/self/mountinfo'
    runs
    local with=$out
    ok tare run --no-pivot "$ID"
    eq "$out" "$with"
}

test_the_old_root_is_gone() {
    bundle
    script 'wc -l < /proc/self/mountinfo; grep -c " / / " /proc/self/mountinfo; ls -a / | tr "\n" " "'
    runs
    at_most "$(head -1 <<<"$out")" 20 "mounts in the container"
    lacks "$out" old "root folder"
}

test_without_a_mount_namespace_the_config_is_refused_or_chrooted() {
    bundle
    drop_namespace mount
    config '.mounts = [] | del(.linux.maskedPaths, .linux.readonlyPaths)'
    local before
    before=$(cat /proc/self/mountinfo)
    call tare run "$ID"
    eq "$(cat /proc/self/mountinfo)" "$before" "mounts of the host"
}
