# mounts[].options: the whole table, read back from the container's mountinfo.

# The per-mount options of a mount point, and after the dash those of its superblock: POINT [FIELD-AFTER-DASH]
mount_options() { awk -v p="$1" '$5 == p { o = $6 } END { print o }' <<<"$out"; }
super_options() { awk -v p="$1" '$5 == p { o = $NF } END { print o }' <<<"$out"; }
propagation_of() { awk -v p="$1" '$5 == p { o = ""; for (i = 7; $i != "-"; i++) o = o $i " " } END { print o }' <<<"$out"; }

test_each_tmpfs_option_takes_effect() {
    bundle
    command_is cat /proc/self/mountinfo
    local rows row option wanted n=0
    rows="ro|^ro,
rw|^rw,
nosuid|,nosuid
nodev|,nodev
noexec|,noexec
noatime|,noatime
nodiratime|,nodiratime
relatime|,relatime
strictatime|^rw$
nosymfollow|,nosymfollow
ro,rw|^rw,
nosuid,suid|^rw,relatime$
nodev,dev|^rw,relatime$
noexec,exec|^rw,relatime$
noatime,atime|^rw,relatime$
nodiratime,diratime|^rw,relatime$
noatime,relatime|^rw,relatime$
nosymfollow,symfollow|^rw,relatime$
defaults|^rw,relatime$
ro,nosuid,nodev,noexec|^ro,nosuid,nodev,noexec,relatime$"
    while IFS='|' read -r option wanted; do
        n=$((n + 1))
        IFS=, read -ra words <<<"$option"
        add_mount "/m$n" tmpfs tmpfs "${words[@]}"
    done <<<"$rows"
    runs
    n=0
    while IFS='|' read -r option wanted; do
        n=$((n + 1))
        matches "$(mount_options "/m$n")" "$wanted" "tmpfs with $option"
    done <<<"$rows"
}

test_each_superblock_option_takes_effect() {
    bundle
    command_is cat /proc/self/mountinfo
    local rows option wanted n=0
    rows="sync|,sync
dirsync|,dirsync
mand|
nomand|
lazytime|,lazytime
lazytime,nolazytime|^rw(,inode64)?$
iversion|
noiversion|
silent|
loud|
async|
size=1m|,size=1024k
mode=0700|,mode=700
nr_inodes=100|,nr_inodes=100
uid=1000,gid=1001|,uid=1000,gid=1001"
    while IFS='|' read -r option wanted; do
        n=$((n + 1))
        IFS=, read -ra words <<<"$option"
        add_mount "/m$n" tmpfs tmpfs "${words[@]}"
    done <<<"$rows"
    runs
    n=0
    while IFS='|' read -r option wanted; do
        n=$((n + 1))
        ne "$(super_options "/m$n")" "" "tmpfs with $option"
        [ -z "$wanted" ] || matches "$(super_options "/m$n")" "$wanted" "tmpfs with $option"
    done <<<"$rows"
}

test_each_bind_option_takes_effect() {
    bundle
    command_is cat /proc/self/mountinfo
    mkdir "$T/source"
    local rows option wanted n=0
    rows="bind,ro|^ro,
rbind,ro|^ro,
bind,nosuid|,nosuid
bind,nodev|,nodev
bind,noexec|,noexec
bind,noatime|,noatime
bind,nosymfollow|,nosymfollow
bind,ro,nosuid,nodev,noexec|^ro,nosuid,nodev,noexec,relatime$
bind|^rw,relatime$
bind,strictatime|^rw$"
    while IFS='|' read -r option wanted; do
        n=$((n + 1))
        IFS=, read -ra words <<<"$option"
        add_mount "/m$n" bind "$T/source" "${words[@]}"
    done <<<"$rows"
    runs
    n=0
    while IFS='|' read -r option wanted; do
        n=$((n + 1))
        matches "$(mount_options "/m$n")" "$wanted" "bind with $option"
    done <<<"$rows"
}

# $T/tree with a tmpfs below it, private to this case.
tree() {
    mkdir -p "$T/tree/sub"
    mount -t tmpfs sub "$T/tree/sub"
    trap 'umount "$T/tree/sub"' EXIT
}

test_ro_of_an_rbind_is_not_recursive_and_rro_is() {
    bundle
    tree
    add_mount /plain bind "$T/tree" rbind ro
    add_mount /deep bind "$T/tree" rbind rro
    command_is cat /proc/self/mountinfo
    runs
    matches "$(mount_options /plain)" '^ro' "ro: the mount itself"
    matches "$(mount_options /plain/sub)" '^rw' "ro: the mount below"
    matches "$(mount_options /deep)" '^ro' "rro: the mount itself"
    matches "$(mount_options /deep/sub)" '^ro' "rro: the mount below"
}

