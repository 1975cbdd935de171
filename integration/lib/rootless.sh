# Callers who are not the host's root: an ordinary user, and root of a user namespace. For the case files that source it.

# Of no user of the host. The tables that name him are seen by what runs as him only.
USER_ID=54321 LENT_FIRST=700000 LENT_COUNT=65536

# From here on the runtime is called by an ordinary user. `without-ids`: nobody lends him any.
by_user() { # [without-ids]
    needs_runtime_itself
    [ "$(cat /proc/sys/kernel/unprivileged_userns_clone 2>/dev/null || echo 1)" = 1 ] || skip "users may make no user namespaces here"
    mkdir -p "$T/user" && : >"$T/user/subid" && cp /etc/passwd "$T/user/passwd" || fail "cannot make the user"
    echo "caller:x:$USER_ID:$USER_ID::$T/user:/bin/sh" >>"$T/user/passwd"
    [ "${1:-}" = without-ids ] || echo "caller:$LENT_FIRST:$LENT_COUNT" >"$T/user/subid"
    mkdir -p -m 700 "$STATE" "$T/user/run" && : >"$T/user/runtime"
    chown -R "$USER_ID:$USER_ID" "$T/user" "$STATE"
    [ -z "${B:-}" ] || chown -R -h "$USER_ID:$USER_ID" "$B"
    tare() { as_user "$T/user/runtime" --root "$STATE" "$@"; }
}
# The same by root of a user namespace, as podman does; with `mounts` in a mount namespace of it, too.
by_root_of_a_namespace() { # [mounts]
    by_user
    INSIDE="unshare --map-root-user --map-auto --fork --kill-child ${1:+--mount}"
    tare() { as_user $INSIDE -- "$T/user/runtime" --root "$STATE" "$@"; }
}

# Runs a command as the user. $USER_GROUP: the control group it is in. $READ_ONLY_CGROUPS: its control groups are read-only.
as_user() {
    READ_ONLY_CGROUPS=${READ_ONLY_CGROUPS:-} unshare --mount --propagation private sh -c '
        folder=$1 runtime=$2 group=$3 id=$4
        shift 4
        for table in /etc/subuid /etc/subgid; do
            [ -e $table ] || : >$table
            mount --bind "$folder/subid" $table
        done
        mount --bind "$folder/passwd" /etc/passwd && mount --bind "$runtime" "$folder/runtime" || exit 99
        [ -z "$READ_ONLY_CGROUPS" ] || for mount in $(awk "\$3 ~ /^cgroup/ { print \$2 }" /proc/self/mounts); do
            mount -o remount,bind,ro "$mount" || exit 99
        done
        [ -z "$group" ] || echo $$ >"$group/cgroup.procs" || exit 99
        export HOME="$folder" USER=caller LOGNAME=caller XDG_RUNTIME_DIR="$folder/run"
        exec setpriv --reuid "$id" --regid "$id" --clear-groups --inh-caps=-all "$@"' \
        as-user "$T/user" "$TARE" "${USER_GROUP:-}" "$USER_ID" "$@"
}

# A bundle of the user, whose configuration says nothing of a place for its cgroup.
user_bundle() { # [NAME]
    bundle "$@"
    config 'del(.linux.cgroupsPath)'
    chown -R -h "$USER_ID:$USER_ID" "$B"
}

# cgroup v2: a group that is delegated to the user, who is in a group below it: $USER_GROUP.
delegated() {
    local file
    needs_runtime_itself
    v2_group user
    USER_GROUP=$GROUP/own
    mkdir "$USER_GROUP"
    for file in . cgroup.procs cgroup.subtree_control cgroup.threads own own/cgroup.procs; do
        chown "$USER_ID:$USER_ID" "$GROUP/$file" || fail "cannot delegate $GROUP/$file"
    done
}
undelegated() { rmdir "$USER_GROUP" "$GROUP" || fail "the user's group is not empty: $(ls -d "$GROUP"/*/)"; }
