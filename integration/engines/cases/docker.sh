# dockerd with containerd: its calls of the runtime, through docker's own commands.

engine_version() { docker version --format 'docker {{.Server.Version}}'; }
engine_start() {
    mkdir -p /etc/docker
    cat >/etc/docker/daemon.json <<EOF
{"runtimes": {"tested": {"path": "$RUNTIME_PATH"}}, "default-runtime": "tested"}
EOF
    start_daemon dockerd "dockerd --bridge none --iptables=false --ip6tables=false --exec-opt native.cgroupdriver=$MANAGER" docker version &&
        docker load -i "$IMAGES/box.tar"
}
engine_stop() { stop_daemon dockerd; }
case_cleanup() { docker ps -aq | xargs -r docker rm -f; }
leftovers() {
    docker ps -aq | sed 's/^/container /'
    leftover_states
}

test_a_command_runs_and_its_output_comes_back() {
    ok docker run --rm --network none localhost/box:1 echo hello
    eq "$out" hello
}
