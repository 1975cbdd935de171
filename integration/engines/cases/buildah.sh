# buildah: its calls of the runtime (create, start, state again and again, kill, delete) by run and build. Called by session.
# What runs in a step is a child of buildah, which is gone with it; there is no monitor.

# Its own defaults are higher than what a caller without CAP_SYS_RESOURCE may give away.
OWN_FILES=$(ulimit -Hn) OWN_PROCESSES=$(ulimit -Hu | sed s/unlimited/-1/)
engine_version() { buildah --version; }
engine_start() {
    configure_containers <<CONF
[containers]
netns = "none"
default_ulimits = ["nofile=$OWN_FILES:$OWN_FILES", "nproc=$OWN_PROCESSES:$OWN_PROCESSES"]
[engine]
cgroup_manager = "$MANAGER"
[engine.runtimes]
other = ["$RUNTIME_PATH"]
CONF
    has_networks || without_networks
    buildah pull -q "docker-archive:$IMAGES/box.tar"
}
# buildah gives each run a network and does not read netns of its configuration; where there can be none, none is asked for.
without_networks() {
    mkdir "$SESSION/bin"
    cat >"$SESSION/bin/buildah" <<'WRAPPER'
#!/bin/bash
case "$1 $*" in
    *--network*) ;;
    run\ * | build\ *) set -- "$1" --network none "${@:2}" ;;
esac
exec /usr/bin/buildah "$@"
WRAPPER
    chmod +x "$SESSION/bin/buildah"
    PATH=$SESSION/bin:$PATH
}
engine_stop() { :; }
case_cleanup() {
    sleepers '123[45]' | xargs -r kill -KILL
    buildah rm -a
    buildah images -q --filter reference='localhost/made*' | xargs -r buildah rmi -f
}
leftovers() {
    buildah containers -q | sed 's/^/container /'
    buildah images -q --filter reference='localhost/made*' | sed 's/^/image /'
    groups_of buildah- | sed 's/^/group /'
    awk '{ print $2 }' /proc/self/mounts | grep -E '/overlay/.*/merged|/buildah[^/]*/' | sed 's/^/mount /'
    sleepers '123[45]' | sed 's/^/process /'
    find "${TMPDIR:-/var/tmp}" -maxdepth 1 -name 'buildah*' ! -name buildah-cache-0 | sed 's/^/bundle /'
    leftover_states
}

run_in() { buildah run "$@"; } # [OPTION...] CONTAINER -- COMMAND...
# A working container for one case.
from_box() { buildah from --pull-never --name work "$@" "$BOX" >/dev/null || fail "no container"; }
# Builds made:NAME of the Containerfile on stdin, in the folder ctx.
build() { # NAME [OPTION...]
    local name=$1
    shift
    mkdir -p ctx
    cat >Containerfile
    buildah build --pull-never -f Containerfile -t "made:$name" "$@" ctx
}

test_a_command_runs_and_its_output_comes_back() {
    from_box
    ok run_in work -- sh -c 'echo hello; echo oops >&2'
    eq "$out" hello
    has "$err" oops
    echo from outside >data
    eq "$(run_in work -- cat <data)" "from outside"
    ok buildah rm work
}

test_the_runtime_is_chosen_by_configuration_by_environment_and_by_option() {
    from_box
    local seen
    # A runtime that says that it was called, and by which of the three.
    printf '#!/bin/sh\necho called >>%s/calls.$1\nshift\nexec %s "$@"\n' "$T" "$RUNTIME_PATH" >tracer
    chmod +x tracer
    printf '#!/bin/sh\nexec %s/tracer env "$@"\n' "$T" >by_env
    printf '#!/bin/sh\nexec %s/tracer option "$@"\n' "$T" >by_option
    chmod +x by_env by_option
    ok env BUILDAH_RUNTIME="$T/by_env" buildah run work -- true
    exists calls.env
    absent calls.option
    ok env BUILDAH_RUNTIME="$T/by_env" buildah run --runtime "$T/by_option" work -- true
    exists calls.option
    # By configuration: the one that is started is the tested one.
    buildah run work -- sleep 1234 &
    within 10 sleepers 1234
    seen=$("$RUNTIME_PATH" list -q)
    kill -KILL $(sleepers 1234)
    wait
    has "$seen" buildah
    ok buildah run --runtime other work -- true
    ends 1 buildah run --runtime "$T/missing" work -- true
    has "$err" missing
    ok buildah rm work
}

