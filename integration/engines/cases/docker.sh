# dockerd with containerd: what a container gets. Limits, mounts, users, rights, namespaces, networks, and what a user sees if it cannot start.
# Called by session; the life of containers is in docker_life.sh.

. "$ENGINES/docker.sh"
engine_version() { docker_version; }
engine_start() { docker_start; }
engine_stop() { stop_daemon dockerd; }
case_cleanup() { docker_cleanup; }
leftovers() { docker_leftovers; }

test_a_command_runs_and_its_output_comes_back() {
    ok in_box -- sh -c 'echo hello; echo oops >&2'
    eq "$out" hello
    eq "$err" oops
}

test_info_shows_the_runtime_its_version_and_its_features() {
    ok docker info --format '{{.DefaultRuntime}}'
    eq "$out" tested
    # The version is that of the commit where the runtime says one.
    local commit
    commit=$("$RUNTIME_PATH" --version | sed -n 's/^commit: //p')
    ok docker info --format '{{.RuncCommit.ID}}'
    eq "$out" "$commit"
    ok docker info --format '{{json (index .Runtimes "tested")}}'
    has "$out" "\"path\":\"$RUNTIME_PATH\""
    has "$out" ociVersionMin
    has "$out" rro
    lacks "$(cat "$SESSION/dockerd.log")" 'Failed to retrieve'
}

test_limits_stand_in_the_groups_of_the_container() {
    start_box limited --memory 64m --memory-swap 96m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --pids-limit 42 "${CPU_0[@]}"
    local pid
    pid=$(pid_of limited)
    eq "$(limit_of "$pid" memory memory.limit_in_bytes memory.max)" 67108864
    eq "$(limit_of "$pid" memory memory.soft_limit_in_bytes memory.low)" 33554432
    eq "$(limit_of "$pid" pids pids.max pids.max)" 42
    is_on_cpus "$pid" 0
    has_swap_and_cpu_time "$pid" 67108864 33554432 50000
    eq "$(docker exec limited grep Cpus_allowed_list /proc/self/status | tr -d '\t')" Cpus_allowed_list:0
    ok docker rm -f limited
}

test_a_disk_is_read_at_the_limit_of_speed() {
    local disk=/dev/tested_disk number
    number=$(cat /sys/block/{vd,ubd,loop,sd}*/dev 2>/dev/null | head -1)
    [ -n "$number" ] || skip "no disk"
    [ "$(layout)" != v2 ] || grep -qw io /sys/fs/cgroup/cgroup.controllers || skip "no controller io"
    mknod "$disk" b "${number%:*}" "${number#*:}"
    start_box slow --device-read-bps $disk:1mb --device-write-iops $disk:30
    rm "$disk"
    local pid
    pid=$(pid_of slow)
    has "$(limit_of "$pid" blkio blkio.throttle.read_bps_device io.max)" "$number "
    matches "$(limit_of "$pid" blkio blkio.throttle.read_bps_device io.max)" '[ =]1048576'
    matches "$(limit_of "$pid" blkio blkio.throttle.write_iops_device io.max)" '[ =]30'
    ok docker rm -f slow
}

test_more_processes_than_the_limit_are_refused() {
    ends 2 in_box --pids-limit 3 -- sh -c 'sleep 9 & sleep 9 & sleep 9 & sleep 9'
    has "$err" "can't fork"
}

test_too_much_memory_is_the_end_of_the_container() {
    start_shell greedy 'a=a; while :; do a=$a$a; done' --memory 16m --memory-swap 16m
    eq "$(docker wait greedy)" 137
    ! group_outlives_its_end || within 5 is_of_box greedy .State.OOMKilled true
    ok docker rm greedy
}

test_bind_mounts_and_volumes_hold_what_is_written() {
    mkdir bound
    ok in_box -v "$PWD/bound:/mnt/bound" -v kept:/mnt/kept -- sh -c 'echo 1 >/mnt/bound/a; echo 2 >/mnt/kept/b'
    eq "$(cat bound/a)" 1
    # What the image has there fills a new volume.
    ends 1 in_box -v www:/var/www -v kept:/mnt/kept:ro -- sh -c 'cat /mnt/kept/b /var/www/index.html; touch /mnt/kept/c'
    eq "$out" $'2\nhello from the box'
    has "$err" "Read-only file system"
    ok docker volume rm kept www
}

