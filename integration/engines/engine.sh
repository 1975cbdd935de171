# What the cases of all engines share: configurations, waiting for a daemon, looking for what is left. Sourced by session and case.sh; assert.sh gives the rest.

# A file of docs/engines, which is what users are told to write, for the tested runtime; NAME is what the engine calls it.
configuration() { # FILE [NAME]
    sed "s|/usr/local/bin/tare|$RUNTIME_PATH|g; s|^\([^/]*\)\<tare\>|\1${2:-$RUNTIME}|; s|\"tare\"|\"${2:-$RUNTIME}\"|g" "/opt/configuration/$1"
}
# The same for podman and buildah, and on stdin what is the tests' own.
configure_containers() {
    mkdir -p /etc/containers/containers.conf.d
    configuration containers.conf >/etc/containers/containers.conf.d/50-tare.conf
    cat >/etc/containers/containers.conf.d/60-tests.conf
}
# The same for dockerd, with more settings as JSON. "runc" is a name that users cannot give.
configure_docker() { # JSON
    mkdir -p /etc/docker
    configuration daemon.json tested | jq --argjson more "$1" '. + $more' >/etc/docker/daemon.json
}

# Runs a daemon in the background, its output in $SESSION/NAME.log, and waits until COMMAND... succeeds.
start_daemon() { # NAME 'DAEMON ARG...' COMMAND...
    local name=$1 daemon=$2 pid i
    shift 2
    # shellcheck disable=SC2086 # words
    setsid $daemon >"$SESSION/$name.log" 2>&1 </dev/null &
    pid=$!
    echo $pid >"$SESSION/$name.pid"
    for ((i = 0; i < 300 * SLOWNESS; i++)); do
        "$@" >/dev/null 2>&1 && return 0
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    echo "$name does not answer:"
    tail -30 "$SESSION/$name.log"
    return 1
}
stop_daemon() { # NAME
    local pid i
    pid=$(cat "$SESSION/$1.pid") || return
    kill "$pid" 2>/dev/null
    for ((i = 0; i < 100 * SLOWNESS; i++)); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
    kill -KILL "$pid"
}