test_users_folders_environment_and_mounts_of_a_run() {
    from_box
    mkdir bound
    echo from outside >bound/file
    ends 1 run_in --user app:extra --workingdir /tmp --env GIVEN=1 -v "$PWD/bound:/mnt:ro" --mount type=tmpfs,target=/scratch work -- \
        sh -c 'id; pwd; echo $GIVEN; cat /mnt/file; grep -c " /scratch tmpfs" /proc/mounts; touch /mnt/x'
    has "$out" "uid=1000(app) gid=2000(extra)"
    has "$out" $'/tmp\n1\nfrom outside\n1'
    has "$err" "Read-only file system"
    ok buildah rm work
}

test_rights_of_a_run() {
    from_box
    ok run_in --cap-drop CAP_CHOWN --cap-add CAP_SYS_TIME work -- grep CapEff /proc/self/status
    local capabilities
    capabilities=0x$(awk '{ print $2 }' <<<"$out")
    eq "$((capabilities & 1)) $((capabilities >> 25 & 1))" "0 1"
    ok run_in work -- grep -E 'Seccomp:' /proc/self/status
    eq "$(tr -d '\t' <<<"$out")" Seccomp:2
    ok run_in --isolation rootless work -- id -u
    eq "$out" 0
    ok buildah rm work
}

test_namespaces_of_a_run() {
    from_box
    ok run_in work -- sh -c 'readlink /proc/self/ns/pid /proc/self/ns/net; ls /sys/class/net; echo $$'
    lacks "$out" "$(readlink /proc/self/ns/pid)"
    lacks "$out" "$(readlink /proc/self/ns/net)"
    ok run_in --network host --hostname me work -- sh -c 'readlink /proc/self/ns/net; hostname'
    eq "$out" "$(readlink /proc/self/ns/net)"$'\nme'
    ok buildah rm work
}

test_limits_stand_in_the_group_of_a_run() {
    from_box --memory 64m --memory-swap 64m --cpu-quota 50000 --cpu-period 100000 "${CPU_0[@]}" --ulimit nofile=123:456 --ulimit "nproc=$OWN_PROCESSES:$OWN_PROCESSES" --shm-size 7m
    ok run_in work -- sh -c 'ulimit -n; ulimit -Hn; grep -o "/dev/shm .*" /proc/mounts'
    matches "$out" '^123$'
    matches "$out" '^456$'
    has "$out" size=7168k
    run_in work -- sleep 1234 &
    within 10 sleepers 1234
    local pid memory quota
    pid=$(sleepers 1234 | tail -1)
    memory=$(limit_of "$pid" memory memory.limit_in_bytes memory.max)
    is_on_cpus "$pid" 0
    quota=$(limit_of "$pid" cpu cpu.cfs_quota_us cpu.max)
    kill -KILL $(sleepers 1234)
    wait
    eq "$memory ${quota%% *}" "67108864 50000"
    ok buildah rm work
}

test_a_run_on_a_terminal() {
    from_box
    ends 5 on_terminal "buildah run --terminal work -- sh -c 'tty; until stty size 2>/dev/null | grep -v ^0; do sleep 0.1; done; exit 5'"
    matches "$out" '/dev/(pts/0|console)'
    has "$out" '33 99'
    printf 'echo a$((1+1))\nexit 3\n' >typed
    ends 3 on_terminal 'buildah run --terminal work -- sh' <typed
    has "$out" a2
    ok run_in --terminal=false work -- sh -c 'tty || true'
    has "$out" "not a tty"
    ok buildah rm work
}

