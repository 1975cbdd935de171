# podman of an ordinary user (`tester`, uid 1000, in the machines of integration/vm): the runtime is called by root of a user namespace, with
# the groups that the user's systemd delegates. Without such a session, as on a host without systemd, all of it is skipped.
. "$ENGINES/podman.sh"

SESSION_GROUP=/user.slice/user-1000.slice/user@1000.service/app.slice/tested.service
USER_HOME=/home/tester
has_session() { [ -S /run/user/1000/bus ] && [ -d /run/systemd/system ]; }
# As from a login of the user: in a group of his manager's.
as_user() {
    bash -c 'echo $$ >/sys/fs/cgroup$0/cgroup.procs && cd $1 && shift && exec setpriv --reuid 1000 --regid 1000 ${KEEP_GROUPS:---init-groups} --inh-caps=-all \
        env -i PATH="$PATH" TERM=xterm LANG=C.UTF-8 HOME=/home/tester USER=tester LOGNAME=tester XDG_RUNTIME_DIR=/run/user/1000 \
        DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus "$@"' "$SESSION_GROUP" "$USER_HOME" "$@"
}
podman() { as_user /usr/bin/podman "$@"; }
engine_start() {
    has_session || return 0
    podman_settings | configure_containers
    SESSION_GROUP='' as_user systemd-run --user -q --unit tested -p Delegate=yes sleep infinity &&
        within 20 test -d "/sys/fs/cgroup$SESSION_GROUP" && podman load -q -i "$IMAGES/box.tar" && podman info
}
engine_stop() { ! has_session || { podman rm -fa -t 0; as_user systemctl --user stop tested; }; }
case_cleanup() { podman pod rm -fa -t 0; podman rm -fa -t 0; podman volume rm -fa; }
leftovers() {
    has_session || return 0
    podman ps -aq --no-trunc | sed 's/^/container /'
    podman volume ls -q | sed 's/^/volume /'
    groups_of libpod | grep -v libpod_parent$ | sed 's/^/group /'
    pgrep -x conmon | sed 's/^/conmon /'
    leftover_states
}
needs_session() { has_session || skip "no session of an ordinary user under systemd here"; }
# The controllers that the user's manager has.
delegated() { grep -qw "$1" "/sys/fs/cgroup${SESSION_GROUP%/app.slice/*}/cgroup.controllers"; }

