# dockerd with containerd: the life of containers. exec, terminals, signals, restarts, logs, changes while they run, many at once, and
# the ends that nobody planned: of the shim, of the daemon. Called by session; what a container gets is in docker.sh.

. "$ENGINES/docker.sh"
engine_version() { docker_version; }
engine_start() { docker_start; }
engine_stop() { stop_daemon dockerd; }
case_cleanup() { docker_cleanup; }
leftovers() { docker_leftovers; }

# A shell that says when it has set its trap, and takes a signal at once: of ash, `wait` is interrupted and `sleep` is not.
TRAPS='trap "echo got usr1; exit 7" USR1; trap "" TERM; echo ready; while :; do sleep 1234 & wait $!; done'
has_logged() { docker logs "$1" 2>&1 | grep -q -- "$2"; }
shim_of() { pgrep -f "^/usr/bin/containerd-shim-runc-v2 .*-id $(of_box "$1" .Id)"; }
# By the freezer of v1, or by the group in the unified hierarchy, which the kernel has beside it.
is_frozen() { # PID
    local unified=/sys/fs/cgroup
    [ ! -d $unified/unified ] || unified+=/unified
    [ "$(limit_of "$1" freezer freezer.state cgroup.freeze)" = FROZEN ] || [ "$(cat "$unified$(sed -n 's/^0:://p' "/proc/$1/cgroup")/cgroup.freeze")" = 1 ]
}
gone() { [ ! -e "/proc/$1" ]; }

test_exec_runs_as_whom_where_and_with_what_it_is_told() {
    start_box box -e FIRST=1 -u app
    ok docker exec -w /tmp -e SECOND=2 box sh -c 'id -un; pwd; echo $FIRST$SECOND$HOME'
    eq "$out" $'app\n/tmp\n12/home/app'
    ok docker exec -u 1234:5 box id
    eq "$out" "uid=1234 gid=5 groups=5"
    ok docker exec -u 0 --privileged box grep CapEff /proc/self/status
    eq "$out" "$(sed -n s/CapBnd/CapEff/p /proc/self/status)"
    docker exec -u 0 box grep CapEff /proc/self/status >plain
    ne "$out" "$(cat plain)"
    # In every group of the container, and under its filter of system calls.
    ok docker exec box cat /proc/self/cgroup
    eq "$out" "$(docker exec box cat /proc/1/cgroup)"
    has "$(docker exec box cat /proc/self/status)" $'Seccomp:\t2'
    echo from outside >data
    eq "$(docker exec -i box cat <data)" "from outside"
    ok docker rm -f box
}

test_exec_ends_with_the_code_of_its_command() {
    start_box box
    ends 9 docker exec box sh -c 'exit 9'
    ends 137 docker exec box sh -c 'kill -9 $$'
    ends 127 docker exec box nosuch
    has "$out$err" 'OCI runtime exec failed'
    is_missing "$out$err" nosuch
    ends 127 docker exec box /no/such
    is_missing "$out$err" /no/such
    ends 126 docker exec box /etc/passwd
    is_forbidden "$out$err" /etc/passwd
    ends 126 docker exec box /etc
    is_forbidden "$out$err" /etc
    ends 127 docker exec -w /no/where box true
    is_missing "$out$err" /no/where
    ok docker rm -f box
}

test_exec_in_the_background_goes_on_and_ends_with_the_container() {
    start_box box
    ok docker exec -d box sleep 1234
    within 5 sleepers 1234
    local pid
    pid=$(sleepers 1234)
    ok docker rm -f box
    within 5 gone "$pid"
}

test_exec_on_a_terminal_has_its_size_and_its_keys() {
    start_box box
    ends 5 on_terminal "docker exec -it box sh -c 'tty; until stty size 2>/dev/null | grep -v ^0; do sleep 0.1; done; exit 5'"
    has "$out" /dev/pts/0
    has "$out" '33 99'
    printf 'echo a$((1+1))\nexit 3\n' >typed
    ends 3 on_terminal 'docker exec -it box sh' <typed
    has "$out" a2
    # The interrupt key is the container's terminal's, and ends what is in its foreground.
    { within 10 sleepers 1234; printf '\003'; } | on_terminal 'docker exec -it box sleep 1234'
    eq "${PIPESTATUS[1]}" 130
    ok docker rm -f box
}

