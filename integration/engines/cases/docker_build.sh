# docker build: dockerd's BuildKit, which calls the runtime itself, by `run`, and follows it. Called by session; the daemon is docker.sh's.
# No registry is needed: the frontend of Dockerfiles is built in, and the base image is loaded. (That frontend does not know
# `RUN --security=insecure`; the one that does is in a registry.)

. "$ENGINES/docker.sh"
engine_version() { echo "$(docker_version), $(docker buildx version)"; }
engine_start() { docker_start; }
engine_stop() { stop_daemon dockerd; }
case_cleanup() { docker_cleanup; docker buildx prune -af; }
leftovers() {
    docker_leftovers
    find /run/buildkit "$(builder_state)" -mindepth 1 -maxdepth 1 -type d -path '*/executor/*' ! -name resolv.conf ! -name hosts 2>/dev/null | sed 's/^/bundle /'
}
builder_state() { echo /var/lib/docker/buildkit/executor; }

# Nothing is taken from an earlier build. A step has the bridge's network if it is not told another; where there can be no bridge, it is told to have none.
export DOCKER_BUILDKIT=1
BUILD=(docker build --no-cache --progress plain -f Dockerfile)
has_networks || BUILD+=(--network none)
# Builds made:NAME from the Dockerfile on stdin, in the folder ctx.
build() { # NAME [OPTION...]
    local name=$1
    shift
    mkdir -p ctx
    cat >Dockerfile
    "${BUILD[@]}" -t "made:$name" "$@" ctx
}
made() { docker run --rm --network none "made:$@"; }
# The commands of a build that run now.
steps() { sleepers '123[45]'; }

test_an_image_is_built_and_runs() {
    mkdir ctx
    echo copied >ctx/file
    ok build 1 <<END
FROM $BOX
ENV FROM_ENV=1
COPY --chown=app:extra file /srv/file
WORKDIR /srv/deep
RUN pwd >../where && stat -c %U:%G ../file >../owner && echo \$FROM_ENV >../env
USER app
RUN id >/tmp/id; touch /root/x 2>/tmp/denied || true
SHELL ["/bin/sh", "-ec"]
RUN false || echo shell >/tmp/shell
CMD ["sh", "-c", "cat /srv/where /srv/owner /srv/env /tmp/id /tmp/shell; pwd; id -un"]
END
    ok made 1
    eq "$out" $'/srv/deep\napp:extra\n1\nuid=1000(app) gid=1000(app) groups=1000(app),2000(extra)\nshell\n/srv/deep\napp'
    ok made 1 cat /tmp/denied
    has "$out" "Permission denied"
    ok docker rmi made:1
}

test_the_tested_runtime_is_the_one_that_builds() {
    # Whichever it is: it is the parent of the command as long as that runs.
    mkdir ctx
    build 1 >built 2>&1 <<END &
FROM $BOX
RUN sleep 1234
END
    local client=$!
    within 20 steps
    local runtime
    runtime=$(ps -o args= -C "${RUNTIME_PATH##*/}" | grep ' run --bundle ')
    kill -KILL $(sleepers 1234)
    wait $client
    ne "$?" 0
    has "$runtime" "$RUNTIME_PATH"
    has "$(cat built)" "exit code: 137"
}

test_mounts_of_a_step_are_there_and_stay_out_of_the_image() {
    mkdir ctx
    echo from the context >ctx/file
    echo hidden >secret
    ok build 1 --secret id=key,src=secret <<END
FROM $BOX AS tools
RUN echo made by tools >/tool
FROM $BOX
RUN --mount=type=cache,target=/cache,id=made echo kept >/cache/kept
RUN --mount=type=cache,target=/cache,id=made \\
    --mount=type=secret,id=key,target=/run/key,mode=0400,uid=1000 \\
    --mount=type=bind,target=/context \\
    --mount=type=bind,from=tools,source=/tool,target=/tool \\
    --mount=type=tmpfs,target=/scratch,size=1m \\
    cat /cache/kept /run/key /context/file /tool >/result && stat -c '%a %u' /run/key >>/result && \\
    grep -c ' /scratch tmpfs ' /proc/mounts >>/result && { touch /context/x 2>&1 || true; } >>/result
END
    ok made 1 cat /result
    eq "$out" $'kept\nhidden\nfrom the context\nmade by tools\n400 1000\n1\ntouch: /context/x: Read-only file system'
    ok made 1 sh -c 'cat /run/key /tool /context/file /cache/kept /scratch/x 2>/dev/null; true'
    eq "$out" ""
    ok docker rmi made:1
}

