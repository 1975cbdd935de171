# podman with conmon, as root: the life of a container, exec, pods, and what happens when a monitor or the runtime is killed. What a container
# gets is in podman.sh.
. "$ENGINES/podman.sh"

# Exec
test_exec_tells_the_exit_code_and_the_errors_of_the_command() {
    start --name c $BOX sleep 600
    ends 0 podman exec c true
    ends 7 podman exec c sh -c 'exit 7'
    ends 143 podman exec c sh -c 'kill -TERM $$'
    ends 137 podman exec c sh -c 'kill -KILL $$'
    ends 127 podman exec c no-such-command
    is_missing "$err" no-such-command
    ends 127 podman exec c /no/such/command
    has "$err" /no/such/command
    ends 126 podman exec c /etc/passwd
    is_forbidden "$err" /etc/passwd
    # podman does not know runc's text.
    ends "$([ "$RUNTIME" = runc ] && echo 255 || echo 126)" podman exec c /etc
    is_forbidden "$err" /etc
    call podman exec -w /no/such/folder c pwd
    matches "$code" '^12[67]$'
    has "$err" /no/such/folder
    ends 125 podman exec no-such-container true
    podman rm -f -t 0 c
}
test_exec_gets_user_environment_folder_input_and_rights() {
    start --name c -e FROM=run $BOX sleep 600
    eq "$(podman exec -u app -w /tmp -e MORE=exec c sh -c 'id -u; id -G; pwd; echo $FROM $MORE $HOME' | xargs)" "1000 1000 2000 /tmp run exec /home/app"
    eq "$(echo 'to the input' | podman exec -i c cat)" "to the input"
    eq "$(podman exec c cat </dev/null)" ""
    matches "$(podman exec --privileged c grep CapEff /proc/self/status)" "$(awk '/CapBnd/ { print $2 }' /proc/self/status)"
    eq "$(podman exec --preserve-fds 1 c sh -c 'cat <&3' 3<<<three)" three
    eq "$(head -c 5000000 /dev/zero | podman exec -i c wc -c)" 5000000
    ok podman exec -d c sh -c 'echo done >/tmp/detached'
    within 10 podman exec c test -e /tmp/detached
    eq "$(podman exec c cat /tmp/detached)" done
    eq "$(podman exec c cat /proc/self/cgroup)" "$(podman exec c cat /proc/1/cgroup)"
    podman rm -f -t 0 c
}
# Prints `ready` when the terminal has the first size, ends when it has the second. podman sets the first one after the start.
follow() { # SIZE SIZE
    echo "trap 'echo changed' WINCH; until stty size 2>/dev/null | grep '^$1\$'; do sleep 0.1; done; echo ready; until stty size | grep '^$2\$'; do sleep 0.1; done"
}
test_a_terminal_has_the_size_of_the_users_and_follows_it() {
    ok on_terminal --size 30x100 --on ready resize:40x120 podman run --rm -it $BOX sh -c "$(follow '30 100' '40 120')"
    has "$out" changed
    has "$out" "[settings kept]"
    start --name c $BOX sleep 600
    ok on_terminal --size 31x101 --on ready resize:41x121 podman exec -it c sh -c "$(follow '31 101' '41 121')"
    has "$out" changed
    has "$out" "[settings kept]"
    podman rm -f -t 0 c
}
test_a_shell_on_a_terminal_takes_input_and_interrupts() {
    ok on_terminal --on '$ ' 'send:tty; sleep 600\n' --on 'pts/' wait --on '' 'send:\x03' --on '' 'send:exit 0\n' podman run --rm -it -e 'PS1=$ ' $BOX sh
    matches "$out" '/dev/pts/0'
    ends 9 on_terminal podman run --rm -it $BOX sh -c 'exit 9'
    start --name c $BOX sleep 600
    eq "$(on_terminal podman exec -t c sh -c 'test -t 0 && test -t 1 && echo terminal' | head -1 | tr -d '\r')" terminal
    podman rm -f -t 0 c
}