test_a_terminal_that_changes_its_size_is_followed() {
    ok on_terminal "terminal=\$(tty); (while ! docker exec sized true; do sleep 0.1; done; stty rows 44 cols 111 <\$terminal) >/dev/null 2>&1 &
        docker run --rm --name sized --network none -it $BOX sh -c 'while [ \"\$(stty size)\" != \"44 111\" ]; do sleep 0.1; done; echo followed'"
    has "$out" followed
}

test_run_on_a_terminal() {
    ends 5 on_terminal "docker run --rm --network none -it $BOX sh -c 'tty; until stty size 2>/dev/null | grep -v ^0; do sleep 0.1; done; exit 5'"
    has "$out" /dev/pts/0
    has "$out" '33 99'
    ends 127 on_terminal "docker run --rm --network none -it $BOX nosuch"
    is_missing "$out" nosuch
}

test_the_exit_code_is_the_commands_or_128_and_the_signal() {
    ends 37 in_box -- sh -c 'exit 37'
    # Not as the first process of a pid namespace, which the kernel spares.
    ends 139 in_box --pid host -- sh -c 'kill -SEGV $$'
    start_box box
    kill -KILL "$(pid_of box)"
    eq "$(docker wait box)" 137
    eq "$(of_box box .State.OOMKilled)" false
    ok docker rm box
}

test_attach_sends_and_receives_and_leaves_with_its_keys() {
    ok docker create -i --name box --network none "$BOX" sh -c 'read a; echo "got $a"; exit 4'
    echo something >line
    ends 4 docker start -ai box <line
    eq "$out" "got something"
    ok docker rm box
    ok docker run -dit --name box --network none "$BOX" sh
    # Keys of one's own: the usual ctrl-P ctrl-Q are held back by a terminal that is not raw yet.
    # One after the other: what is read together with the keys is dropped.
    { printf 'echo one$((1+1))\n'; within 10 has_logged box one2; printf @; } | on_terminal 'docker attach --detach-keys @ box' >said
    has "$(cat said)" 'read escape sequence'
    eq "$(of_box box .State.Running)" true
    printf 'exit 6\n' >typed
    ends 6 on_terminal 'docker attach box' <typed
    ok docker rm box
}

test_signals_reach_the_command() {
    start_shell box "$TRAPS"
    within 5 has_logged box ready
    ok docker kill -s USR1 box
    eq "$(docker wait box)" 7
    within 5 has_logged box 'got usr1'
    ok docker start box
    ok docker kill box
    eq "$(docker wait box)" 137
    call docker kill box
    has "$err" "is not running"
    ok docker rm box
}

test_a_signal_to_the_client_is_the_commands() {
    docker run --rm --name box --network none "$BOX" sh -c "$TRAPS" >said 2>&1 &
    local client=$!
    within 5 grep -q ready said
    kill -USR1 $client
    wait $client
    eq "$?" 7
    has "$(cat said)" 'got usr1'
}

test_stop_kills_what_ignores_its_signal() {
    start_shell box "$TRAPS"
    within 5 has_logged box ready
    ok docker stop -t 1 box
    at_least "$took_ms" 1000 milliseconds
    eq "$(of_box box .State.ExitCode)" 137
    ok docker rm box
    start_shell box "$TRAPS" --stop-signal USR1 --stop-timeout 60
    within 5 has_logged box ready
    ok docker stop box
    eq "$(of_box box .State.ExitCode)" 7
    ok docker rm box
}

test_logs_hold_both_streams() {
    start_shell box 'for i in 1 2 3; do echo out$i; echo err$i >&2; done'
    ok docker wait box
    ok docker logs box
    eq "$(xargs <<<"$out")" "out1 out2 out3"
    eq "$(xargs <<<"$err")" "err1 err2 err3"
    ok docker logs --timestamps box
    matches "$out" '^[0-9]{4}-[0-9-]+T[0-9:.]+Z out3$'
    matches "$err" '^[0-9]{4}-[0-9-]+T[0-9:.]+Z err3$'
    # Which of the streams was the last is chance.
    eq "$(docker logs --tail 1 box 2>&1 | wc -l)" 1
    ok docker rm box
    # All of it, although the command is gone.
    ok in_box -- seq 1 20000
    eq "$(wc -l <<<"$out") $(tail -1 <<<"$out")" "20000 20000"
}

