# run.oci.delegate-cgroup: a group below the container's that is given to it. docs/annotations.md, "Delegated cgroup".

delegate() { config --arg v "$1" '.annotations["run.oci.delegate-cgroup"] = $v'; }
# A pure v2 view, in this case's private mount namespace; its controllers are those that v1 does not hold here.
v2_view() {
    umount -R /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup || skip "cgroup2 cannot be mounted here"
    mounts_before=""
}

test_v2_the_process_lives_in_the_delegated_cgroup() {
    v2_view
    bundle
    delegate payload
    command_is sleep 30
    started
    eq "$(cat "/proc/$PID/cgroup" | grep ^0:)" "0::$(container_group)/payload"
    eq "$(cat "$(v2_file cgroup.procs)")" "" "processes in the group above"
    eq "$(cat "$(v2_file payload/cgroup.procs)")" "$PID"
    gone
    absent "$(v2_file payload)"
    absent "$(v2_file '')"
}

test_v2_the_namespace_is_rooted_above_the_delegated_cgroup() {
    v2_view
    bundle
    delegate payload
    add_mount /sys/fs/cgroup cgroup cgroup nosuid noexec nodev rw
    script 'cat /proc/self/cgroup; cat /sys/fs/cgroup/payload/cgroup.procs | head -1'
    runs
    eq "$(grep -v '^[1-9]' <<<"$out")" "0::/payload"
    has "$out" "1"
}

test_v2_the_delegated_cgroup_is_the_containers_and_the_limits_are_not() {
    v2_view
    is_on_v2 hugetlb || skip "no hugetlb controller in cgroup2 here"
    bundle
    user_namespace 100000 65536
    config '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
    delegate payload
    add_mount /sys/fs/cgroup cgroup cgroup nosuid noexec nodev rw
    script 'cd /sys/fs/cgroup
        echo 0 > hugetlb.2MB.max && echo "limit changed"
        mkdir other && echo "sibling made"
        mkdir payload/one && echo made
        echo 0 > payload/one/cgroup.procs && cat /proc/self/cgroup
        sleep 30'
    started
    eventually grep -q payload/one stdout
    matches "$(cat stdout)" '^made$'
    matches "$(cat stdout)" '^0::/payload/one$'
    lacks "$(cat stdout)" "limit changed"
    lacks "$(cat stdout)" "sibling made"
    eq "$(cat "$(v2_file hugetlb.2MB.max)")" 4194304 "the limit above"
    eq "$(stat -c %u "$(v2_file '')" "$(v2_file hugetlb.2MB.max)" "$(v2_file cgroup.procs)" | tr '\n' ' ')" "0 0 0 "
    eq "$(stat -c %u "$(v2_file payload)" "$(v2_file payload/cgroup.procs)" "$(v2_file payload/cgroup.subtree_control)" | tr '\n' ' ')" "100000 100000 100000 "
    eq "$(stat -c %u "$(v2_file payload/hugetlb.2MB.max)")" 0 "the controllers' files in it are the group's above"
    has "$(cat "$(v2_file cgroup.subtree_control)")" hugetlb "controllers that are handed down"
    has "$(cat "$(v2_file payload/cgroup.controllers)")" hugetlb
    gone
    absent "$(v2_file '')"
}

# Without nsdelegate the owner of the group above is not kept from it: that is true, and said.
test_v2_who_can_change_the_limits_above_the_delegated_cgroup_is_warned_of() {
    v2_view
    ours_only
    awk '$3 == "cgroup2" && $4 ~ /nsdelegate/ { found = 1 } END { exit found }' /proc/self/mounts || skip "cgroup2 is mounted with nsdelegate"
    is_on_v2 hugetlb || skip "no hugetlb controller in cgroup2 here"
    bundle
    config '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
    delegate payload
    add_mount /sys/fs/cgroup cgroup cgroup nosuid noexec nodev rw
    script 'echo 0 > /sys/fs/cgroup/hugetlb.2MB.max && echo "limit changed"; :'
    ok tare --log "$T/log" run "$ID"
    has "$out" "limit changed"
    matches "$(cat "$T/log")" 'run.oci.delegate-cgroup: the container can change its own limits'
    user_namespace 100000 65536
    ok tare --log "$T/log.user" run "$ID"
    lacks "$out" "limit changed"
    lacks "$(cat "$T/log.user")" "can change its own limits"
}

test_v2_kill_and_delete_reach_the_delegated_cgroup() {
    v2_view
    bundle
    delegate payload
    drop_namespace pid
    script 'sleep 30 & sleep 30; :'
    started
    eventually sh -c "[ \$(wc -l < '$(v2_file payload/cgroup.procs)') = 3 ]"
    ok tare kill "$ID" KILL
    becomes stopped
    # systemd removes the group with the last process.
    eventually sh -c "! grep -qs . '$(v2_file payload/cgroup.procs)'"
    ok tare delete "$ID"
    absent "$(v2_file '')"
}

test_v2_a_failed_create_leaves_no_delegated_cgroup() {
    v2_view
    bundle
    delegate payload
    config '.hooks.createRuntime = [{path: "/bin/false"}]'
    refuses 'createRuntime' tare create "$ID"
    absent "$(v2_file '')"
}

test_v2_a_delegated_cgroup_with_processes_is_refused() {
    needs_cgroupfs # a scope that starts gets a group without any below it
    v2_view
    bundle
    delegate payload
    mkdir -p "$(v2_file payload)"
    sleep 30 &
    local pid=$!
    echo $pid >"$(v2_file payload/cgroup.procs)"
    refuses 'delegated cgroup is not empty.*run.oci.delegate-cgroup' tare create "$ID"
    kill $pid
    wait $pid 2>/dev/null
    exists "$(v2_file payload)"
    rmdir "$(v2_file payload)" "$(v2_file '')"
}

test_beside_v1_a_delegated_cgroup_is_refused() {
    needs_v1 pids
    bundle
    delegate payload
    refuses 'this host mounts v1.*annotations/run.oci.delegate-cgroup.*remove' tare create "$ID"
    refuses 'control groups are disabled.*annotations/run.oci.delegate-cgroup' tare --cgroup-manager disabled create "$ID"
}

test_the_name_of_a_delegated_cgroup_cannot_lead_out() {
    bundle
    local name
    for name in .. . ../x a/b /x cgroup.procs ''; do
        delegate "$name"
        refuses 'annotations/run.oci.delegate-cgroup.*the name of one control group' tare create "$ID"
    done
}