test_exit_codes_and_what_a_user_sees() {
    from_box
    ends 42 run_in work -- sh -c 'exit 42'
    buildah run work -- sleep 1234 2>said &
    within 10 sleepers 1234
    kill -KILL $(sleepers 1234)
    wait $!
    ne "$?" 0
    has "$(cat said)" "exited on killed"
    call run_in work -- nosuch
    ne "$code" 0
    is_missing "$err" nosuch
    call run_in work -- /etc/passwd
    ne "$code" 0
    is_forbidden "$err" /etc/passwd
    call run_in --workingdir /etc/passwd work -- true
    ne "$code" 0
    matches "$err" "[Nn]ot a directory"
    ok buildah rm work
}

test_an_image_is_built_configured_committed_and_runs_again() {
    from_box
    run_in work -- sh -c 'echo kept >/kept'
    ok buildah config --env A=b --user app --workingdir /home/app work
    ok run_in work -- sh -c 'id -un; pwd; echo $A; cat /kept'
    eq "$out" $'app\n/home/app\nb\nkept'
    ok buildah commit -q work made:1
    ok buildah rm work
    buildah from --pull-never --name again made:1 >/dev/null
    ok run_in again -- sh -c 'id -un; pwd; cat /kept'
    eq "$out" $'app\n/home/app\nkept'
    ok buildah rm again
    ok buildah rmi made:1
}

test_a_containerfile_with_stages_and_mounts() {
    mkdir ctx
    echo copied >ctx/file
    echo hidden >secret
    ok build 1 --secret id=key,src=secret --ulimit nofile=123:456 --ulimit "nproc=$OWN_PROCESSES:$OWN_PROCESSES" <<END
FROM $BOX AS tools
RUN echo made by tools >/tool
FROM $BOX
COPY --chown=app:extra file /srv/file
WORKDIR /srv/deep
RUN --mount=type=cache,target=/cache echo kept >/cache/kept
RUN --mount=type=cache,target=/cache --mount=type=secret,id=key,target=/run/key,mode=0400 --mount=type=bind,from=tools,source=/tool,target=/tool \\
    --mount=type=tmpfs,target=/scratch cat /cache/kept /run/key /tool >/result && grep -c ' /scratch tmpfs ' /proc/mounts >>/result && ulimit -n >>/result
RUN --network=none ls /sys/class/net >>/result
USER app
RUN id -un >/tmp/user; pwd >>/tmp/user; stat -c %U:%G ../file >>/tmp/user
END
    buildah from --pull-never --name work made:1 >/dev/null
    ok run_in work -- cat /result /tmp/user
    eq "$out" $'kept\nhidden\nmade by tools\n1\n123\nlo\napp\n/srv/deep\napp:extra'
    ok run_in work -- sh -c 'cat /run/key /tool /cache/kept 2>/dev/null; true'
    eq "$out" ""
    ok buildah rm work
    ok buildah rmi made:1
}

test_a_step_that_fails_is_told_with_its_code_and_leaves_nothing() {
    ends 42 build 1 <<END
FROM $BOX
RUN echo this is said >&2; exit 42
END
    has "$err$out" "this is said"
    has "$err$out" "exit status 42"
    call build 1 <<END
FROM $BOX
RUN ["nosuch", "argument"]
END
    ne "$code" 0
    is_missing "$err" nosuch
}

test_a_run_that_is_killed_in_the_middle_leaves_no_process() {
    from_box
    buildah run work -- sh -c 'trap "exit 9" TERM; sleep 1234 & sleep 1235 & wait' &
    within 10 sleepers 1235
    kill -TERM $!
    wait $!
    ne "$?" 0
    within 10 eval '! sleepers "123[45]"'
    ok run_in work -- true
    ok buildah rm work
}

test_ten_runs_at_once() {
    from_box
    ok xargs -P 10 -I{} buildah run work -- sh -c 'echo {} >/tmp/n{}; cat /tmp/n{}' < <(seq 10)
    eq "$(sort -n <<<"$out" | xargs)" "1 2 3 4 5 6 7 8 9 10"
    ok buildah rm work
}
