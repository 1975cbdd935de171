# podman with conmon, as root: what a container gets. Its life is in podman_life.sh.
. "$ENGINES/podman.sh"

# What users see first
test_a_command_runs_and_its_output_comes_back() {
    ok run $BOX echo hello
    eq "$out" hello
    eq "$err" ""
    eq "$(echo 'to the input' | run -i $BOX cat)" "to the input"
}
test_podman_info_tells_the_name_and_the_version_of_the_runtime() {
    ok podman info --format '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}'
    eq "$out" "$RUNTIME $RUNTIME_PATH"
    ok podman info --format '{{.Host.OCIRuntime.Version}}'
    has "$out" "$("$RUNTIME_PATH" --version | head -1)"
}
test_the_exit_code_is_the_commands() {
    ends 0 run $BOX true
    ends 1 run $BOX false
    ends 42 run $BOX sh -c 'exit 42'
    ends 255 run $BOX sh -c 'exit 255'
    # Process 1 of a pid namespace cannot signal itself; with --init the shell is not process 1.
    ends 143 run --init $BOX sh -c 'kill -TERM $$'
    ends 137 run --init $BOX sh -c 'kill -KILL $$'
}
test_an_unknown_option_ends_with_125() {
    ends 125 run --no-such-option $BOX true
    has "$err" "unknown flag: --no-such-option"
    ends 125 run --runtime /no/such/runtime $BOX true
}
test_a_missing_command_is_named_and_ends_with_127() {
    ends 127 run $BOX no-such-command
    is_missing "$err" no-such-command
    eq "$(wc -l <"$T/.err")" 1 "lines of the error"
    ends 127 run $BOX /no/such/command
    has "$err" "/no/such/command"
}
test_a_file_that_cannot_be_executed_is_named_and_ends_with_126() {
    ends 126 run $BOX /etc/passwd
    is_forbidden "$err" /etc/passwd
    ends 126 run $BOX /etc
    is_forbidden "$err" /etc
}
test_a_missing_working_directory_is_named_and_ends_with_126() {
    ends 126 run -w /no/such/folder $BOX pwd
    has "$err" /no/such/folder
    ends 126 run -w /etc/passwd $BOX pwd
    has "$err" /etc/passwd
}

# Limits
test_limits_are_in_the_files_of_the_group() {
    local pid
    start --name limited -m 64m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --pids-limit 50 "${CPU_0[@]}" $BOX sleep 600
    pid=$(pid_of limited)
    eq "$(limit_of "$pid" memory memory.limit_in_bytes memory.max)" 67108864 memory
    eq "$(limit_of "$pid" memory memory.soft_limit_in_bytes memory.low)" 33554432 reservation
    matches "$(limit_of "$pid" cpu cpu.cfs_quota_us cpu.max)" '^50000( 100000)?$' quota
    eq "$(limit_of "$pid" pids pids.max pids.max)" 50 pids
    [ "$(layout)" = v2 ] || eq "$(limit_of "$pid" cpu cpu.shares -)" 512 shares
    is_on_cpus "$pid" 0
    ok podman rm -f -t 0 limited
}
test_the_limit_of_processes_holds() {
    ends 2 run --pids-limit 5 $BOX sh -c 'for i in 1 2 3 4 5 6; do sleep 9 & done'
    has "$err" "can't fork"
}
test_an_oom_kill_ends_with_137_and_is_told() {
    ends 137 podman run --name fat -m 16m $BOX tail /dev/zero
    eq "$(inspect fat '{{.State.ExitCode}}')" 137
    ! group_outlives_its_end || eq "$(inspect fat '{{.State.OOMKilled}}')" true
    ok podman rm fat
}
test_ulimits_sysctls_the_size_of_shm_and_devices_arrive() {
    ok run --shm-size 5m --ulimit nofile=77:88 --sysctl kernel.msgmax=9000 --device /dev/full:/dev/mine:r $BOX sh -c \
        'df /dev/shm | tail -1 | tr -s " " | cut -d" " -f2; ulimit -n; ulimit -Hn; cat /proc/sys/kernel/msgmax; stat -c %t,%T /dev/mine
        head -c 1 /dev/mine | wc -c; echo x 2>/dev/null >/dev/mine; echo $?'
    eq "$(xargs <<<"$out")" "5120 77 88 9000 1,7 1 1"
}
test_a_device_that_was_not_given_cannot_be_opened() {
    # fuse: 10:229
    ok run --cap-add mknod $BOX sh -c 'mknod /tmp/fuse c 10 229 && echo made; head -c 0 </tmp/fuse; echo $?'
    eq "$(xargs <<<"$out")" "made 1"
    has "$err" "not permitted"
}