# Signals and ends
test_stop_kills_what_ignores_the_signal_after_the_timeout() {
    start --name deaf $BOX sh -c "$DEAF"
    within 10 says deaf deaf
    ok podman stop -t 1 deaf
    at_least "$took_ms" 900 "milliseconds until it was killed"
    eq "$(inspect deaf '{{.State.Status}} {{.State.ExitCode}}')" "exited 137"
    ok podman rm deaf
}
test_stop_sends_the_signal_of_the_container() {
    start --name polite --stop-signal USR1 $BOX sh -c 'trap "echo usr1; exit 5" USR1; trap "" TERM; echo ready; while :; do sleep 0.1; done'
    within 10 says polite ready
    ok podman stop -t 20 polite
    eq "$(inspect polite '{{.State.ExitCode}}')" 5
    eq "$(podman logs polite | xargs)" "ready usr1"
    ok podman rm polite
}
test_kill_sends_any_signal() {
    start --name c $BOX sh -c 'trap "echo got hup" HUP; echo ready; while :; do sleep 0.1; done'
    within 10 says c ready
    ok podman kill -s HUP c
    within 10 says c 'got hup'
    ok podman kill c
    ok podman wait c
    eq "$out" 137
    ends 125 podman kill c
    ok podman rm c
}
test_a_signal_for_podman_run_is_passed_to_the_container() {
    local pid
    podman run --rm --name c $BOX sh -c 'trap "exit 33" TERM; echo ready; while :; do sleep 0.1; done' >"$T/said" &
    pid=$!
    within 10 grep ready said
    kill -TERM $pid
    wait $pid
    eq $? 33
}
test_a_container_without_a_pid_namespace_leaves_no_process() {
    start --name c --pid host $BOX sh -c 'sleep 4242 & sleep 4243 & echo ready; wait'
    within 10 says c ready
    ok podman stop -t 1 c
    within 5 no_sleepers '424[23]'
    ok podman rm c
}
test_restart_policies_are_kept() {
    start --name twice --restart on-failure:2 $BOX sh -c 'echo run; exit 3'
    within 20 is twice '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}' "2 exited 3"
    eq "$(podman logs twice | grep -c run)" 3
    start --name good --restart on-failure:2 $BOX true
    within 10 is good '{{.State.Status}} {{.RestartCount}}' "exited 0"
    start --name always --restart always $BOX sh -c 'echo run; sleep 0.1'
    within 20 bash -c '[ "$(podman logs always | grep -c run)" -ge 3 ]'
    ok podman rm -f -t 0 twice good always
}
test_a_container_is_started_again_and_keeps_its_files() {
    ok podman create --name c $BOX sh -c 'echo x >>/root/file; wc -l </root/file'
    eq "$(podman start -a c)" 1
    eq "$(podman start -a c)" 2
    start --name loop $BOX sh -c "$DEAF"
    ok podman restart -t 0 loop
    eq "$(inspect loop '{{.State.Status}}')" running
    ok podman rm -f -t 0 c loop
}
test_an_end_while_podman_is_away_is_told_later() {
    start --name c $BOX sh -c 'sleep 0.5; exit 21'
    within 10 is c '{{.State.Status}}' exited
    eq "$(podman wait c)" 21
    ok podman rm c
}