test_a_read_only_mount_is_read_only_with_all_below_it() {
    mkdir -p bound/below
    mount -t tmpfs below bound/below
    call in_box -v "$PWD/bound:/mnt:ro" -- sh -c 'touch /mnt/a; touch /mnt/below/b'
    umount bound/below
    ne "$code" 0
    has "$err" "/mnt/a: Read-only file system"
    has "$err" "/mnt/below/b: Read-only file system"
}

test_a_mount_that_appears_on_the_host_appears_inside_if_it_is_asked_for() {
    mkdir -p bound/later
    mount --bind bound bound
    mount --make-shared bound
    start_box slave --mount "type=bind,source=$PWD/bound,target=/slave,bind-propagation=rslave" -v "$PWD/bound:/private"
    mount -t tmpfs later bound/later
    touch bound/later/file
    call docker exec slave ls /slave/later /private/later
    umount bound/later
    docker rm -f slave >/dev/null
    umount bound
    eq "$out" $'/private/later:\n\n/slave/later:\nfile'
}

test_a_read_only_root_and_what_is_writable_on_it() {
    call in_box --read-only --tmpfs /scratch:size=1m,mode=0700,exec --shm-size 3m -- sh -c 'touch /x; touch /scratch/y && grep -E " (/|/scratch|/dev/shm) " /proc/mounts'
    eq "$code" 0
    has "$err" "/x: Read-only file system"
    matches "$out" '^overlay / overlay ro,'
    matches "$out" '^tmpfs /scratch tmpfs rw,.*size=1024k,mode=700'
    lacks "$(grep scratch <<<"$out")" noexec
    matches "$out" '^shm /dev/shm tmpfs rw,nosuid,nodev,noexec,.*size=3072k'
}

test_users_and_groups() {
    ok in_box -u app -- id
    eq "$out" "uid=1000(app) gid=1000(app) groups=1000(app),2000(extra)"
    ok in_box -u 1234:5 --group-add 77 --group-add extra -- id
    eq "$out" "uid=1234 gid=5 groups=5,77,2000(extra)"
    ends 125 in_box -u nosuch -- true
    has "$err" "unable to find user nosuch"
}

test_capabilities_are_what_is_asked_for() {
    # The 14 that docker gives, without chown, with sys_time.
    ok in_box --cap-drop chown --cap-add sys_time -- grep -E 'Cap(Eff|Bnd|Prm)' /proc/self/status
    eq "$(awk '{ print $2 }' <<<"$out" | sort -u)" 00000000aa0425fa
    ok in_box --cap-drop all -- grep -E 'Cap' /proc/self/status
    eq "$(awk '{ print $2 }' <<<"$out" | sort -u)" 0000000000000000
    ok in_box -u app -- grep -E 'CapEff' /proc/self/status
    eq "$(awk '{ print $2 }' <<<"$out")" 0000000000000000
}

test_privileged_means_every_right_that_the_daemon_has() {
    ok in_box --privileged -- sh -c 'grep -E "CapEff|Seccomp:|NoNewPrivs" /proc/self/status; mkdir /m; mount -t tmpfs x /m && echo mounted; grep -c "/proc/sys " /proc/mounts; ls /dev/fuse'
    has "$out" "$(grep CapBnd /proc/self/status | sed s/CapBnd/CapEff/)"
    matches "$out" $'Seccomp:\t0'
    has "$out" mounted
    [ ! -e /dev/fuse ] || has "$out" /dev/fuse
    ends 1 in_box -- mount -t tmpfs x /tmp
    has "$err" "permission denied"
}

