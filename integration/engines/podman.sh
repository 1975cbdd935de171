# What the case files of podman share: its set-up as root, and what must not stay. Sourced by cases/podman*.sh and cases/stack_podman.sh.

# What podman says of cgroup v1 is not of the runtime.
export PODMAN_IGNORE_CGROUPSV1_WARNING=1

engine_version() { /usr/bin/podman --version; }
engine_start() { podman_start; }
podman_start() {
    podman_settings | configure_containers
    # The ranges of --userns=auto.
    id containers >/dev/null 2>&1 || useradd --system --shell /usr/sbin/nologin containers
    grep -q ^containers: /etc/subuid || echo containers:1000000:1000000 | tee -a /etc/subuid >>/etc/subgid
    podman load -q -i "$IMAGES/box.tar" && podman info
}
podman_settings() {
    cat <<EOF
[containers]
netns = "none"
log_driver = "k8s-file"
[engine]
cgroup_manager = "$MANAGER"
events_logger = "file"
EOF
}
engine_stop() { podman pod rm -fa -t 0; podman rm -fa -t 0; }
case_cleanup() { podman_cleanup; }
podman_cleanup() {
    podman pod rm -fa -t 0
    podman rm -fa -t 0
    podman volume rm -fa
    podman image prune -f
    ! pgrep -x conmon || pkill -KILL -x conmon
    groups_of libpod- | xargs -r rmdir
}
leftovers() { podman_leftovers; }
podman_leftovers() {
    podman ps -aq --no-trunc | sed 's/^/container /'
    podman volume ls -q | sed 's/^/volume /'
    groups_of libpod | grep -v libpod_parent$ | sed 's/^/group /'
    # The group of the monitors is podman's to keep. Of a pod's groups it removes on a hybrid host only those of controllers.
    find /sys/fs/cgroup -mindepth 2 -type d -path '*/libpod_parent/*' ! -name conmon |
        grep -vE '^/sys/fs/cgroup/(unified|systemd)/libpod_parent/[0-9a-f]+$' | sed 's/^/group /'
    pgrep -x conmon | sed 's/^/conmon /'
    grep -E '/overlay/.*/merged|/overlay-containers/' /proc/self/mounts | sed 's/^/mount /'
    leftover_states
}

run() { podman run --rm "$@"; }
start() { ok podman run -d "$@"; }                                # its id in $out
pid_of() { podman inspect -f '{{.State.Pid}}' "$1"; }
inspect() { podman inspect -f "$2" "$1"; }                        # CONTAINER TEMPLATE
is() { [ "$(podman inspect -f "$2" "$1" 2>/dev/null)" = "$3" ]; } # CONTAINER TEMPLATE TEXT
says() { podman logs "$1" 2>&1 | grep -qE -- "$2"; }              # CONTAINER REGEX
on_terminal() { python3 "$ENGINES/../lib/tty.py" act "$@"; }
# A program that ignores TERM, and tells when it does.
DEAF='trap "" TERM; echo deaf; while :; do sleep 0.1; done'
# A unit of systemd, from which podman's generator makes a service. It waits for no network.
quadlet() { # NAME
    printf '[Quadlet]\nDefaultDependencies=false\n[Container]\nImage=%s\nContainerName=%s\nExec=sh -c "trap exit TERM; echo up; while :; do sleep 0.1; done"\nPodmanArgs=--pids-limit 44\n' "$BOX" "$1"
}
