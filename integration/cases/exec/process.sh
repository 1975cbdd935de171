# exec: what runs, where, with which exit code.

# A started container that waits; exec: $EXEC ARGS.
waiting() { command_is sleep 300; started; }
inside() { ok tare exec "$ID" "$@"; }
# exec refuses: exit code 255, one line on stderr that matches REGEX, nothing on stdout.
exec_refuses() { # REGEX ARGUMENT...
    local expected=$1
    shift
    ends 255 tare exec "$@"
    matches "$err" "$expected" "error of exec"
    eq "$(wc -l <"$T/.err")" 1 "lines of error"
    matches "$err" '^tare: exec ' "error line"
    eq "$out" "" "stdout"
}

test_it_is_in_every_namespace_of_the_container() {
    bundle
    waiting
    local ns
    for ns in pid mnt net ipc uts cgroup user time; do
        inside readlink "/proc/self/ns/$ns"
        eq "$out" "$(readlink "/proc/$PID/ns/$ns")" "namespace $ns"
    done
    inside hostname
    eq "$out" box hostname
    gone
}

test_its_exit_code_is_that_of_the_program_or_128_and_the_signal() {
    bundle
    waiting
    ends 0 tare exec "$ID" true
    ends 7 tare exec "$ID" sh -c 'exit 7'
    ends 137 tare exec "$ID" sh -c 'kill -9 $$'
    ends 143 tare exec "$ID" sh -c 'kill -15 $$'
    ends 162 tare exec "$ID" sh -c 'kill -34 $$'
    ends 192 tare exec "$ID" sh -c 'kill -64 $$'
    gone
}

test_input_and_output_are_the_callers() {
    bundle
    waiting
    out=$(echo hello | tare exec "$ID" sh -c 'cat; echo err >&2' 2>"$T/err")
    eq "$out" hello stdout
    eq "$(cat "$T/err")" err stderr
    gone
}

test_whatever_follows_the_id_belongs_to_the_program() {
    bundle
    waiting
    inside probe args --root /x -t --cwd=y -- -f
    eq "$out" "[--root][/x][-t][--cwd=y][--][-f]"
    ok tare exec "$ID" -- probe args a
    eq "$out" "[a]"
    gone
}

test_a_container_without_a_mount_namespace_is_entered_all_the_same() {
    needs_root "make devices, nor mount where the case is"
    bundle
    drop_namespace mount
    config '.mounts = [] | .linux.maskedPaths = [] | .linux.readonlyPaths = []'
    echo inside >"$R/marker"
    command_is sleep 300
    # Everything is mounted where we are: in a mount namespace of this case.
    started
    inside cat /marker
    eq "$out" inside "a file of the container's root"
    inside sh -c 'ls -d "$0" 2>/dev/null || echo none' "$T"
    eq "$out" none "a folder of the host"
    gone
}

test_a_process_in_no_group_of_the_container_is_refused() {
    needs_v1 pids
    bundle
    waiting
    # Somebody moves the container's process out, and removes its group.
    echo "$PID" >"$(awk '$3 == "cgroup" && $4 ~ /(^|,)pids(,|$)/ { print $2; exit }' /proc/self/mounts)/$CGROUP_PARENT/cgroup.procs"
    rmdir "$(dirname "$(cgroup_file pids x)")"
    exec_refuses "control group is gone or takes no processes" "$ID" true
    gone
}

test_a_pid_file_of_somebody_else_stays() {
    bundle
    waiting
    echo old >"$T/pid"
    ends 255 tare exec -d --pid-file "$T/pid" --pidfd-socket "$T/nobody.sock" "$ID" true
    eq "$(cat "$T/pid")" old
    # It is ours once it is written, and the program is executed after that.
    printf 'neither a program nor a script' >"$R/garbage" && chmod +x "$R/garbage"
    ends 255 tare exec -d --pid-file "$T/pid" "$ID" /garbage
    absent "$T/pid"
    gone
}