test_each_recursive_attribute_reaches_the_mounts_below() {
    bundle
    tree
    local option wanted n=0 rows
    rows="rnosuid|,nosuid
rnodev|,nodev
rnoexec|,noexec
rnodiratime|,nodiratime
rnoatime|,noatime
rstrictatime|^rw$
rnosymfollow|,nosymfollow
rro,rrw|^rw
rnosuid,rsuid|^rw,relatime$
rnodev,rdev|^rw,relatime$
rnoexec,rexec|^rw,relatime$
rnoatime,rrelatime|^rw,relatime$
rnodiratime,rdiratime|^rw,relatime$
rnosymfollow,rsymfollow|^rw,relatime$"
    while IFS='|' read -r option wanted; do
        n=$((n + 1))
        IFS=, read -ra words <<<"$option"
        add_mount "/m$n" bind "$T/tree" rbind "${words[@]}"
    done <<<"$rows"
    command_is cat /proc/self/mountinfo
    runs
    n=0
    while IFS='|' read -r option wanted; do
        n=$((n + 1))
        matches "$(mount_options "/m$n")" "$wanted" "$option: the mount itself"
        matches "$(mount_options "/m$n/sub")" "$wanted" "$option: the mount below"
    done <<<"$rows"
}

test_bind_takes_one_mount_and_rbind_all_below() {
    bundle
    tree
    echo x >"$T/tree/sub/file"
    add_mount /one bind "$T/tree" bind
    add_mount /all bind "$T/tree" rbind
    script 'ls /one/sub | wc -l; ls /all/sub'
    runs
    eq "$out" "0
file"
}

test_propagation_options_take_effect() {
    bundle
    mkdir "$T/source"
    mount -t tmpfs shared "$T/source" && mount --make-shared "$T/source"
    trap 'umount "$T/source"' EXIT
    local word
    for word in private slave shared unbindable rprivate rslave rshared runbindable; do add_mount "/$word" bind "$T/source" rbind "$word"; done
    config '.linux.rootfsPropagation = "private"'
    command_is cat /proc/self/mountinfo
    runs
    eq "$(propagation_of /private)" "" private
    eq "$(propagation_of /rprivate)" "" rprivate
    matches "$(propagation_of /slave)" 'master:' slave
    matches "$(propagation_of /rslave)" 'master:' rslave
    matches "$(propagation_of /shared)" 'shared:' shared
    matches "$(propagation_of /rshared)" 'shared:' rshared
    matches "$(propagation_of /unbindable)" 'unbindable' unbindable
    matches "$(propagation_of /runbindable)" 'unbindable' runbindable
}

test_a_slave_mount_sees_later_mounts_of_the_host() {
    bundle
    mkdir "$T/source"
    mount -t tmpfs shared "$T/source" && mount --make-shared "$T/source" && mkdir "$T/source/later"
    trap 'umount -R "$T/source"' EXIT
    add_mount /volume bind "$T/source" rbind rslave
    config '.linux.rootfsPropagation = "rslave"'
    script 'touch /ready; while ! [ -e /volume/later/file ]; do sleep 0.05; done; echo seen > /seen'
    started
    eventually test -e "$R/ready"
    mount -t tmpfs later "$T/source/later" && echo >"$T/source/later/file"
    becomes stopped
    eq "$(cat "$R/seen")" seen
    gone
}

test_rootfs_propagation_takes_effect() {
    bundle
    local word
    command_is cat /proc/self/mountinfo
    for word in private rprivate slave rslave; do
        config --arg w "$word" '.linux.rootfsPropagation = $w'
        runs
        lacks "$(propagation_of /)" shared "rootfs with $word"
    done
    config '.linux.rootfsPropagation = "shared"'
    runs
    has "$(propagation_of /)" shared "rootfs with shared"
    config '.linux.rootfsPropagation = "unbindable"'
    runs
    has "$(propagation_of /)" unbindable "rootfs with unbindable"
    config '.linux.rootfsPropagation = "sideways"'
    refuses 'sideways|propagation' tare create "$ID"
}

test_nothing_mounted_in_the_container_reaches_the_host() {
    bundle
    capabilities CAP_SYS_ADMIN
    script 'mkdir /x; mount -t tmpfs none /x && grep -c " /x " /proc/mounts'
    local before after
    before=$(wc -l </proc/self/mountinfo)
    runs
    eq "$out" 1
    after=$(wc -l </proc/self/mountinfo)
    eq "$after" "$before" "mounts of the host"
}

test_idmap_shows_other_owners_without_a_change_on_disk() {
    bundle
    mkdir "$T/volume" && touch "$T/volume/file" && chown 0:0 "$T/volume/file"
    add_mount /volume bind "$T/volume" bind
    config '.mounts[-1].uidMappings = [{containerID: 0, hostID: 2000, size: 100}] | .mounts[-1].gidMappings = [{containerID: 0, hostID: 3000, size: 100}]'
    script 'stat -c %u:%g /volume/file'
    runs
    eq "$out" 2000:3000
    eq "$(stat -c %u:%g "$T/volume/file")" 0:0
}