test_a_profile_of_seccomp_of_ones_own() {
    echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}' >profile.json
    ends 1 in_box --security-opt "seccomp=$PWD/profile.json" -- mkdir /x
    has "$err" "Operation not supported"
    ok in_box --security-opt seccomp=unconfined -- grep Seccomp: /proc/self/status
    eq "$(tr -d '\t' <<<"$out")" Seccomp:0
    ok in_box --security-opt no-new-privileges -- grep -E 'Seccomp:|NoNewPrivs' /proc/self/status
    eq "$(tr -d '\t' <<<"$out")" $'NoNewPrivs:1\nSeccomp:2'
}

test_resource_limits_sysctls_and_the_score_of_the_oom_killer() {
    ok in_box --ulimit nofile=100:200 --ulimit core=0 --sysctl net.ipv4.ip_default_ttl=77 --sysctl kernel.msgmax=9000 --oom-score-adj 77 -- \
        sh -c 'ulimit -n; ulimit -Hn; ulimit -c; cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax /proc/self/oom_score_adj'
    eq "$(xargs <<<"$out")" "100 200 0 77 9000 77"
}

test_a_device_is_there_with_the_rights_that_were_given() {
    ok in_box --device /dev/tty:/dev/mine:rw -- ls -l /dev/mine
    matches "$out" '^crw.* 5, *0 .*/dev/mine$'
    # A second node of the device of random numbers, which may only be read: nothing else allows that number.
    mknod -m 666 /dev/tested_kmsg c 1 11
    call in_box --device /dev/tested_kmsg:/dev/mine:r --privileged=false --cap-add syslog -- sh -c 'head -c 1 /dev/mine >/dev/null; : >/dev/mine'
    rm /dev/tested_kmsg
    ne "$code" 0
    has "$err" "can't create /dev/mine: Operation not permitted"
    ends 1 in_box -- sh -c 'mknod /tmp/k c 1 11 && echo made && cat /tmp/k'
    eq "$out" made
    has "$err" "Operation not permitted"
}

test_init_is_the_parent_of_the_command() {
    ok in_box --init -- sh -c 'cat /proc/1/comm; echo $PPID'
    eq "$out" $'docker-init\n1'
    ends 143 in_box --init -- sh -c 'kill -TERM $$'
}

test_the_namespaces_of_the_host_and_of_another_container() {
    ok in_box --pid host --ipc host --uts host --cgroupns host -- sh -c 'for n in pid ipc uts cgroup; do readlink /proc/self/ns/$n; done; hostname'
    eq "$out" "$(for n in pid ipc uts cgroup; do readlink /proc/self/ns/$n; done; hostname)"
    start_box other --ipc shareable
    local name other
    other=$(pid_of other)
    ok in_box --pid container:other --ipc container:other -- sh -c 'cat /proc/1/comm; readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc'
    eq "$out" "pause"$'\n'"$(readlink "/proc/$other/ns/pid")"$'\n'"$(readlink "/proc/$other/ns/ipc")"
    for name in pid ipc uts net mnt; do ne "$(readlink "/proc/$other/ns/$name")" "$(readlink /proc/self/ns/$name)" "$name"; done
    ok docker rm -f other
    ok in_box --cgroupns private -- sed 's/.*://' /proc/self/cgroup
    eq "$(sort -u <<<"$out")" /
}

test_all_of_a_container_without_a_pid_namespace_of_its_own_ends_with_it() {
    start_shell shared 'sleep 1234 & sleep 1234 & exec sleep 1234' --pid host
    within 5 eval '[ "$(sleepers 1234 | wc -l)" = 3 ]'
    ok docker kill shared
    within 5 eval '! sleepers 1234'
    ok docker rm shared
}

test_a_port_is_published_and_containers_find_each_other_by_name() {
    has_networks || skip "this kernel has no bridge, veth or NAT"
    ok docker network create made
    ok docker run -d --name web --network made -p 127.0.0.1:8080:80 "$BOX" httpd -f -h /var/www
    within 5 curl -fs http://127.0.0.1:8080/
    eq "$(curl -s http://127.0.0.1:8080/)" "hello from the box"
    eq "$(curl -s "http://$(of_box web .NetworkSettings.Networks.made.IPAddress)/")" "hello from the box"
    ok docker run --rm --network made "$BOX" wget -qO- http://web/
    eq "$out" "hello from the box"
    ok docker run --rm --network container:web "$BOX" wget -qO- http://127.0.0.1/
    eq "$out" "hello from the box"
    # The network is the container's before its command runs.
    ok docker run --rm --network made --mac-address 02:42:00:00:00:77 -h me "$BOX" sh -c 'ip addr show dev eth0; hostname -i; hostname'
    has "$out" 02:42:00:00:00:77
    matches "$(tail -1 <<<"$out")" '^me$'
    ok docker rm -f web
    ok docker network rm made
}