# Mounts
test_bind_mounts_volumes_and_tmpfs_arrive_with_their_options() {
    mkdir bound && echo 'from outside' >bound/file
    ok run -v "$T/bound:/rw" -v "$T/bound:/ro:ro" -v vol:/vol:noexec --tmpfs /scratch:size=1m,mode=1770 --mount type=tmpfs,dst=/more,tmpfs-size=2m $BOX sh -c '
        cat /rw/file; echo inside >/rw/new; touch /ro/x 2>&1 | sed "s/.*: //"; echo kept >/vol/x; stat -c %a /scratch
        df /scratch /more | tr -s " " | cut -d" " -f2 | tail -2; grep -c " /vol .*noexec" /proc/mounts'
    eq "$(paste -sd, <<<"$out")" "from outside,Read-only file system,1770,1024,2048,1"
    eq "$(cat bound/new)" inside
    eq "$(run -v vol:/vol $BOX cat /vol/x)" kept
    ok podman volume rm vol
}
test_a_read_only_root_has_writable_tmpfs_where_podman_puts_them() {
    ok run --read-only $BOX sh -c 'touch /x; touch /etc/x; touch /tmp/x /run/x /dev/shm/x && echo written'
    eq "$out" written
    eq "$(grep -c 'Read-only file system' <<<"$err")" 2
    ends 1 run --read-only --read-only-tmpfs=false $BOX touch /tmp/x
}
test_a_volume_takes_the_files_that_the_image_has_there() {
    ok run -v www:/var/www $BOX cat /var/www/index.html
    eq "$out" "hello from the box"
    eq "$(run -v www:/w $BOX cat /w/index.html)" "hello from the box"
    ok podman volume rm www
}
test_propagation_of_a_bind_mount_is_the_one_asked_for() {
    mkdir bound && mount -t tmpfs bound bound && mount --make-shared bound
    ok run -v "$T/bound:/slave:rslave" -v "$T/bound:/shared:rshared" -v "$T/bound:/private" $BOX cat /proc/self/mountinfo
    umount bound
    matches "$out" ' /slave .* master:[0-9]+ - '
    matches "$out" ' /shared .* shared:[0-9]+ - '
    lacks "$(grep ' /private ' <<<"$out")" 'shared:'
}
test_a_part_of_a_volume_and_a_single_file_are_mounted() {
    mkdir -p bound/sub && echo deep >bound/sub/file
    ok run -v "$T/bound/sub/file:/etc/one:ro" --mount "type=bind,src=$T/bound,dst=/all,ro" $BOX cat /etc/one /all/sub/file
    eq "$(xargs <<<"$out")" "deep deep"
}