test_a_command_runs_as_root_of_the_users_namespace() {
    needs_session
    ok run $BOX sh -c 'id -u; cat /proc/self/uid_map'
    eq "$(xargs <<<"$out")" "0 0 1000 1 1 100000 65536"
    start --name c -u app $BOX sleep 600
    eq "$(awk '/^Uid:/ { print $2 }' "/proc/$(pid_of c)/status")" 100999 "uid outside"
    eq "$(podman exec c id -u)" 1000
    podman rm -f -t 0 c
}
test_the_errors_and_exit_codes_are_those_of_root() {
    needs_session
    ends 42 run $BOX sh -c 'exit 42'
    ends 125 run --no-such-option $BOX true
    ends 126 run $BOX /etc/passwd
    is_forbidden "$err" /etc/passwd
    ends 127 run $BOX no-such-command
    is_missing "$err" no-such-command
    start --name c $BOX sleep 600
    ends 7 podman exec c sh -c 'exit 7'
    ends 127 podman exec c no-such-command
    podman rm -f -t 0 c
}
test_limits_are_in_the_files_of_a_group_of_the_user() {
    local pid group
    needs_session
    delegated memory || skip "no controller is delegated to the user"
    start --name c -m 64m --pids-limit 50 $BOX sleep 600
    pid=$(pid_of c)
    group=$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
    has "$group" /user.slice/user-1000.slice/user@1000.service/
    eq "$(limit_of "$pid" memory - memory.max)" 67108864
    eq "$(limit_of "$pid" pids - pids.max)" 50
    ok podman update -m 80m c
    eq "$(limit_of "$pid" memory - memory.max)" 83886080
    ok podman stats --no-stream --format json c
    eq "$(jq -r '.[0].pids' <<<"$out")" 1
    podman rm -f -t 0 c
    ends 137 podman run --name fat -m 16m $BOX tail /dev/zero
    ! group_outlives_its_end || eq "$(inspect fat '{{.State.OOMKilled}}')" true
    ok podman rm fat
}
test_user_namespaces_are_those_asked_for() {
    needs_session
    eq "$(run --userns keep-id $BOX sh -c 'id -u; id -g' | xargs)" "1000 1000"
    eq "$(run --userns keep-id:uid=7,gid=8 $BOX sh -c 'id -u; id -g' | xargs)" "7 8"
    matches "$(run --userns nomap $BOX cat /proc/self/uid_map | xargs)" '^0 1 65536$'
    matches "$(run --userns auto:size=2000 $BOX cat /proc/self/uid_map | xargs)" '^0 [0-9]+ 2000$'
    eq "$(run --userns keep-id -v "$USER_HOME:/mine" $BOX sh -c 'stat -c %u /mine; touch /mine/new && stat -c %u /mine/new' | xargs)" "1000 1000"
    eq "$(stat -c %u $USER_HOME/new)" 1000 "owner outside"
    rm $USER_HOME/new
}
test_kept_groups_open_what_they_may() {
    needs_session
    [ "$RUNTIME" != runc ] || skip "runc does not know the annotation"
    mkdir -m 0770 /srv/shared && chgrp 4242 /srv/shared
    KEEP_GROUPS='--groups 1000,4242' call podman run --rm --group-add keep-groups -v /srv/shared:/shared $BOX touch /shared/new
    exists /srv/shared/new
    eq "$code" 0 "exit code: $err"
    ends 1 run -v /srv/shared:/shared $BOX touch /shared/other
    rm -r /srv/shared
}
test_mounts_and_a_read_only_root_arrive() {
    needs_session
    ok run --read-only -v vol:/vol --tmpfs /scratch:size=1m --shm-size 2m $BOX sh -c 'echo kept >/vol/x; touch /etc/x 2>/dev/null || echo ro; df /scratch /dev/shm | tr -s " " | cut -d" " -f2'
    eq "$(grep -v blocks <<<"$out" | xargs)" "ro 1024 2048"
    eq "$(run -v vol:/vol:ro $BOX cat /vol/x)" kept
    ok podman volume rm vol
}
test_a_systemd_container_may_write_its_groups() {
    needs_session
    ok run --systemd=always $BOX sh -c 'mkdir /sys/fs/cgroup/below && rmdir /sys/fs/cgroup/below && echo writable'
    eq "$out" writable
}
test_stop_pause_and_kill_work_without_root() {
    needs_session
    start --name deaf $BOX sh -c "$DEAF"
    within 10 says deaf deaf
    ok podman pause deaf
    eq "$(inspect deaf '{{.State.Status}}')" paused
    ok podman unpause deaf
    ok podman stop -t 1 deaf
    eq "$(inspect deaf '{{.State.ExitCode}}')" 137
    ok podman rm deaf
}
test_an_exec_gets_a_terminal() {
    needs_session
    start --name c $BOX sleep 600
    ok on_terminal bash -c "$(declare -f podman as_user); SESSION_GROUP=$SESSION_GROUP USER_HOME=$USER_HOME; podman exec -it c tty"
    has "$out" /dev/pts/
    podman rm -f -t 0 c
}
test_the_containers_of_a_pod_share_its_namespaces() {
    needs_session
    ok podman pod create --name p --share pid,net,ipc,uts --hostname podded
    start --pod p --name a $BOX sleep 600
    ok podman run --rm --pod p $BOX sh -c 'hostname; ps -o args | grep -c "sleep [6]00"'
    eq "$(xargs <<<"$out")" "podded 1"
    ok podman pod rm -f -t 0 p
}
test_ten_containers_start_at_once_and_go() {
    local i pids=()
    needs_session
    for i in 1 2 3 4 5 6 7 8 9 10; do podman run -d --name "many$i" $BOX sleep 600 >"started.$i" 2>&1 & pids+=($!); done
    for i in "${!pids[@]}"; do wait "${pids[$i]}" || fail "container $((i + 1)): $(cat "started.$((i + 1))")"; done
    eq "$(podman ps -q | wc -l)" 10
    ok podman rm -fa -t 0
}
test_a_container_whose_monitor_was_killed_is_told_and_removed() {
    needs_session
    start --name c $BOX sleep 600
    kill -KILL "$(inspect c '{{.State.ConmonPid}}')"
    ends 125 podman stop -t 1 c
    has "$err" conmon
    ok podman rm -f -t 0 c
}
test_a_quadlet_unit_of_the_user_runs_its_container_and_stops_it() {
    needs_session
    as_user mkdir -p $USER_HOME/.config/containers/systemd
    quadlet c >$USER_HOME/.config/containers/systemd/boxed.container
    ok as_user systemctl --user daemon-reload
    ok as_user systemctl --user start boxed.service
    within 20 says c up
    ok as_user systemctl --user stop boxed.service
    eq "$(podman ps -aq)" ""
    rm -r $USER_HOME/.config/containers
    ok as_user systemctl --user daemon-reload
}
