# What the cases of docker share: the daemon with the tested runtime, containers to play with, what may not be left. Sourced by cases/docker*.sh and
# cases/stack_docker.sh.
#
# dockerd is set up by its configuration file, and by the one variable that it has for the runtime of BuildKit. It has a bridge where the
# kernel can make one, in the network namespace that the session has.

engine_answers() { docker version; }
docker_start() {
    # The daemon of the distribution, where this is a machine that has started it.
    [ ! -d /run/systemd/system ] || systemctl stop docker.socket docker.service containerd.service 2>/dev/null
    configure_docker "{\"exec-opts\": [\"native.cgroupdriver=$MANAGER\"], \"live-restore\": true, \"experimental\": true, \"features\": {\"buildkit\": true}}"
    docker_daemon dockerd docker version && docker load -q -i "$IMAGES/box.tar"
}
docker_daemon() { # NAME COMMAND...
    local name=$1 daemon=dockerd
    shift
    has_networks || daemon="dockerd --bridge none --iptables=false --ip6tables=false"
    start_daemon "$name" "env $(configuration docker.service.conf | sed -n 's/^Environment=//p') $daemon" "$@"
}

# v1 counts memory and swap together, and has the shares that were asked for (512); v2 has a weight that the runtime computes.
has_swap_and_cpu_time() { # PID MEMORY-BYTES SWAP-BYTES QUOTA_US
    if [ "$(layout)" = v2 ]; then
        eq "$(limit_of "$1" memory - memory.swap.max)" "$3"
        eq "$(limit_of "$1" cpu - cpu.max)" "$4 100000"
    else
        eq "$(limit_of "$1" memory memory.memsw.limit_in_bytes -)" $(($2 + $3))
        eq "$(limit_of "$1" cpu cpu.cfs_quota_us -)" "$4"
        eq "$(limit_of "$1" cpu cpu.shares -)" 512
    fi
}
docker_version() { docker version --format 'docker {{.Server.Version}}'; }
docker_cleanup() {
    docker ps -aq | xargs -r docker unpause
    docker ps -aq | xargs -r docker rm -f -v
    docker volume ls -q | xargs -r docker volume rm
    docker network ls -q --filter type=custom | xargs -r docker network rm
    docker images -q 'made*' | xargs -r docker rmi -f
    # Of a container that could not be started.
    awk '$2 ~ "/docker/netns/[0-9a-f]+$" { print $2 }' /proc/self/mounts | xargs -r umount
}
docker_leftovers() {
    docker ps -aq | sed 's/^/container /'
    docker volume ls -q | sed 's/^/volume /'
    docker network ls -q --filter type=custom | sed 's/^/network /'
    docker images -q 'made*' | sed 's/^/image /'
    find /sys/fs/cgroup -depth -mindepth 1 -type d \( -path '*/docker/*' -o -path '*/buildkit/*' -o -name 'docker-*' ! -name docker-events \) 2>/dev/null |
        grep -vE '/docker/buildkit$|\.service$|\.socket$' | sed 's/^/group /'
    awk '{ print $2 }' /proc/self/mounts | grep -E '^(/var)?/run/docker/netns/|^/var/lib/docker/.*/(merged|rootfs)' | grep -v '/netns/default$' | sed 's/^/mount /'
    pgrep -af '^/usr/bin/containerd-shim-runc-v2' | sed 's/^/shim /'
    leftover_states /run/docker/runtime-runc/moby /run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby
}

# Runs a command in a new container without a network; the container goes with it.
in_box() { # [OPTION...] -- COMMAND...
    local options=()
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    docker run --rm --network none "${options[@]}" "$BOX" "$@"
}
# A container in the background that does nothing and ends by SIGTERM. `pause` of the image is catatonit.
start_box() { # NAME [OPTION...]
    local name=$1
    shift
    docker run -d --name "$name" --network none "$@" "$BOX" pause -P >/dev/null || fail "no container $name"
}
start_shell() { # NAME SCRIPT [OPTION...]
    local name=$1 script=$2
    shift 2
    docker run -d --name "$name" --network none "$@" "$BOX" sh -c "$script" >/dev/null || fail "no container $name"
}
of_box() { docker inspect -f "{{$2}}" "$1"; } # NAME TEMPLATE
pid_of() { of_box "$1" .State.Pid; }
is_of_box() { [ "$(of_box "$1" "$2")" = "$3" ]; } # NAME TEMPLATE VALUE

# Runs a command of the shell on a terminal of 99x33. What it is sent is this function's stdin.