# Users and rights
test_users_and_groups_are_those_asked_for() {
    eq "$(run -u app $BOX id)" "uid=1000(app) gid=1000(app) groups=1000(app),2000(extra)"
    eq "$(run -u app --group-add 3000 $BOX id -G)" "1000 2000 3000"
    eq "$(run -u 5:6 $BOX sh -c 'id -u; id -g; id -G' | xargs)" "5 6 6"
    eq "$(run -u app $BOX sh -c 'echo $HOME')" /home/app
    ends 126 run -u no-such-user $BOX id
    has "$err" no-such-user
}
test_keep_groups_leaves_the_groups_of_the_caller() {
    [ "$RUNTIME" != runc ] || skip "runc does not know the annotation"
    ok setpriv --groups 4242 podman run --rm --group-add keep-groups -u app $BOX grep Groups /proc/self/status
    matches "$out" '4242'
}
test_capabilities_are_dropped_and_added() {
    ok run --cap-drop all --cap-add net_bind_service $BOX grep -E 'CapPrm|CapEff|CapBnd' /proc/self/status
    eq "$(awk '{ print $2 }' <<<"$out" | sort -u)" 0000000000000400
    ok run -u app $BOX grep CapEff /proc/self/status
    has "$out" 0000000000000000
    ok run -u app --cap-add net_raw $BOX grep CapEff /proc/self/status
    has "$out" 0000000000002000 "an ambient capability"
}
test_privileged_has_all_and_others_have_masked_paths() {
    ok run --privileged $BOX sh -c 'grep -E "CapEff|^Seccomp:" /proc/self/status; ls /dev/fuse; cat /proc/sys/vm/swappiness >/proc/sys/vm/swappiness && echo writable'
    has "$out" "CapEff:	$(awk '/CapBnd/ { print $2 }' /proc/self/status)"
    matches "$out" 'Seccomp:	0'
    has "$out" /dev/fuse
    has "$out" writable
    ends 1 run $BOX sh -c 'wc -c </proc/timer_list; ls /sys/firmware | wc -w; : >/proc/sys/vm/swappiness'
    eq "$(xargs <<<"$out")" "0 0"
    has "$err" "Read-only"
}
test_a_seccomp_profile_of_the_user_is_loaded() {
    cat >profile.json <<EOF
{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["chmod", "fchmodat", "fchmodat2"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}
EOF
    ends 1 run --security-opt seccomp=profile.json $BOX chmod 700 /tmp
    has "$err" "Function not implemented"
    matches "$(run $BOX grep ^Seccomp: /proc/self/status)" '2$'
    matches "$(run --security-opt seccomp=unconfined $BOX grep ^Seccomp: /proc/self/status)" '0$'
}
test_no_new_privileges_masks_and_unmasked_paths_arrive() {
    matches "$(run --security-opt no-new-privileges $BOX grep NoNewPrivs /proc/self/status)" '1$'
    matches "$(run $BOX grep NoNewPrivs /proc/self/status)" '0$'
    eq "$(run --security-opt mask=/etc/passwd $BOX cat /etc/passwd)" ""
    eq "$(run --security-opt unmask=ALL $BOX sh -c 'grep -cE " /proc/[a-z]" /proc/mounts')" 0
}
test_init_is_process_1_and_reaps() {
    ok run --init $BOX sh -c 'cat /proc/1/comm; (sleep 0.1 & echo $! >/tmp/orphan); n=0
        while [ -e "/proc/$(cat /tmp/orphan)" ] && [ $n -lt 100 ]; do n=$((n + 1)); usleep 100000; done; [ -e "/proc/$(cat /tmp/orphan)" ] || echo reaped'
    eq "$(sed -n 1p <<<"$out")" podman-init
    eq "$(sed -n 2p <<<"$out")" reaped "an orphan"
}
test_host_namespaces_and_names_are_those_asked_for() {
    eq "$(run --pid host $BOX readlink /proc/self/ns/pid)" "$(readlink /proc/self/ns/pid)"
    eq "$(run --ipc host $BOX readlink /proc/self/ns/ipc)" "$(readlink /proc/self/ns/ipc)"
    eq "$(run --network host $BOX readlink /proc/self/ns/net)" "$(readlink /proc/self/ns/net)"
    eq "$(run --uts host $BOX hostname)" "$(hostname)"
    eq "$(run --hostname boxed $BOX hostname)" boxed
    ok run --cgroupns private $BOX readlink /proc/self/ns/cgroup
    ne "$out" "$(readlink /proc/self/ns/cgroup)"
    eq "$(run --cgroupns host $BOX readlink /proc/self/ns/cgroup)" "$(readlink /proc/self/ns/cgroup)"
    start --name first $BOX sleep 600
    eq "$(run --pid container:first --ipc container:first $BOX sh -c 'tr "\0" " " </proc/1/cmdline; readlink /proc/self/ns/ipc')" \
        "sleep 600 $(readlink "/proc/$(pid_of first)/ns/ipc")"
    ok podman rm -f -t 0 first
}

# User namespaces
test_user_namespaces_map_as_asked() {
    eq "$(run --uidmap 0:200000:5000 $BOX cat /proc/self/uid_map | xargs)" "0 200000 5000"
    eq "$(run --uidmap 0:200000:500 --uidmap 500:300000:500 --gidmap 0:400000:1000 $BOX cat /proc/self/uid_map /proc/self/gid_map | xargs)" \
        "0 200000 500 500 300000 500 0 400000 1000"
    ok run --userns=auto $BOX cat /proc/self/uid_map
    matches "$(xargs <<<"$out")" '^0 1[0-9]{6} [0-9]+$'
    ok run --userns=auto:size=3000 $BOX cat /proc/self/uid_map
    matches "$(xargs <<<"$out")" '^0 1[0-9]{6} 3000$'
    ends 125 run --userns=nomap $BOX true
    has "$err" "rootless"
    start --name mapped --userns=auto -u app $BOX sleep 600
    matches "$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$(pid_of mapped)/status")" '^100[0-9]{4}$' "uid outside"
    eq "$(podman exec mapped id -u)" 1000
    ok podman rm -f -t 0 mapped
}
test_an_idmapped_volume_keeps_the_owners_of_the_files() {
    ok run --uidmap 0:200000:5000 -v data:/data:idmap $BOX sh -c 'stat -c %u /data; touch /data/new; chown 7:7 /data/new; stat -c %u:%g /data/new'
    eq "$(xargs <<<"$out")" "0 7:7"
    eq "$(stat -c %u:%g "$(podman volume inspect -f '{{.Mountpoint}}' data)/new")" 7:7 "owner outside"
    ok podman volume rm data
}
test_the_network_namespace_of_a_user_namespace_belongs_to_it() {
    ok run --userns=auto --cap-add net_admin $BOX sh -c 'ip link add dummy0 type dummy 2>/dev/null; ip link set lo down && ip link set lo up && echo owned'
    eq "$out" owned
}

