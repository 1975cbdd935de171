# case.sh FILE FUNCTION: runs one case as pid 1 of its namespaces. Called by integration/run. Exit 0: passed, 77: skipped.
# What a case sees: $T its work folder (a tmpfs), $STATE the runtime's --root, $PREFIX the start of its cgroups' names.
set -u
file=$1 function=$2
lib=$INTEGRATION/lib
. "$lib/assert.sh"
. "$lib/bundle.sh"
. "$lib/container.sh"
. "$lib/cgroup.sh"

# Where systemd is spoken to (integration/run makes the folder then), its sockets stay.
[ ! -d "$SUITE/session" ] || mount --rbind /run "$SUITE/session" || exit 99
keep_sessions() {
    local name
    for name in systemd dbus user; do mkdir "/run/$name" && mount --rbind "$SUITE/session/$name" "/run/$name" || return; done
    umount -l "$SUITE/session"
}
mount -t proc proc /proc && mount -t tmpfs -o mode=0755 tare-it "$SUITE/case" && mount -t tmpfs -o mode=0755 tmpfs /run ||
    { echo "case.sh: cannot mount the private folders"; exit 99; }
[ ! -d "$SUITE/session" ] || keep_sessions || { echo "case.sh: cannot keep the sockets of systemd"; exit 99; }
T=$SUITE/case STATE=$SUITE/case/state PREFIX=$CGROUP_PARENT/$CASE-
# Every container of this case has an id that begins so; it is in the cgroup's name where the runtime chooses one.
ID_PREFIX=t${CGROUP_PARENT##*-}c$CASE-
BASE=$SUITE/base PROBE=$SUITE/base/probe
export PATH=$PATH:/usr/sbin:/sbin TMPDIR=$T
unset XDG_RUNTIME_DIR NOTIFY_SOCKET LISTEN_FDS
chown "$RUN_AS" "$T"
cd "$T" || exit 99
umask 022

mounts() { awk '{ print $5 }' /proc/self/mountinfo | sort; }
mounts_before=$(mounts)

. "$lib/ending.sh"
. "$file"
# A case ends early by fail or skip; what its last command returned says nothing.
("$function"; exit 0)
rc=$?
cd /
[ $rc = 0 ] || exit $rc
had_all_commands || exit 1

# Zombies are ours to reap (bash does it between commands); anything else alive after a second was left behind. Orphans are ours, or
# $PPID's (`probe reaper`).
processes() {
    local dir stat state parent
    for dir in /proc/[0-9]*; do
        [ "${dir#/proc/}" = $$ ] && continue
        stat=
        read -r stat <"$dir/stat"
        read -r state parent _ <<<"${stat##*) }"
        case $state in '' | Z) continue ;; esac
        [ "$parent" = $$ ] || { [ "$parent" = $PPID ] && [ $$ != 1 ]; } || continue
        tr '\0' ' ' <"$dir/cmdline" 2>/dev/null | grep -q 'lib/case.sh' && continue
        echo "process ${dir#/proc/} $(tr '\0' ' ' <"$dir/cmdline" 2>/dev/null | cut -c1-100)"
    done
}
leftovers() {
    processes 2>/dev/null
    "$lib/cgroups" list "$CGROUP_PARENT/$CASE-" "$ID_PREFIX"
    diff <(echo "$mounts_before") <(mounts) | sed -n 's/^> /mount /p'
    # .seccomp, the profile of the last container, is there to stay.
    ls -A -I .seccomp "$STATE" 2>/dev/null | sed "s|^|state $STATE/|"
    ls -A -I .seccomp /run/tare 2>/dev/null | sed 's|^|state /run/tare/|'
}
nothing_left 1
