# A pure v2 view: cgroup2 alone at /sys/fs/cgroup, in this case's private mount namespace. Its controllers are those that this
# machine's v1 hierarchies do not hold.

v2_view() {
    umount -R /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup || skip "cgroup2 cannot be mounted here"
    trap 'leave_v2' EXIT
    mounts_before=""
}
leave_v2() { :; }

test_v2_a_container_runs_in_its_cgroup() {
    v2_view
    bundle
    command_is sleep 30
    created
    eq "$(grep ^0: "/proc/$PID/cgroup")" "0::$(container_group)"
    eq "$(cat "$(v2_file cgroup.procs)")" "$PID"
    gone
    absent "$(v2_file cgroup.procs)"
}

test_v2_the_cgroup_mount_is_cgroup2_rooted_at_the_container() {
    v2_view
    bundle
    add_mount /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime ro
    script 'grep " /sys/fs/cgroup " /proc/mounts; cat /sys/fs/cgroup/cgroup.procs; cat /proc/self/cgroup; mkdir /sys/fs/cgroup/x 2>&1'
    call tare run "$ID"
    has "$out" "cgroup2"
    matches "$out" '^1$' "the container's own cgroup.procs"
    matches "$out" '^0::/$'
    has "$out" "Read-only"
}

test_v2_device_rules_are_enforced_by_bpf() {
    needs_root "make devices"
    v2_view
    bundle
    capabilities CAP_MKNOD
    config '.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "rm"}]'
    script 'mknod /dev/fuse c 10 229; mknod /dev/other c 1 1; probe open /dev/fuse; probe open /dev/fuse w; probe open /dev/null w; head -c1 /dev/zero | wc -c; echo > /dev/other'
    call tare run "$ID"
    eq "$(tr '\n' '|' <<<"$out")" "opened|-1 EPERM|opened|1|" "fuse r, fuse rw, null, zero: $err"
}

test_v2_huge_page_limits() {
    v2_view
    is_on_v2 hugetlb || skip "no hugetlb controller in cgroup2 here"
    bundle
    config '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
    command_is sleep 30
    created
    eq "$(cat "$(v2_file hugetlb.2MB.max)")" 4194304
    [ ! -e "$(v2_file hugetlb.2MB.rsvd.max)" ] || eq "$(cat "$(v2_file hugetlb.2MB.rsvd.max)")" 4194304 rsvd
    gone
}

test_v2_unified_values_are_written() {
    v2_view
    is_on_v2 hugetlb || skip "no hugetlb controller in cgroup2 here"
    bundle
    config '.linux.resources.unified = {"hugetlb.2MB.max": "6291456", "cgroup.max.descendants": "7"}'
    command_is sleep 30
    created
    eq "$(cat "$(v2_file hugetlb.2MB.max)")" 6291456
    eq "$(cat "$(v2_file cgroup.max.descendants)")" 7
    gone
}

test_v2_missing_controllers_are_refused_by_name() {
    v2_view
    bundle
    local row
    for row in 'memory|memory: {limit: 67108864}' 'cpu|cpu: {shares: 100}' 'pids|pids: {limit: 10}' 'cpuset|cpu: {cpus: "0"}'; do
        is_on_v2 "${row%%|*}" && continue
        config ".linux.resources = {${row#*|}}"
        refuses "${row%%|*}" tare create "$ID"
    done
}

test_v2_kill_all_and_delete_leave_nothing() {
    v2_view
    bundle
    drop_namespace pid
    script 'sleep 300 & sleep 301 & touch /ready; wait'
    started
    eventually test -e "$R/ready"
    ok tare kill --all "$ID" KILL
    becomes stopped
    gone
    absent "$(v2_file cgroup.procs)"
}

test_v2_sub_cgroups_of_the_container_are_removed() {
    v2_view
    bundle
    add_mount /sys/fs/cgroup cgroup cgroup rw
    script 'mkdir -p /sys/fs/cgroup/a/b; sleep 30'
    started
    eventually test -d "$(v2_file a/b)"
    gone
    absent "$(v2_file cgroup.procs)"
}