# Looking at it, changing it
test_logs_stats_top_and_inspect_tell_what_runs() {
    start --name c -m 64m $BOX sh -c 'echo to stdout; echo to stderr >&2; sleep 600; true'
    within 10 says c 'to stderr'
    eq "$(podman logs c 2>/dev/null)" "to stdout"
    ok podman top c pid,user,comm
    matches "$out" '1 +root +sh'
    matches "$out" 'root +sleep'
    ok podman top c -o pid,args
    has "$out" "sleep 600"
    ok podman stats --no-stream --format json c
    eq "$(jq -r '.[0].pids' <<<"$out")" 2
    has "$(jq -r '.[0].mem_usage' <<<"$out")" "/ 67.11MB"
    matches "$(jq -r '.[0].cpu_time' <<<"$out")" '^[0-9.]+(m|µ)?s$'
    eq "$(inspect c '{{.State.Status}} {{.OCIRuntime}} {{.HostConfig.Memory}}')" "running $RUNTIME 67108864"
    eq "$(tr '\0' ' ' <"/proc/$(pid_of c)/cmdline" | cut -c1-5)" "sh -c"
    podman rm -f -t 0 c
}
test_pause_stops_the_processes_and_unpause_lets_them_run() {
    local before
    start --name c $BOX sh -c 'while :; do echo tick; sleep 0.1; done'
    within 10 says c tick
    ok podman pause c
    eq "$(inspect c '{{.State.Status}}')" paused
    before=$(podman logs c | wc -l)
    sleep 0.5
    eq "$(podman logs c | wc -l)" "$before"
    call podman exec c true
    ne "$code" 0
    ok podman unpause c
    within 10 bash -c "[ \$(podman logs c | wc -l) -gt $before ]"
    ok podman pause c
    ok podman rm -f -t 0 c
}
test_update_changes_the_files_of_the_group() {
    local pid
    start --name c -m 64m --cpus 1 $BOX sleep 600
    pid=$(pid_of c)
    ok podman update -m 100m --pids-limit 33 --cpus 0.25 c
    eq "$(limit_of "$pid" memory memory.limit_in_bytes memory.max)" 104857600
    eq "$(limit_of "$pid" pids pids.max pids.max)" 33
    matches "$(limit_of "$pid" cpu cpu.cfs_quota_us cpu.max)" '^25000( 100000)?$'
    ok podman update -m 48m c
    eq "$(limit_of "$pid" memory memory.limit_in_bytes memory.max)" 50331648
    eq "$(limit_of "$pid" pids pids.max pids.max)" 33 "a limit that was not named"
    ok podman restart -t 0 c
    eq "$(limit_of "$(pid_of c)" memory memory.limit_in_bytes memory.max)" 50331648 "after a restart"
    podman rm -f -t 0 c
}
test_a_health_check_follows_its_command() {
    start --name c --health-cmd 'test -e /ok' --health-interval disable --health-retries 1 $BOX sleep 600
    ends 1 podman healthcheck run c
    eq "$(inspect c '{{.State.Health.Status}}')" unhealthy
    ok podman exec c touch /ok
    ok podman healthcheck run c
    eq "$(inspect c '{{.State.Health.Status}}')" healthy
    podman rm -f -t 0 c
}
test_cp_diff_commit_and_export_see_the_containers_files() {
    start --name c $BOX sh -c 'echo made >/made; rm /var/www/index.html; echo ready; sleep 600'
    within 10 says c ready
    echo given >given
    ok podman cp given c:/tmp/given
    eq "$(podman exec c cat /tmp/given)" given
    ok podman cp c:/made .
    eq "$(cat made)" made
    ok podman diff c
    has "$out" "A /made"
    has "$out" "D /var/www/index.html"
    podman export c | tar -t >listed && grep -qx made listed || fail "made is not exported"
    ok podman commit -q c localhost/committed:1
    eq "$(run localhost/committed:1 cat /made)" made
    podman rm -f -t 0 c
    ok podman rmi localhost/committed:1
}
test_a_container_is_checkpointed_and_goes_on_where_it_was() {
    needs_criu
    # shellcheck disable=SC2016
    start --name c $BOX sh -c 'n=0; while :; do n=$((n + 1)); echo $n >/count; sleep 0.1; done'
    within 10 podman exec c test -e /count
    ok podman container checkpoint c
    eq "$(inspect c '{{.State.Status}} {{.State.Checkpointed}}')" "exited true"
    ok podman container restore c
    eq "$(inspect c '{{.State.Status}}')" running
    ok podman exec c true
    within 10 bash -c '[ "$(podman exec c cat /count)" -ge 10 ]'
    ok podman container checkpoint -e "$T/saved.tar" --leave-running c
    eq "$(inspect c '{{.State.Status}}')" running
    podman rm -f -t 0 c
    ok podman container restore -i "$T/saved.tar" -n again
    within 10 podman exec again test -e /count
    podman rm -f -t 0 again
}

