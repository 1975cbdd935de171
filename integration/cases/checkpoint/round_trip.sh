# checkpoint and restore of a container with open files, a pipe and a TCP listener.
# timeout_s: 180

. "$INTEGRATION/lib/criu.sh"

test_x1() {
    needs_criu
    bundle
    serves
    piped
    counts
    ok tare checkpoint --image-path "$T/img" "$ID"
    cat $T/img/desc*
    tare restore --detach --image-path "$T/img" "$ID"  </dev/null 2>"$B/restore.err" | cat >>"$B/stdout" &
    sleep 1
    cat "$B/restore.err"
    grep -v pie: $T/img/restore.log | tail -30
    state .
    PID=$(state .pid)
    cat /proc/$PID/mountinfo
    cat /proc/$PID/cgroup
    ls -l /proc/$PID/fd
    counts
    gone
    fail x
}
