# Makes ready for a runtime that is not simply run by root with cgroupfs: $TARE becomes a program in its place (runtime.c). Sourced by
# integration/run, as root, where CGROUP_MANAGER or RUN_AS say so; needs systemd as process 1.

mkdir -p "$SUITE/bin" "$SUITE/session"
chmod 755 "$SUITE"/bin "$SUITE"/base
cp "$SUITE/base/runtime" "$SUITE/bin/$(basename "$TARE")"
{
    echo "program $TARE"
    [ "$CGROUP_MANAGER" = cgroupfs ] || echo "manager --systemd-cgroup"
} >"$SUITE/bin/$(basename "$TARE").environment"

# What a user may do without the rights of root: groups below those of his session, and ids from /etc/subuid for what is not his own.
run_as_user() {
    local uid root procs
    uid=$(id -u "$RUN_AS") || exit 1
    CGROUP_BELOW=user.slice/user-$uid.slice/user@$uid.service SLICE=app.slice
    root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
    CGROUP_PARENT=$CGROUP_BELOW/$CGROUP_PARENT
    # The runtime runs in a group of his: where a group above both is not, no process can be moved to the container's.
    procs=$root/$CGROUP_PARENT/runtime/cgroup.procs
    mkdir -p "${procs%/*}" || { echo "integration/run: no session of $RUN_AS: ${procs%/*}"; exit 1; }
    for name in . cgroup.procs cgroup.subtree_control cgroup.threads; do
        chown "$uid:$uid" "$root/$CGROUP_PARENT/$name" "${procs%/*}/$name"
    done
    { echo "group $procs"; echo "user $uid"; } >>"$SUITE/bin/$(basename "$TARE").environment"
    chown -hR "$uid:$uid" "$SUITE/base/rootfs"
    jq --argjson id "$uid" '.linux.namespaces += [{type: "user"}]
        | .linux.uidMappings = [{containerID: 0, hostID: $id, size: 1}, {containerID: 1, hostID: 100000, size: 65536}]
        | .linux.gidMappings = .linux.uidMappings' "$SUITE/base/config.json" >"$SUITE/base/config.new" &&
        mv "$SUITE/base/config.new" "$SUITE/base/config.json"
}
[ "$RUN_AS" = root ] || run_as_user
TARE=$SUITE/bin/$(basename "$TARE")
