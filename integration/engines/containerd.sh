# What the cases of containerd.sh stand on: containerd, and short words for ctr. Sourced by cases/containerd.sh.

engine_version() { containerd --version; }
engine_start() { containerd_start && ctr images import "$IMAGES/box.tar"; }
engine_answers() { ctr version; }
containerd_start() { start_daemon containerd containerd engine_answers; }
engine_stop() { stop_daemon containerd; }
case_cleanup() {
    ctr tasks ls -q | xargs -rI{} sh -c 'ctr tasks kill -s KILL {}; sleep 0.3; ctr tasks rm -f {}'
    ctr containers ls -q | xargs -r ctr containers rm
    active_snapshots | xargs -r ctr snapshots rm
}
active_snapshots() { ctr snapshots ls | awk '$NF == "Active" { print $1 }'; }
TASKS=/run/containerd/io.containerd.runtime.v2.task/default
STATES=/run/containerd/runc/default
leftovers() {
    ctr containers ls -q | sed 's/^/container /'
    ctr tasks ls -q | sed 's/^/task /'
    active_snapshots | sed 's/^/snapshot /'
    find "$TASKS" -mindepth 1 -maxdepth 1 -printf 'folder %p\n' 2>/dev/null
    find /sys/fs/cgroup -mindepth 2 -path '*/default/*' -type d -printf 'group %p\n'
    pgrep -a containerd-shim | sed 's/^/shim /'
    grep " $TASKS" /proc/self/mountinfo | sed 's/^/mount /'
    leftover_states "$STATES"
}

IMAGE=$BOX
START=(ctr run --runtime io.containerd.runc.v2 --runc-binary "$RUNTIME_PATH")
start_with() { "${START[@]}" "$@"; }
# What a command in a container prints is in $out. On a busy machine ctr may close a pipe that it is about to open when the command ends at once, and
# what was in it is lost: then it is asked again.
ask() { # [OPTION...] CONTAINER COMMAND...
    local i
    for i in 1 2 3 4 5; do
        ok ctr tasks exec --exec-id "asked$i" "$@"
        [ -z "$out" ] || return 0
    done
    fail "no output: $*"
}
# A container that waits for its end; its pid is in $pid.
start_box() { # ID [OPTION...]
    local id=$1
    shift
    ok start_with -d "$@" $IMAGE "$id" sleep 100000
    pid=$(task_pid "$id")
}
task_pid() { ctr tasks ls | awk -v id="$1" '$1 == id { print $2 }'; }
status() { ctr tasks ls | awk -v id="$1" '$1 == id { print $3 }'; }
is_status() { [ "$(status "$1")" = "$2" ]; }
# Ends the container and removes it; its exit code is in $exited.
remove() { # ID [SIGNAL]
    is_status "$1" STOPPED || call ctr tasks kill -s "${2:-KILL}" "$1" # it may end by itself just now
    within 20 is_status "$1" STOPPED
    ok ctr tasks rm "$1"
    exited=$(sed -n 's/.*exit with non-zero exit code \([0-9]*\).*/\1/p' <<<"$err")
    exited=${exited:-0}
    ok ctr containers rm "$1"
}
# Runs a command on a terminal of 33 rows and 77 columns; its output is in $out.
on_terminal() { # WORD...
    local line
    printf -v line '%q ' "$@"
    [ -e "$T/keys" ] || mkfifo "$T/keys"
    call script -qec "stty rows 33 cols 77; $line" /dev/null 9<>"$T/keys" <&9
    out=$(tr -d '\r' <<<"$out")
}
# ctr's own configuration of a container, with a line of Python that changes `spec`, in $T/config.json.
edited_spec() { # PYTHON
    ctr oci spec | python3 -c "import json, sys
spec = json.load(sys.stdin)
spec['linux']['cgroupsPath'] = '/default/c1'
spec['process']['args'] = ['/bin/sh', '-c', 'sleep 1000']
$1
json.dump(spec, open('$T/config.json', 'w'))" || fail "python: $1"
}
# What `start_with -c` takes: the container's files and no image.
unpack_box() {
    mkdir "$T/box" "$T/files"
    ctr images mount $IMAGE "$T/box" >/dev/null && cp -a "$T/box/." "$T/files/" && ctr images unmount --rm "$T/box" >/dev/null || fail "the image cannot be unpacked"
}