# Control groups
test_without_cgroups_no_group_is_made() {
    [ "$RUNTIME" != runc ] || skip "runc always makes a group"
    start --name free --cgroups=disabled $BOX sleep 600
    eq "$(cat "/proc/$(pid_of free)/cgroup")" "$(cat "/proc/$(inspect free '{{.State.ConmonPid}}')/cgroup")" "the group of conmon"
    ok podman exec free true
    ok podman stop -t 0 free
    eq "$(inspect free '{{.State.ExitCode}}')" 137
    ok podman rm free
}
test_no_conmon_leaves_the_monitor_where_podman_is() {
    start --name apart --cgroups=no-conmon $BOX sleep 600
    eq "$(cat "/proc/$(inspect apart '{{.State.ConmonPid}}')/cgroup")" "$(cat /proc/self/cgroup)"
    has "$(cat "/proc/$(pid_of apart)/cgroup")" "libpod-$out"
    ok podman rm -f -t 0 apart
}
test_split_cgroups_are_below_the_group_of_podman() {
    [ "$(layout)" = v2 ] || skip "podman splits on cgroup v2 only"
    start --name half --cgroups=split $BOX sleep 600
    matches "$(cat "/proc/$(pid_of half)/cgroup")" '/libpod-payload-'
    matches "$(cat "/proc/$(inspect half '{{.State.ConmonPid}}')/cgroup")" '/(supervisor|runtime)$'
    ok podman rm -f -t 0 half
}
test_a_parent_group_of_the_user_is_taken() {
    [ "$MANAGER" = cgroupfs ] || skip "the parent is a slice"
    start --name child --cgroup-parent /libpod_parent/mine $BOX sleep 600
    local id=$out
    has "$(cat "/proc/$(pid_of child)/cgroup")" "/libpod_parent/mine/libpod-$id"
    ok podman rm -f -t 0 child
    within 10 no_groups "libpod-$id"
    # The parent is nobody's to remove. conmon and its cleanup are still in a group of it for a moment.
    within 10 find /sys/fs/cgroup -depth -type d -path '*/libpod_parent/mine*' -exec rmdir {} +
}
test_a_systemd_container_may_write_its_groups() {
    local folder=/sys/fs/cgroup
    [ "$(layout)" = v2 ] || folder=/sys/fs/cgroup/systemd
    ok run --systemd=always $BOX sh -c "mkdir $folder/below && rmdir $folder/below && echo writable; echo \$container
        grep -cE ' (/run|/run/lock|/tmp|/var/log/journal) tmpfs ' /proc/mounts"
    eq "$(xargs <<<"$out")" "writable podman 4"
    ends 1 run $BOX mkdir "$folder/below"
    eq "$(run --systemd=always --stop-signal 15 $BOX echo started)" started
}

