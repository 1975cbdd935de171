# The systemd that the runtime asks: the system's, or that of the user who runs it. Sourced by lib/cgroups and by cases.

systemctl() { of_the_runtime systemctl "$@"; }
systemd-run() { of_the_runtime systemd-run "$@"; }
of_the_runtime() { # PROGRAM ARGUMENT...
    local program=$1
    shift
    if [ "$RUN_AS" = root ]; then command "$program" "$@"; return; fi
    setpriv --reuid "$RUN_AS" --regid "$RUN_AS" --init-groups env XDG_RUNTIME_DIR="/run/user/$(id -u "$RUN_AS")" "$program" --user "$@"
}