test_env_and_cwd_are_the_containers_and_can_be_changed() {
    bundle
    mkdir "$R/work"
    config '.process.env += ["A=1", "B=2"] | .process.cwd = "/work"'
    waiting
    inside sh -c 'echo $A $B $PWD'
    eq "$out" "1 2 /work"
    ok tare exec -e A=3 --env C=4 --cwd /tmp "$ID" sh -c 'echo $A $B $C $PWD; env | grep -c ^A='
    eq "$out" "3 2 4 /tmp
1"
    exec_refuses 'invalid --env "NOVALUE"' -e NOVALUE "$ID" true
    exec_refuses 'invalid --cwd "tmp"' --cwd tmp "$ID" true
    exec_refuses 'working directory /nowhere: no such file or directory' --cwd /nowhere "$ID" true
    gone
}

test_home_is_looked_up_for_the_user_that_runs() {
    bundle
    waiting
    inside sh -c 'echo $HOME'
    eq "$out" /root
    ok tare exec -u 1000 "$ID" sh -c 'echo $HOME'
    eq "$out" /home/alice
    gone
}

test_a_process_file_says_it_all() {
    bundle
    mkdir "$R/work"
    config '.process.env += ["ONLY=container"]'
    waiting
    cat >"$T/process.json" <<'END'
{"args": ["sh", "-c", "echo $X $ONLY $PWD; id -u; id -g; id -G; umask"], "env": ["PATH=/bin", "X=file"], "cwd": "/work",
 "user": {"uid": 1000, "gid": 1001, "additionalGids": [7], "umask": 63}}
END
    ok tare exec --process "$T/process.json" "$ID"
    eq "$out" "file /work
1000
1001
1001 7
0077"
    ok tare exec -p "$T/process.json" --env ONLY=line "$ID"
    has "$out" "file line /work" "an option beside the file"
    echo '{"args": [], "cwd": "/"}' >"$T/process.json"
    exec_refuses 'no program to run' -p "$T/process.json" "$ID"
    echo '{"args": ["true"], "cwd": "tmp"}' >"$T/process.json"
    exec_refuses 'process.json#/cwd: must be an absolute path' -p "$T/process.json" "$ID"
    echo '{"args": ["true"], "cwd": "/", "user": {"uid": "0"}}' >"$T/process.json"
    exec_refuses 'process.json#/user/uid' -p "$T/process.json" "$ID"
    echo 'no json' >"$T/process.json"
    exec_refuses 'process.json: is not valid JSON' -p "$T/process.json" "$ID"
    exec_refuses 'nowhere.json: no such file or directory' -p "$T/nowhere.json" "$ID"
    mkfifo "$T/fifo"
    exec_refuses 'not a regular file' -p "$T/fifo" "$ID"
    gone
}

test_a_missing_program_is_told_as_engines_expect() {
    bundle
    echo data >"$R/file"
    printf '#!/bin/nothing\n' >"$R/script" && chmod +x "$R/script"
    waiting
    exec_refuses 'exec: "nonesuch": executable file not found in \$PATH' "$ID" nonesuch
    exec_refuses 'exec: "/nonesuch": no such file or directory' "$ID" /nonesuch
    exec_refuses 'exec: "/file": permission denied' "$ID" /file
    exec_refuses 'is a directory' "$ID" /tmp
    exec_refuses 'interpreter "/bin/nothing"' "$ID" /script
    lacks "$err" "config.json" "the error of a program that the command line names"
    exec_refuses 'no program to run' "$ID"
    gone
}

test_the_status_decides_whether_it_may() {
    bundle
    command_is sleep 300
    exec_refuses 'container does not exist' "$ID" true
    created
    ends 3 tare exec "$ID" sh -c 'exit 3'
    status_is created || fail "exec has changed the status"
    ok tare start "$ID"
    ok tare kill "$ID" KILL
    becomes stopped
    exec_refuses 'container not running' "$ID" true
    gone
}