test_on_failure_starts_again_as_often_as_it_is_told() {
    start_shell box 'echo once more; exit 3' --restart on-failure:2
    within 20 is_of_box box .State.Status exited
    eq "$(of_box box .RestartCount) $(of_box box .State.ExitCode)" "2 3"
    within 10 eval '[ "$(docker logs box | grep -c "once more")" = 3 ]'
    ok docker rm box
    start_shell box 'exit 0' --restart on-failure:2
    ok docker wait box
    eq "$(of_box box .RestartCount)" 0
    ok docker rm box
}

test_always_starts_again_what_was_killed_and_not_what_was_stopped() {
    start_box box --restart always
    local pid
    pid=$(pid_of box)
    kill -KILL "$pid"
    within 20 eval '[ "$(pid_of box)" != '"$pid"' ] && [ "$(of_box box .State.Running)" = true ]'
    eq "$(of_box box .RestartCount)" 1
    ok docker restart -t 5 box
    eq "$(of_box box .State.Running)" true
    ok docker stop -t 5 box
    eq "$(of_box box .State.Status)" exited
    ok docker rm box
}

test_stats_and_top_show_what_the_group_counts() {
    start_shell box 'sleep 1234 & exec sleep 1234' --memory 64m --pids-limit 9
    ok docker stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' box
    matches "$out" '^[0-9.]+[KM]iB / 64MiB 2$'
    lacks "$out" '0B /'
    ok docker top box
    eq "$(grep -c 'sleep 1234' <<<"$out")" 2
    ok docker top box -o pid,comm
    has "$out" "$(pid_of box)"
    ok docker rm -f box
}

test_pause_stops_all_until_unpause() {
    start_box box
    ok docker pause box
    eq "$(of_box box .State.Status)" paused
    is_frozen "$(pid_of box)" || fail "not frozen"
    call docker exec box true
    ne "$code" 0
    has "$err" "is paused"
    ok docker unpause box
    ok docker exec box true
    call docker unpause box
    has "$err" "is not paused"
    ok docker pause box
    ok docker rm -f box
}

test_update_changes_the_limits_of_what_runs() {
    start_box box --memory 64m --memory-swap 64m --cpus 0.5
    ok docker update --memory 128m --memory-swap 192m --cpus 0.75 --pids-limit 77 --cpu-shares 512 "${CPU_0[@]}" box
    local pid
    pid=$(pid_of box)
    eq "$(limit_of "$pid" memory memory.limit_in_bytes memory.max)" 134217728
    eq "$(limit_of "$pid" pids pids.max pids.max)" 77
    is_on_cpus "$pid" 0
    has_swap_and_cpu_time "$pid" 134217728 67108864 75000
    ok docker update --memory 32m --memory-swap 32m box
    eq "$(limit_of "$pid" memory memory.limit_in_bytes memory.max)" 33554432
    # What an update does not name stays.
    eq "$(limit_of "$pid" pids pids.max pids.max)" 77
    ok docker update --restart always box
    ok docker rm -f box
}

test_a_healthcheck_is_asked_again_and_again() {
    start_box box --health-cmd 'test -e /tmp/well' --health-interval 300ms --health-retries 1
    within 10 is_of_box box .State.Health.Status unhealthy
    ok docker exec box touch /tmp/well
    within 10 is_of_box box .State.Health.Status healthy
    ok docker rm -f box
}

test_events_tell_the_life_of_a_container() {
    local since
    since=$(date +%s.%N)
    start_box box
    docker exec box true
    docker exec box sh -c 'exit 3'
    { docker pause box && docker unpause box && docker stop box && docker rm box; } >/dev/null
    ok docker events --since "$since" --until "$(date +%s.%N)" --filter container=box --format '{{.Action}} {{.Actor.Attributes.exitCode}}'
    eq "$(sed -e 's/exec_\([a-z]*\).* /exec_\1 /' -e 's/ <no value>//' -e 's/ $//' <<<"$out" | grep -vE 'exec_(create|start)|^stop' | xargs)" \
        "create start exec_die 0 exec_die 3 pause unpause kill die 0 destroy"
    has "$out" "stop "
}