test_stages_that_are_not_needed_are_not_built() {
    ok build 1 <<END
FROM $BOX AS base
FROM base AS one
RUN touch /started; for i in \$(seq 50); do echo one\$i; done >/one
FROM base AS two
RUN for i in \$(seq 50); do echo two\$i; done >/two
FROM base AS three
RUN id -u >/three
FROM base AS unused
RUN exit 1
FROM base
COPY --from=one /one /
COPY --from=two /two /
COPY --from=three /three /
RUN cat /one /two /three | wc -l >/result
END
    ok made 1 cat /result
    eq "$out" 101
    ok docker rmi made:1
}

test_a_step_that_fails_is_told_with_its_code() {
    ends 1 build 1 <<END
FROM $BOX
RUN echo this is said >&2; exit 42
END
    has "$err$out" "this is said"
    has "$err$out" "did not complete successfully: exit code: 42"
    ends 1 build 1 <<END
FROM $BOX
RUN ["nosuch", "argument"]
END
    has "$err$out" "did not complete successfully: exit code: "
    is_missing "$err$out" nosuch
    ends 1 build 1 <<END
FROM $BOX
RUN ["/etc/passwd"]
END
    is_forbidden "$err$out" /etc/passwd
    ends 1 build 1 <<END
FROM $BOX
RUN kill -SEGV \$\$; kill -KILL \$\$ ; sleep 1; nosuch
END
    has "$err$out" "nosuch: not found"
    has "$err$out" "exit code: 127"
}

test_a_build_that_is_interrupted_leaves_nothing() {
    local client
    mkdir ctx
    printf 'FROM %s\nRUN sleep 1234 & sleep 1234 & sleep 1235\n' $BOX >Dockerfile
    setsid "${BUILD[@]}" ctx >built 2>&1 &
    client=$!
    within 20 sleepers 1235
    pkill -INT -s $client
    wait $client
    ne "$?" 0
    within 15 eval '! steps'
}

test_a_step_has_the_network_that_it_is_told() {
    ok build 1 --network none <<END
FROM $BOX
RUN ls /sys/class/net >/result
END
    ok made 1 cat /result
    eq "$out" lo
    ok build 1 <<END
FROM $BOX
RUN --network=none ls /sys/class/net >/result
RUN --network=none readlink /proc/self/ns/net >/ns
END
    ok made 1 cat /result
    eq "$out" lo
    ok build 1 --network host <<END
FROM $BOX
RUN readlink /proc/self/ns/net >/ns
END
    ok made 1 cat /ns
    eq "$out" "$(readlink /proc/self/ns/net)"
    ok docker rmi made:1
}

test_a_step_reaches_the_bridge_by_a_hook() {
    has_networks || skip "this kernel has no bridge, veth or NAT"
    ok docker run -d --name web "$BOX" httpd -f -h /var/www
    local address
    address=$(of_box web .NetworkSettings.Networks.bridge.IPAddress)
    call build 1 --add-host "web:$address" <<END
FROM $BOX
RUN ip addr show dev eth0 && wget -qO /result http://web/
END
    docker rm -f web >/dev/null
    eq "$code" 0 "exit code, with $out $err"
    ok made 1 cat /result
    eq "$out" "hello from the box"
    ok docker rmi made:1
}

test_a_step_has_no_right_that_a_container_has_not() {
    ok build 1 <<END
FROM $BOX
RUN grep -E 'CapEff|Seccomp:' /proc/self/status >/result; mount -t tmpfs x /mnt 2>>/result || true
END
    ok made 1 cat /result
    has "$out" 00000000a80425fb
    matches "$out" $'Seccomp:\t2'
    has "$out" "permission denied"
    ok docker rmi made:1
}

test_limits_of_a_build() {
    ok build 1 --ulimit nofile=123:456 --shm-size 7m --memory 64m "${CPU_0[@]}" <<END
FROM $BOX
RUN ulimit -n >/result; ulimit -Hn >>/result; grep /dev/shm /proc/mounts >>/result
END
    ok made 1 cat /result
    has "$out" $'123\n456'
    has "$out" size=7168k
    ok docker rmi made:1
}

no_groups_of_steps() { [ -z "$(find /sys/fs/cgroup -mindepth 2 -type d -path '*made-parent/buildkit/*')" ]; }
test_the_groups_of_a_step_are_below_the_builders_parent() {
    mkdir ctx
    printf 'FROM %s\nRUN sleep 1234\n' $BOX | build 1 --cgroup-parent made-parent >built 2>&1 &
    local client=$! groups
    within 20 steps
    groups=$(cat "/proc/$(sleepers 1234 | tail -1)/cgroup")
    kill -KILL $(sleepers 1234)
    wait $client
    matches "$groups" made-parent
    within 10 no_groups_of_steps
    # The parent is nobody's to remove.
    find /sys/fs/cgroup -depth -type d -path '*made-parent*' -exec rmdir {} +
}
