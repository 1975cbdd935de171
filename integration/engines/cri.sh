# What the cases of cri.sh stand on: containerd with a runtime handler for the tested runtime, and short words for cri.py. Sourced by cases/cri.sh.

export CRI_SOCKET=$SESSION/cri.sock
cri() { "$ENGINES/cri.py" "$@"; }
engine_version() { cri Version '{}' runtime_version | sed 's/^/CRI of containerd /'; }
engine_start() {
    mkdir -p /etc/containerd /etc/cni/net.d "$SESSION/pause"
    {
        configuration containerd.toml tested | sed "s/SystemdCgroup = .*/SystemdCgroup = $([ "$MANAGER" = systemd ] && echo true || echo false)/"
        cat <<'EOF'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = 'localhost/pause:1'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['/usr/lib/cni']
EOF
    } >/etc/containerd/config.toml
    cat >/etc/cni/net.d/10-tested.conflist <<EOF
{"cniVersion": "1.0.0", "name": "tested", "plugins": [
 {"type": "ptp", "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.77.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
EOF
    containerd_start || return
    cp /usr/bin/catatonit "$SESSION/pause/pause"
    "$ENGINES/docker_archive.py" "$SESSION/pause" "$SESSION/pause.tar" localhost/pause:1 /pause -P
    ctr -n k8s.io images import "$IMAGES/box.tar" && ctr -n k8s.io images import "$SESSION/pause.tar" || return
    start_daemon cri "$ENGINES/cri.py serve" test -S "$CRI_SOCKET" && cri Version
}
engine_answers() { ctr version && cri Version; }
containerd_start() { start_daemon containerd containerd ctr version; }
engine_stop() { stop_daemon cri; stop_daemon containerd; }
case_cleanup() {
    cri ListPodSandbox '{}' | grep -oE '"id": "[0-9a-f]+"' | cut -d'"' -f4 | while read -r pod; do remove_pod; done
}
TASKS=/run/containerd/io.containerd.runtime.v2.task/k8s.io
STATES=/run/containerd/tare/k8s.io
leftovers() {
    ctr -n k8s.io containers ls -q | sed 's/^/container /'
    ctr -n k8s.io snapshots ls | awk '$NF == "Active" { print "snapshot", $1 }'
    find "$TASKS" -mindepth 1 -maxdepth 1 -printf 'folder %p\n' 2>/dev/null
    find /sys/fs/cgroup \( -path '*/pods/*' -o -path '*/pods.slice/*' \) -type d -printf 'group %p\n'
    pgrep -a containerd-shim | sed 's/^/shim /'
    grep -E ' (/run/containerd|/run/netns|/var/run/netns|/var/lib/containerd/io)' /proc/self/mountinfo | sed 's/^/mount /'
    ip -br link | grep veth
    leftover_states "$STATES"
}

# The pod is $pod.
run_pod() { # NAME [JSON]
    ok cri pod "$@"
    pod=$out
}
remove_pod() {
    cri StopPodSandbox "{\"pod_sandbox_id\": \"$pod\"}" >/dev/null && cri RemovePodSandbox "{\"pod_sandbox_id\": \"$pod\"}" >/dev/null || fail "the pod cannot be removed"
}
# A started container of $pod: its id is $ctr.
run_container() { # NAME [JSON]
    ok cri container "$pod" "$@"
    ctr=$out
    ok cri StartContainer "{\"container_id\": \"$ctr\"}"
}
# One that runs this shell script; JSON is laid over the rest.
run_script() { # NAME SCRIPT [JSON]
    local given=${3:-"{}"}
    run_container "$1" "$(python3 -c 'import json, sys; print(json.dumps({"command": ["sh", "-c", sys.argv[1]]} | json.loads(sys.argv[2])))' "$2" "$given")"
}
inside() { ok cri exec "$ctr" 20 sh -c "$1"; } # SCRIPT
stop() { ok cri StopContainer "{\"container_id\": \"$ctr\", \"timeout\": $1}"; } # SECONDS
remove() { ok cri RemoveContainer "{\"container_id\": \"$ctr\"}"; }
field() { cri ContainerStatus "{\"container_id\": \"$ctr\"}" "status.$1"; }
has_ended() { [ "$(field state)" = CONTAINER_EXITED ]; }
ended() { within 20 has_ended; }
# The pid of a container, or of a pod's own process, here.
pid_of() { ctr -n k8s.io tasks ls | awk -v id="$1" '$1 == id { print $2 }'; }
log_of() { cut -d' ' -f4- "$T/logs/$1.log"; }