test_cp_and_commit_take_from_and_give_to_what_runs() {
    start_box box
    echo inwards >file
    ok docker cp file box:/root/file
    eq "$(docker exec box cat /root/file)" inwards
    docker exec box sh -c 'mkdir /root/d; echo outwards >/root/d/file'
    ok docker cp box:/root/d .
    eq "$(cat d/file)" outwards
    eq "$(docker diff box | grep -c ' /root/')" 3
    ok docker commit -c 'CMD ["cat", "/root/d/file"]' box made:1
    ok docker rm -f box
    ok docker run --rm --network none made:1
    eq "$out" outwards
    ok docker rmi made:1
}

start_all() {
    xargs -P 50 -I{} docker run -d --name {} --network none --memory 32m --pids-limit 50 "$BOX" sh -c 'echo {} >/tmp/me; exec sleep 1234' <names >/dev/null
}
test_fifty_containers_at_once() {
    # timeout_s: 180
    local i
    for i in $(seq 50); do echo many$i; done >names
    # runc's exec needs several threads in the group.
    ok start_all
    eq "$(docker ps -q | wc -l)" 50
    eq "$(docker exec many37 cat /tmp/me)" many37
    eq "$(xargs -P 50 -I{} docker exec {} cat /tmp/me <names | sort -V | xargs)" "$(xargs <names)"
    eq "$(limit_of "$(pid_of many50)" pids pids.max pids.max)" 50
    ok xargs -P 50 -n 5 docker rm -f <names
}

test_a_shim_that_is_killed_takes_its_container_along() {
    local pid
    start_box box
    pid=$(pid_of box)
    kill -KILL "$(shim_of box)"
    within 20 is_of_box box .State.Status exited
    within 10 gone "$pid"
    eq "$(of_box box .State.ExitCode)" 137
    ok docker start box
    ok docker exec box true
    ok docker rm -f box
}

test_a_container_whose_shim_was_killed_is_started_again_if_its_policy_says_so() {
    start_box box --restart always
    local pid
    pid=$(pid_of box)
    kill -KILL "$(shim_of box)"
    within 20 eval '[ "$(pid_of box)" != '"$pid"' ] && docker exec box true'
    gone "$pid" || fail "the first process lives on"
    ok docker rm -f box
}

test_a_container_outlives_the_daemon_and_is_found_again() {
    start_shell box 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done'
    start_shell ends 'while [ ! -e /tmp/end ]; do sleep 0.1; done; exit 8'
    start_box always --restart always
    start_box unless --restart unless-stopped
    docker stop always unless >/dev/null
    local pid ended daemon
    pid=$(pid_of box) ended=$(pid_of ends) daemon=$(cat "$SESSION/dockerd.pid")
    kill -KILL "$daemon"
    within 10 gone "$daemon"
    touch "/proc/$ended/root/tmp/end"
    within 10 gone "$ended"
    [ -e "/proc/$pid" ] || fail "the container has ended with the daemon"
    docker_daemon dockerd docker version
    eq "$(pid_of box)" "$pid"
    ok docker exec box true
    # Which code it had is lost with the containerd of the daemon that was killed.
    within 10 is_of_box ends .State.Status exited
    within 10 is_of_box always .State.Running true
    eq "$(of_box unless .State.Running)" false
    local lines
    lines=$(docker logs box | wc -l)
    within 10 eval '[ "$(docker logs box | wc -l)" -gt '"$lines"' ]'
    ok docker stop -t 1 box
    ok docker rm -f box ends always unless
}

test_a_checkpoint_is_made_and_started_again() {
    needs_criu
    # docker sets up the network of a restored container before it has a process; that needs none of its own.
    ok docker run -d --name box --network host "$BOX" sh -c 'i=0; while :; do i=$((i+1)); echo $i >/new; mv /new /count; sleep 0.1; done'
    within 10 docker exec box test -e /count
    call docker checkpoint create box first
    if [ $code != 0 ]; then docker rm -f box >/dev/null; fail "$err"; fi
    eq "$(of_box box .State.Status)" exited
    local count
    docker cp box:/count count
    call docker start --checkpoint first box
    eq "$code" 0 "$err"
    within 10 eval '[ "$(docker exec box cat /count)" -gt '"$(cat count)"' ]'
    ok docker rm -f box
}