# Descriptors and other names of the runtime
test_descriptors_of_the_caller_are_preserved() {
    eq "$(run --preserve-fds 2 $BOX sh -c 'cat <&3; cat <&4' 3<<<three 4<<<four | xargs)" "three four"
    eq "$(run $BOX ls /proc/self/fd 3<<<three | xargs)" "0 1 2 3" "3 is the one of ls"
}
test_descriptors_with_holes_are_preserved() {
    [ "$RUNTIME" != runc ] || skip "runc refuses a hole"
    eq "$(run --preserve-fd 4,9 $BOX sh -c 'cat <&4; cat <&9' 4<<<four 9<<<nine | xargs)" "four nine"
}
test_sockets_of_socket_activation_arrive() {
    eq "$(bash -c 'export LISTEN_FDS=1 LISTEN_PID=$$; exec podman run --rm '$BOX' sh -c "echo \$LISTEN_FDS \$LISTEN_PID; cat <&3"' 3<<<socket | xargs)" "1 1 socket"
}
test_a_runtime_of_the_name_crun_gets_all_that_podman_asks_of_it() {
    [ "$RUNTIME" = tare ] || skip "of the runtime under test"
    mkdir -p /opt/x && cp "$RUNTIME_PATH" /opt/x/crun
    ok podman --runtime /opt/x/crun run --rm --cgroups=disabled --group-add keep-groups $BOX echo works
    eq "$out" works
    ends 127 podman --runtime /opt/x/crun run --rm $BOX no-such-command
    has "$err" no-such-command
    ok podman --runtime /opt/x/crun info --format '{{.Host.OCIRuntime.Path}}'
    eq "$out" /opt/x/crun
    rm -r /opt/x
}
test_hooks_of_the_engines_folder_are_run() {
    mkdir hooks
    printf '#!/bin/sh\ncat >%s/state-$1\n' "$T" >hook && chmod 755 hook
    cat >hooks/hook.json <<EOF
{"version": "1.0.0", "hook": {"path": "$T/hook", "args": ["hook", "one"]}, "when": {"always": true}, "stages": ["createRuntime", "poststop"]}
EOF
    ok podman --hooks-dir "$T/hooks" run --annotation told=yes --name hooked $BOX true
    ok podman --hooks-dir "$T/hooks" rm hooked
    eq "$(jq -r .annotations.told state-one)" yes
}