# Pods
test_the_containers_of_a_pod_share_its_namespaces() {
    local infra
    ok podman pod create --name p --share pid,net,ipc,uts --hostname podded
    start --pod p --name a $BOX sh -c 'echo shared >/dev/shm/file; sleep 600'
    within 10 podman exec a test -e /dev/shm/file
    ok podman run --rm --pod p $BOX sh -c 'cat /dev/shm/file; hostname; ps -o args | grep -c "sleep [6]00"; readlink /proc/self/ns/net'
    infra=$(podman pod inspect p | jq -r '(if type == "array" then .[0] else . end).InfraContainerID')
    eq "$(xargs <<<"$out")" "shared podded 1 $(readlink "/proc/$(pid_of "$infra")/ns/net")"
    ok podman pod pause p
    eq "$(inspect a '{{.State.Status}}')" paused
    ok podman pod unpause p
    ok podman pod stop -t 1 p
    eq "$(inspect a '{{.State.Status}}') $(inspect "$infra" '{{.State.Status}}')" "exited exited"
    ok podman pod start p
    eq "$(inspect a '{{.State.Status}}')" running
    ok podman pod rm -f -t 0 p
}
test_the_limits_of_a_pod_are_those_of_its_group() {
    local group
    ok podman pod create --name p --memory 100m --cpus 0.5
    start --pod p --name a -m 50m $BOX sleep 600
    group=$(awk -F: '$2 == "memory" || $2 == "" { print ($2 == "" ? "" : "/memory") $3; exit }' "/proc/$(pid_of a)/cgroup")
    group=/sys/fs/cgroup${group%/*}
    eq "$(cat "$group/memory.limit_in_bytes" 2>/dev/null || cat "$group/memory.max")" 104857600
    ok podman pod rm -f -t 0 p
}
test_kube_play_runs_a_pod_with_its_limits_and_takes_it_down() {
    cat >pod.yaml <<EOF
apiVersion: v1
kind: Pod
metadata: {name: played}
spec:
  terminationGracePeriodSeconds: 1
  initContainers:
  - {name: first, image: $BOX, command: [sh, -c, "echo prepared >/d/file"], volumeMounts: [{name: d, mountPath: /d}]}
  containers:
  - name: a
    image: $BOX
    command: [sh, -c, "cat /d/file; id -u; sleep 600"]
    resources: {limits: {memory: 64Mi, cpu: 500m}}
    securityContext: {runAsUser: 1000, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: d, mountPath: /d}]
  volumes: [{name: d, emptyDir: {}}]
EOF
    ok podman kube play --network none pod.yaml
    within 10 says played-a 1000
    eq "$(podman logs played-a | xargs)" "prepared 1000"
    eq "$(limit_of "$(pid_of played-a)" memory memory.limit_in_bytes memory.max)" 67108864
    ok podman kube down --force pod.yaml
    eq "$(podman pod ps -q)" ""
}

# Many, and what goes wrong
test_fifty_containers_start_at_once_and_go() {
    # timeout_s: 150
    local i pids=()
    for ((i = 1; i <= 50; i++)); do
        podman run -d --name "many$i" -m 32m $BOX sleep 600 >"started.$i" 2>&1 &
        pids+=($!)
    done
    for i in "${!pids[@]}"; do wait "${pids[$i]}" || fail "container $((i + 1)): $(cat "started.$((i + 1))")"; done
    eq "$(podman ps -q | wc -l)" 50
    eq "$(groups_of libpod- | grep -v conmon | grep -cE "$([ "$(layout)" = v2 ] && echo . || echo /memory/)")" 50 "groups"
    for ((i = 1; i <= 50; i++)); do podman exec "many$i" true & pids[i - 1]=$!; done
    for i in "${!pids[@]}"; do wait "${pids[$i]}" || fail "exec in container $((i + 1))"; done
    ok podman rm -fa -t 0
}
test_a_container_whose_monitor_was_killed_is_told_and_removed() {
    local pid
    start --name c $BOX sleep 600
    pid=$(pid_of c)
    kill -KILL "$(inspect c '{{.State.ConmonPid}}')"
    ok podman exec c true
    ends 125 podman stop -t 1 c
    has "$err" conmon
    ok podman rm -f -t 0 c
    absent "/proc/$pid"
}
test_a_container_that_died_with_its_monitor_is_removed() {
    start --name c $BOX sleep 600
    kill -STOP "$(inspect c '{{.State.ConmonPid}}')"
    kill -KILL "$(pid_of c)" "$(inspect c '{{.State.ConmonPid}}')"
    ok podman rm -f -t 0 c
}
# A hook kills the runtime that runs it, so that it is at a known point.
killing_hook() { # STAGE
    mkdir -p hooks
    printf '#!/bin/sh\nread -r _ name rest </proc/$PPID/stat\necho "$name" >%s/killed\nkill -KILL $PPID\n' "$T" >hook && chmod 755 hook
    cat >hooks/hook.json <<EOF
{"version": "1.0.0", "hook": {"path": "$T/hook"}, "when": {"always": true}, "stages": ["$1"]}
EOF
}
test_a_runtime_killed_while_it_creates_leaves_nothing_after_rm() {
    [ "$RUNTIME" != runc ] || skip "not with runc"
    killing_hook createRuntime
    call podman --hooks-dir "$T/hooks" run --name c $BOX sleep 601
    matches "$code" '^12[567]$'
    exists killed
    ok podman rm -f -t 0 c
    within 5 no_sleepers 601
}
test_a_runtime_killed_while_it_starts_leaves_nothing_after_rm() {
    [ "$RUNTIME" != runc ] || skip "not with runc"
    killing_hook poststart
    call podman --hooks-dir "$T/hooks" run -d --name c $BOX sleep 602
    ne "$code" 0
    exists killed
    ok podman rm -f -t 0 c
    within 5 no_sleepers 602
}
test_a_failed_hook_ends_the_container_and_is_named() {
    mkdir hooks
    cat >hooks/hook.json <<EOF
{"version": "1.0.0", "hook": {"path": "/bin/false"}, "when": {"always": true}, "stages": ["prestart"]}
EOF
    call podman --hooks-dir "$T/hooks" run --name c $BOX true
    matches "$code" '^12[67]$'
    matches "$err" '(hook|/bin/false)'
    ok podman rm c
}

# Units
test_a_quadlet_unit_runs_its_container_and_stops_it() {
    [ -d /run/systemd/system ] || skip "no systemd runs here"
    mkdir -p /etc/containers/systemd
    quadlet c >/etc/containers/systemd/boxed.container
    ok systemctl daemon-reload
    ok systemctl start boxed.service
    within 20 says c up
    eq "$(limit_of "$(pid_of c)" pids - pids.max)" 44
    ok systemctl stop boxed.service
    eq "$(podman ps -aq)" ""
    rm /etc/containers/systemd/boxed.container
    ok systemctl daemon-reload
}