test_idmap_without_mappings_takes_the_user_namespaces() {
    bundle
    user_namespace
    mkdir "$T/volume" && touch "$T/volume/file" && chown 5:6 "$T/volume/file"
    add_mount /volume bind "$T/volume" bind idmap
    script 'stat -c %u:%g /volume/file; touch /volume/new'
    runs
    eq "$out" 5:6
    eq "$(stat -c %u:%g "$T/volume/new")" 0:0 "owner on disk"
}

test_ridmap_reaches_the_mounts_below() {
    bundle
    tree
    touch "$T/tree/file" "$T/tree/sub/file"
    add_mount /one bind "$T/tree" rbind idmap
    add_mount /all bind "$T/tree" rbind ridmap
    config '.mounts[-1,-2] |= (.uidMappings = [{containerID: 0, hostID: 2000, size: 100}] | .gidMappings = .uidMappings)'
    script 'stat -c %u /one/file /one/sub/file /all/file /all/sub/file'
    runs
    eq "$(tr '\n' ' ' <<<"$out")" "2000 0 2000 2000 "
}

test_idmap_without_mappings_and_user_namespace_is_refused() {
    bundle
    mkdir "$T/volume"
    add_mount /volume bind "$T/volume" bind idmap
    refuses 'map' tare create "$ID"
}

test_tmpcopyup_copies_content_and_modes() {
    bundle
    mkdir -p "$R/data/deep" && echo content >"$R/data/deep/file" && chmod 640 "$R/data/deep/file" && chown 0:8 "$R/data/deep/file"
    ln -s deep/file "$R/data/link" && chmod 751 "$R/data"
    add_mount /data tmpfs tmpfs tmpcopyup
    script 'cat /data/deep/file /data/link; stat -c "%a %u:%g" /data/deep/file; stat -c %a /data; echo new > /data/new; grep -c " /data tmpfs" /proc/mounts'
    runs
    eq "$out" "content
content
640 0:8
751
1"
    absent "$R/data/new"
}

test_tmpcopyup_is_refused_on_what_is_no_tmpfs() {
    ours_only
    bundle
    mkdir "$T/volume"
    add_mount /data bind "$T/volume" bind tmpcopyup
    refuses 'tmpcopyup|tmpfs' tare create "$ID"
}

test_a_tmpfs_takes_over_the_mode_of_the_folder_it_covers() {
    bundle
    mkdir "$R/covered" && chmod 3750 "$R/covered"
    add_mount /covered tmpfs tmpfs
    add_mount /brand-new tmpfs tmpfs
    script 'stat -c %a /covered /brand-new'
    runs
    eq "$out" "3750
1777"
}

test_an_unknown_option_is_refused_with_its_name() {
    bundle
    add_mount /m tmpfs tmpfs nosuchoption
    refuses 'nosuchoption|invalid argument' tare create "$ID"
    [ -n "$FOREIGN" ] || has "$err" "config.json#/mounts/6"
}

test_an_unknown_filesystem_type_is_refused() {
    bundle
    add_mount /m nosuchfs none
    refuses 'nosuchfs|no such device' tare create "$ID"
    [ -n "$FOREIGN" ] || has "$err" "config.json#/mounts/6"
}

test_a_mount_below_an_id_mapped_bind_does_not_reach_the_host() {
    ours_only
    bundle
    mkdir "$T/shared" && mount -t tmpfs shared "$T/shared" && mount --make-shared "$T/shared" && mkdir "$T/shared/a"
    add_mount /volume bind "$T/shared" rbind idmap
    config '.mounts[-1] += {uidMappings: [{containerID: 0, hostID: 100000, size: 65536}], gidMappings: [{containerID: 0, hostID: 100000, size: 65536}]}'
    config '(.process.capabilities[]) |= . + ["CAP_SYS_ADMIN"] | .process.capabilities.ambient = [] | .process.capabilities.inheritable = []'
    script 'mount -t tmpfs leak /volume/a && echo mounted'
    call tare run "$ID"
    eq "$out" mounted
    ! grep -q "^.* $T/shared/a " /proc/self/mountinfo || fail "the container's mount is on the host"
    umount "$T/shared"
}

test_a_tmpfs_on_another_one_below_dev_takes_over_its_mode() {
    bundle
    config '.mounts |= map(select(.destination != "/dev/shm")) + [
        {destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["mode=0700"]},
        {destination: "/dev/shm", type: "tmpfs", source: "shm"}]'
    command_is stat -c %a /dev/shm
    ok tare run -b "$B" "$ID"
    eq "$out" 700
}