# Waits up to N seconds for a command to succeed ($SLOWNESS times as long on an emulated machine).
within() { # SECONDS COMMAND...
    local limit_s=$(($1 * SLOWNESS)) end_s
    end_s=$((EPOCHSECONDS + limit_s + 1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $EPOCHSECONDS -lt $end_s ] || fail "not within $limit_s s: $*"
        sleep 0.1
    done
}

# What a user is told of a command that cannot run, in whatever words: which one (a pattern), and why.
is_missing() { matches "${1//\\/}" "$2.*(not found|[Nn]o such file)" "error"; } # TEXT COMMAND
is_forbidden() { # TEXT COMMAND
    matches "$1" "$2\b.*([Pp]ermission denied|not executable|[Ii]s a directory|not a regular file)" "error"
}

# Where the control groups of a name are: TEXT is a part of the container's id.
groups_of() { find /sys/fs/cgroup -depth -mindepth 1 -type d -name "*$1*" 2>/dev/null; }
no_groups() { [ -z "$(groups_of "$1")" ]; }
# The file of a limit in the group of a process, wherever its hierarchy is: NAME-V1 CONTROLLER NAME-V2.
limit_of() { # PID CONTROLLER FILE-V1 FILE-V2
    local path
    path=$(awk -F: -v c="$2" '{ n = split($2, names, ","); for (i = 1; i <= n; i++) if (names[i] == c) print $3 }' "/proc/$1/cgroup")
    if [ -n "$path" ]; then
        cat "/sys/fs/cgroup/$2$path/$3"
    else
        cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")/$4"
    fi
}
# The kernel of User Mode Linux has no such controller. CPU_0: the option of docker, podman, buildah and ctr.
has_cpuset() { grep -q '^cpuset.*1$' /proc/cgroups || grep -qw cpuset /sys/fs/cgroup/cgroup.controllers 2>/dev/null; }
if has_cpuset; then CPU_0=(--cpuset-cpus 0); else CPU_0=(); fi
is_on_cpus() { # PID LIST
    ! has_cpuset || eq "$(limit_of "$1" cpuset cpuset.cpus cpuset.cpus)" "$2" cpuset
}
# Bridges with address translation, which User Mode Linux does not have either. Tried once for a session, in a network namespace of its own.
has_networks() {
    local found=no
    if [ ! -e "$SESSION/networks" ]; then
        unshare --net sh -ec 'ip link add tried0 type bridge; ip link add tried1 type veth peer name tried2; iptables -t nat -N tried' >/dev/null 2>&1 && found=yes
        echo $found >"$SESSION/networks"
    fi
    [ "$(cat "$SESSION/networks")" = yes ]
}
# crun works with CRIU by a library that the disk does not have.
needs_criu() {
    criu check >"$T/criu" 2>&1 || skip "criu does not work on this kernel: $(grep -m1 Error "$T/criu")"
    [ "$RUNTIME" != crun ] || ldconfig -p | grep -q libcriu || skip "no libcriu"
}
# systemd removes a scope with its last process, and an engine may come too late to read there that memory was the reason.
group_outlives_its_end() { [ "$MANAGER" != systemd ]; }
# Of a processor's time. Not the quota alone: the kernel doubles quota and period where its timer is late (sched_cfs_period_timer).
cpu_percent_of() { # PID
    local quota period
    quota=$(limit_of "$1" cpu cpu.cfs_quota_us cpu.max)
    period=$(limit_of "$1" cpu cpu.cfs_period_us cpu.max)
    echo $((${quota% *} * 100 / ${period#* }))
}
# Of the container with this name, which the engine's pid_of knows.
has_limits() { # NAME MEMORY-BYTES CPU-PERCENT [TASKS]
    local pid
    pid=$(pid_of "$1")
    eq "$(limit_of "$pid" memory memory.limit_in_bytes memory.max)" "$2" "$1's memory"
    eq "$(cpu_percent_of "$pid")" "$3" "$1's CPU time"
    [ $# = 3 ] || eq "$(limit_of "$pid" pids pids.max pids.max)" "$4" "$1's tasks"
}
is_another() { local now; now=$(pid_of "$1") && [ "$now" != 0 ] && [ "$now" != "$2" ]; } # NAME OLD-PID
# It is started again by its policy, once; the engine's restarts_of tells how often.
kill_first_process() { # NAME
    local old
    old=$(pid_of "$1")
    kill -KILL "$old"
    within 20 is_another "$1" "$old"
    eq "$(restarts_of "$1")" 1 "restarts of $1"
}
# A command on a terminal of 33 rows and 99 columns; what is on standard input is typed.
on_terminal() { script -qec "stty rows 33 cols 99 -echo; $1" /dev/null; } # 'COMMAND'
BOX=localhost/box:1
# Whether the engine's daemon is there; podman and buildah have none. A case file says it of its own.
engine_answers() { :; }
layout() { awk '$3 == "cgroup" { v1 = 1 } $3 == "cgroup2" { v2 = 1 } END { print v1 && v2 ? "hybrid" : v1 ? "v1" : "v2" }' /proc/self/mounts; }

# What no case may leave: a state folder of the runtime, in its own root or in one that an engine gives it. A hidden one is of no container.
leftover_states() { # [ROOT...]
    find /run/tare /run/user/*/tare /run/runc /run/crun "$@" -mindepth 1 -maxdepth 1 ! -name '.*' 2>/dev/null | sed 's/^/state /'
}

# The processes that sleep so many seconds (a pattern). By the name of the program, too: a runtime may show the command before it runs it.
sleepers() { comm -12 <(pgrep -x sleep | sort) <(pgrep -f "^(/bin/)?sleep $1\$" | sort) | grep .; } # SECONDS
no_sleepers() { ! sleepers "$1"; }