test_without_a_network_there_is_only_loopback_and_with_the_hosts_there_is_all() {
    ok in_box -- ls /sys/class/net
    eq "$out" lo
    ok docker run --rm --network host "$BOX" readlink /proc/self/ns/net
    eq "$out" "$(readlink /proc/self/ns/net)"
}

test_a_command_that_is_missing_ends_with_127() {
    ends 127 in_box -- nosuch
    has "$err" 'OCI runtime create failed'
    is_missing "$err" nosuch
    ends 127 in_box -- /no/such
    is_missing "$err" /no/such
}

test_a_command_that_cannot_be_executed_ends_with_126() {
    ends 126 in_box -- /etc/passwd
    is_forbidden "$err" /etc/passwd
    ends 126 in_box -- /etc
    is_forbidden "$err" /etc
    ends 126 in_box -u app -v /bin/true:/root/true:ro --cap-drop all -w / --entrypoint /root/true --tmpfs /root:mode=0700 --
    is_forbidden "$err" /root/true
}

test_a_working_directory_is_made_and_a_file_in_its_place_refused() {
    ok in_box -w /made/here -- pwd
    eq "$out" /made/here
    ends 125 in_box -w /etc/passwd -- true
    matches "$err" "[Nn]ot a directory"
}

test_what_cannot_be_mounted_is_told_with_125_and_leaves_no_container_running() {
    ends 125 in_box -v /etc:/etc/passwd -- true
    has "$err" etc/passwd
    # The hint is docker's, for the words that it finds in what the runtime says.
    matches "$err" "[Nn]ot a directory.*: Are you trying to mount a directory onto a file"
    call in_box --sysctl net.no.such=1 -- true
    ne "$code" 0
    matches "$err" 'net[./]no[./]such'
}

test_a_container_that_did_not_start_is_kept_with_the_reason() {
    ends 127 docker run --name broken --network none "$BOX" nosuch
    eq "$(of_box broken .State.Status)" created
    eq "$(of_box broken .State.ExitCode)" 127
    is_missing "$(of_box broken .State.Error)" nosuch
    ok docker rm broken
}

test_root_in_the_container_is_an_ordinary_user_outside() {
    grep -q ^dockremap: /etc/subuid || {
        useradd -r -s /bin/false dockremap
        echo dockremap:200000:65536 | tee /etc/subuid >/etc/subgid
    } >/dev/null 2>&1
    local data=/var/lib/containers/remapped host=unix://$PWD/docker.sock
    dockerd_remapped() {
        echo "{\"runtimes\": {\"tested\": {\"path\": \"$RUNTIME_PATH\"}}, \"default-runtime\": \"tested\", \"bridge\": \"none\"}" >remapped.json
        start_daemon remapped "dockerd --config-file $PWD/remapped.json --userns-remap dockremap --iptables=false --ip6tables=false --data-root $data
            --exec-root $PWD/exec --pidfile $PWD/pid --exec-opt native.cgroupdriver=$MANAGER -H $host" docker -H "$host" version
    }
    ok dockerd_remapped
    docker -H "$host" load -q -i "$IMAGES/box.tar" >/dev/null
    call docker -H "$host" run --rm --network none -v "$PWD:/out" --tmpfs /t "$BOX" sh -c 'id -u; cat /proc/self/uid_map; touch /t/a /b /etc/c; stat -c %u /out; echo $$'
    stop_daemon remapped
    umount -R "$data"/* 2>/dev/null
    rm -rf "$data"
    eq "$code" 0 "exit code with $err"
    eq "$(xargs <<<"$out")" "0 0 200000 65536 65534 1"
}
