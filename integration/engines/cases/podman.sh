# podman with conmon, as root: libpod's calls of the runtime, through podman's own commands.

engine_version() { podman --version; }
engine_start() {
    mkdir -p /etc/containers/containers.conf.d
    cat >/etc/containers/containers.conf.d/50-tare.conf <<EOF
[containers]
netns = "none"
log_driver = "k8s-file"
[engine]
runtime = "$RUNTIME"
cgroup_manager = "$MANAGER"
events_logger = "file"
runtime_supports_json = ["crun", "runc", "tare"]
runtime_supports_nocgroups = ["crun", "tare"]
[engine.runtimes]
tare = ["/usr/local/bin/tare"]
EOF
    podman load -q -i "$IMAGES/box.tar" && podman info
}
engine_stop() { podman rm -fa -t 0; }
case_cleanup() { podman pod rm -fa -t 0; podman rm -fa -t 0; podman volume rm -fa; }
leftovers() {
    podman ps -aq --no-trunc | sed 's/^/container /'
    groups_of libpod- | grep -v libpod_parent$ | sed 's/^/group /'
    leftover_states
}

test_a_command_runs_and_its_output_comes_back() {
    ok podman run --rm localhost/box:1 echo hello
    eq "$out" hello
}