test_a_paused_container_refuses_but_can_be_waited_for() {
    bundle
    waiting
    ok tare pause "$ID"
    exec_refuses 'the container is paused; .tare resume.* it first, or use --ignore-paused' "$ID" true
    tare exec --ignore-paused "$ID" echo late >"$T/late" &
    local waiter=$!
    sleep 0.3
    eq "$(cat "$T/late")" "" "output while paused"
    ok tare resume "$ID"
    wait $waiter || fail "exec --ignore-paused failed"
    eq "$(cat "$T/late")" late "output after resume"
    gone
}

test_detach_returns_at_once_and_leaves_a_child_of_the_callers_reaper() {
    bundle
    waiting
    # As a shim: a subreaper that calls the runtime and waits for the process of the pid file.
    python3 - "$TARE" "$STATE" "$ID" "$T/pid" <<'END' || fail "the exit status of a detached exec was lost"
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
tare, state, id, pid_file = sys.argv[1:]
subprocess.run([tare, "--root", state, "exec", "--detach", "--pid-file", pid_file, id, "sh", "-c", "sleep 0.2; exit 9"], check=True)
text = open(pid_file).read()
assert text.isdigit(), text
pid, status = os.waitpid(int(text), 0)
assert os.waitstatus_to_exitcode(status) == 9, status
END
    ends 255 tare exec -d --pid-file "$T/none" "$ID" nonesuch
    absent "$T/none"
    gone
}

test_a_pidfd_socket_gets_a_pidfd_of_the_process() {
    bundle
    waiting
    python3 "$INTEGRATION/lib/agent.py" fds "$T/pidfd.sock" >"$T/seen" 2>"$T/agent" &
    local agent=$!
    eventually grep -q listening "$T/agent"
    ok tare exec --pidfd-socket "$T/pidfd.sock" "$ID" sleep 0.2
    wait $agent
    eq "$(jq -r '.fds | length' "$T/seen" 2>/dev/null || grep -c pidfd "$T/seen")" 1 "descriptors: $(cat "$T/seen")"
    gone
}

test_preserved_descriptors_are_passed_and_no_others() {
    bundle
    waiting
    ok python3 "$INTEGRATION/lib/agent.py" pass 4 "$TARE" --root "$STATE" exec --preserve-fds 2 "$ID" probe fds
    has "$out" 4 "descriptors of the program"
    lacks "$out" 5 "descriptors of the program"
    # LISTEN_FDS comes with a LISTEN_PID that is never ours.
    ok env LISTEN_FDS=1 "$TARE" --root "$STATE" exec "$ID" sh -c 'echo "[$LISTEN_FDS]"'
    eq "$out" "[]"
    gone
}

test_the_sub_cgroup_can_be_chosen() {
    needs_v1 pids
    bundle
    waiting
    inside cat /proc/self/cgroup
    eq "$(grep -c ':/$' <<<"$out")" "$(wc -l <<<"$out")" "groups that are the container's own: $out"
    mkdir "$(cgroup_file pids below)" "$(cgroup_file memory below)" || fail mkdir
    ok tare exec --cgroup pids,memory:below "$ID" cat /proc/self/cgroup
    eq "$(grep -E ':(pids|memory):' <<<"$out" | cut -d: -f3 | sort -u)" /below "the groups that were named"
    eq "$(grep -vE ':(pids|memory):' <<<"$out" | cut -d: -f3 | sort -u)" / "the others"
    exec_refuses 'opening the group of --cgroup.*must exist in each hierarchy' --cgroup below "$ID" true
    exec_refuses 'invalid --cgroup "../x"' --cgroup ../x "$ID" true
    exec_refuses 'names the controller "nosuch"' --cgroup nosuch:below "$ID" true
    rmdir "$(cgroup_file pids below)" "$(cgroup_file memory below)"
    gone
}

test_many_run_at_once() {
    bundle
    waiting
    local i pids=()
    for i in $(seq 20); do
        tare exec "$ID" sh -c "exit $i" &
        pids+=($!)
    done
    for i in $(seq 20); do
        wait "${pids[$((i - 1))]}"
        eq $? "$i" "exit code of exec $i"
    done
    gone
}
