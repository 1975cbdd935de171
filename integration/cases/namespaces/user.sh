# User namespaces: mappings, ownership, what works and what is refused in them.

test_maps_are_written_as_configured() {
    bundle
    user_namespace
    config '.linux.uidMappings = [{containerID:0,hostID:100000,size:1000},{containerID:5000,hostID:150000,size:10}]
        | .linux.gidMappings = [{containerID:0,hostID:130000,size:500}]'
    chown -R -h 100000:130000 "$R"
    script 'cat /proc/self/uid_map; echo; cat /proc/self/gid_map'
    runs
    eq "$(tr -s ' ' <<<"$out")" " 0 100000 1000
 5000 150000 10

 0 130000 500"
}

test_root_in_the_container_is_not_root_outside() {
    bundle
    user_namespace
    script 'id -u; id -g; echo mine > /made'
    runs
    eq "$out" "0
0"
    eq "$(stat -c %u:%g "$R/made")" 100000:100000 "owner on the host"
}

test_another_user_in_the_user_namespace() {
    bundle
    user_namespace
    config '.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 6]}'
    script 'id -u; id -g; id -G'
    runs
    eq "$out" "1000
1001
1001 5 6"
}

test_as_many_mappings_as_the_kernel_takes_work() {
    bundle
    # The kernel takes 340 lines if they are shorter than a page together. An ordinary user's ids are longer.
    local first=1000 count=340
    [ "$RUN_AS" = root ] || first=100000 count=323
    user_namespace $first
    config --argjson f $first --argjson n $count '.linux.uidMappings = [range($n) | {containerID: ., hostID: ($f + .), size: 1}]'
    script 'wc -l < /proc/self/uid_map'
    runs
    eq "$out" $count
}

test_a_user_namespace_without_mappings_is_refused() {
    needs_root "have a user namespace without mappings (it gets the ids that are lent to him)"
    bundle
    add_namespace user
    refuses 'map' tare create "$ID"
}

test_mappings_without_a_user_namespace_are_refused() {
    ours_only
    bundle
    drop_namespace user
    config '.linux.uidMappings = [{containerID:0,hostID:100000,size:1000}]'
    refuses 'user' tare create "$ID"
}

test_a_user_that_is_not_mapped_is_refused() {
    bundle
    user_namespace 100000 10
    config '.process.user = {uid: 4000, gid: 0}'
    refuses 'map|invalid|uid' tare create "$ID"
}

test_overlapping_mappings_are_refused() {
    bundle
    user_namespace
    config '.linux.uidMappings += [{containerID: 5, hostID: 500000, size: 10}]'
    refuses 'map' tare create "$ID"
}

test_device_nodes_work_in_a_user_namespace() {
    bundle
    user_namespace
    script 'for d in null zero full random urandom tty; do stat -c "%n %t:%T" /dev/$d; done; echo x > /dev/null; head -c 2 /dev/zero | wc -c'
    runs
    eq "$out" "/dev/null 1:3
/dev/zero 1:5
/dev/full 1:7
/dev/random 1:8
/dev/urandom 1:9
/dev/tty 5:0
2"
}

test_proc_sysfs_and_mqueue_are_mounted_in_a_user_namespace() {
    bundle
    user_namespace
    script 'grep -E " /(proc|sys|dev/mqueue) " /proc/mounts | cut -d" " -f3'
    runs
    eq "$(sort <<<"$out" | tr '\n' ' ')" "mqueue proc sysfs "
}

test_masked_and_readonly_paths_hold_in_a_user_namespace() {
    bundle
    user_namespace
    echo secret >"$R/secret"
    config '.linux.maskedPaths += ["/secret"]'
    script 'cat /secret | wc -c; echo 1 > /proc/sys/kernel/domainname && echo written'
    call tare run "$ID"
    eq "$out" "0" "bytes of the masked file"
    lacks "$out" written "read-only path"
}

test_capabilities_in_a_user_namespace_are_those_configured() {
    bundle
    user_namespace
    script 'grep ^Cap /proc/self/status'
    runs
    matches "$out" 'CapEff:.0*20000420'
    matches "$out" 'CapBnd:.0*20000420'
}

test_a_bind_source_that_only_the_caller_can_reach_works() {
    bundle
    # The root of an ordinary user's container reaches what is his if it is he.
    [ "$RUN_AS" != root ] || user_namespace
    own_folder "$T/private" && chmod 700 "$T/private" && echo secret >"$T/private/file" && chmod 644 "$T/private/file"
    add_mount /given bind "$T/private/file" bind ro
    script 'cat /given'
    runs
    eq "$out" secret
}

test_setgroups_is_allowed_with_a_privileged_map() {
    bundle
    user_namespace
    script 'cat /proc/self/setgroups'
    runs
    eq "$out" allow
}

test_network_sysctls_can_be_set_in_a_user_namespace() {
    bundle
    user_namespace
    config '.linux.sysctl = {"net.ipv4.ip_forward": "1"}'
    script 'cat /proc/sys/net/ipv4/ip_forward'
    runs
    eq "$out" 1
}

test_a_terminal_in_a_user_namespace_belongs_to_its_root() {
    bundle
    user_namespace
    config '.process.terminal = true'
    script 'tty; stat -c %u $(tty)'
    ok python3 "$INTEGRATION/lib/agent.py" tty "$TARE" --root "$STATE" run "$ID"
    has "$out" /dev/pts/0
    matches "$(tr -d '\r' <<<"$out" | tail -1)" '^0$' "owner"
}
