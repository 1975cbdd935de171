# hooks: six kinds, their order, state, environment, timeout and failures. config.md "POSIX-platform Hooks".

# Adds a hook that appends its name to $T/order: KIND [SHELL-SCRIPT]
hook() {
    local script="echo $1 >> $T/order; ${2:-:}"
    config --arg k "$1" --arg s "$script" '.hooks[$k] += [{path: "/bin/sh", args: ["sh", "-c", $s]}]'
}

test_hooks_run_in_the_order_of_the_spec() {
    bundle
    local kind
    for kind in poststop poststart createContainer createRuntime prestart; do hook $kind; done
    mkdir -p "$R$T"
    config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "echo startContainer >> /order"]}]'
    script 'echo process >> /order'
    created
    eq "$(tr '\n' ' ' <"$T/order")" "prestart createRuntime createContainer " "after create"
    absent "$R/order"
    ok tare start "$ID"
    becomes stopped
    eq "$(tr '\n' ' ' <"$R/order")" "startContainer process " "in the container"
    eventually grep -q poststart "$T/order"
    gone
    eq "$(tr '\n' ' ' <"$T/order")" "prestart createRuntime createContainer poststart poststop "
}

test_several_hooks_of_one_kind_run_in_their_order() {
    bundle
    hook createRuntime 'echo one >> '"$T/order"
    hook createRuntime 'sleep 0.2; echo two >> '"$T/order"
    hook createRuntime 'echo three >> '"$T/order"
    runs
    eq "$(grep -v create "$T/order" | tr '\n' ' ')" "one two three "
}

test_each_hook_gets_the_state_on_stdin() {
    bundle
    config '.annotations = {"a.key": "a value"}'
    local kind
    for kind in prestart createRuntime createContainer poststart poststop; do hook $kind "cat > $T/state-$kind"; done
    config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "cat > /state-startContainer"]}]'
    command_is sleep 30
    started
    cp "$R/state-startContainer" "$T/"
    ok tare kill "$ID" KILL
    becomes stopped
    gone
    for kind in prestart createRuntime createContainer startContainer poststart poststop; do
        eq "$(jq -r '.id, .bundle, .annotations["a.key"]' "$T/state-$kind" | tr '\n' '|')" "$ID|$B|a value|" "$kind"
        matches "$(jq -r .ociVersion "$T/state-$kind")" '^1\.' "$kind ociVersion"
    done
    for kind in prestart createRuntime createContainer; do matches "$(jq -r .status "$T/state-$kind")" '^(creating|created)$' "status in $kind"; done
    eq "$(jq -r .status "$T/state-startContainer")" created "status in startContainer"
    eq "$(jq -r .status "$T/state-poststart")" running "status in poststart"
    eq "$(jq -r .status "$T/state-poststop")" stopped "status in poststop"
    for kind in prestart createRuntime createContainer poststart; do eq "$(jq -r .pid "$T/state-$kind")" "$PID" "pid in $kind"; done
}

test_the_environment_of_a_hook_is_exactly_its_own() {
    bundle
    config --arg t "$T" '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "env > \($t)/env"], env: ["ONE=1", "TWO=a b"]}]'
    FROM_THE_CALLER=1 runs
    eq "$(grep -vE '^(PWD|SHLVL|_|OLDPWD)=' "$T/env" | sort)" "ONE=1
TWO=a b"
}

test_a_hook_without_env_gets_none_of_the_callers_or_the_images() {
    bundle
    config '.process.env += ["LD_PRELOAD=/evil.so"]'
    hook createContainer "env > $T/env"
    FROM_THE_CALLER=1 runs
    eq "$(grep -vE '^(PWD|SHLVL|_|OLDPWD)=' "$T/env")" ""
}

test_arguments_of_a_hook_are_passed_verbatim() {
    bundle
    config --arg t "$T" '.hooks.createRuntime = [{path: "/bin/sh", args: ["other-name", "-c", "echo \"$0|$1|$2|$#\" > \($t)/args", "zero", "two words", ""]}]'
    runs
    eq "$(cat "$T/args")" "zero|two words||2"
}

test_a_hook_without_args_gets_its_path_as_name() {
    bundle
    printf '#!/bin/sh\necho "$#" > %s/count\n' "$T" >"$T/hook" && chmod 755 "$T/hook"
    config --arg t "$T" '.hooks.createRuntime = [{path: "\($t)/hook"}]'
    runs
    eq "$(cat "$T/count")" 0
}

test_prestart_and_create_runtime_run_in_the_runtimes_namespaces() {
    bundle
    local kind
    for kind in prestart createRuntime poststart poststop; do hook $kind "readlink /proc/self/ns/mnt /proc/self/ns/net > $T/ns-$kind"; done
    runs
    for kind in prestart createRuntime poststart poststop; do
        eq "$(cat "$T/ns-$kind")" "$(readlink /proc/self/ns/mnt /proc/self/ns/net)" "$kind"
    done
}

test_create_container_runs_in_the_containers_namespaces_before_the_pivot() {
    bundle
    hook createContainer "readlink /proc/self/ns/mnt > $T/ns; grep -c '$R' /proc/self/mountinfo > $T/seen"
    runs
    ne "$(cat "$T/ns")" "$(readlink /proc/self/ns/mnt)" "mount namespace"
    at_least "$(cat "$T/seen")" 3 "mounts of the container that the hook sees below $R"
}

test_what_create_runtime_mounts_into_the_namespace_is_there() {
    bundle
    mkdir "$T/given" "$R/given" && echo given >"$T/given/file"
    hook createContainer "mount --bind $T/given $R/given"
    script 'cat /given/file'
    runs
    eq "$out" given
}

test_start_container_runs_inside_with_the_containers_root_and_user() {
    bundle
    config '.process.user = {uid: 1000, gid: 1000}'
    chmod 777 "$R"
    config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "ls / > /seen; cat /proc/self/status > /status"], env: ["PATH=/bin"]}]'
    runs
    has "$(cat "$R/seen")" bin
    lacks "$(cat "$R/seen")" work
    has "$(cat "$R/status")" "Pid:"
}

test_a_failing_hook_of_create_fails_the_create_and_leaves_nothing() {
    local kind
    for kind in prestart createRuntime createContainer; do
        bundle "$kind"
        hook $kind 'exit 3'
        hook poststop
        refuses 'hook' tare create "$ID"
        [ -n "$FOREIGN" ] || { has "$err" "$kind"; matches "$err" '\b3\b' "exit code in the message"; }
        refuses 'does not exist' tare state "$ID"
        has "$(cat "$T/order")" poststop "poststop runs after a failed create"
        rm "$T/order"
    done
}

test_a_failing_start_container_hook_fails_the_start() {
    bundle
    config '.hooks.startContainer = [{path: "/bin/false", args: ["false"]}]'
    script 'echo ran > /ran'
    created
    call tare start "$ID"
    eventually status_is stopped
    absent "$R/ran"
    gone
}

test_a_failing_poststop_hook_does_not_keep_the_container() {
    bundle
    hook poststop 'exit 1'
    hook poststop 'echo second >> '"$T/order"
    started
    becomes stopped
    call tare delete "$ID"
    refuses 'does not exist' tare state "$ID"
    [ -n "$FOREIGN" ] || { has "$(cat "$T/order")" second; eq "$code" 1; }
}

test_a_failing_poststart_hook_does_not_stop_the_others() {
    bundle
    hook poststart 'exit 1'
    hook poststart 'echo second >> '"$T/order"
    command_is sleep 30
    created
    call tare start "$ID"
    # runc 1.1 and the spec of today differ on whether the container lives; it must be gone or alive, never between.
    matches "$(state .status)" '^(running|stopped)$'
    gone
}

test_a_hook_that_takes_too_long_is_killed() {
    bundle
    config --arg t "$T" '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "sleep 20"], timeout: 1}]'
    refuses 'hook.*time|time.*hook|killed' tare create "$ID"
    at_most "$took_ms" 3000 "milliseconds"
    at_least "$took_ms" 900 "milliseconds"
}

test_a_missing_hook_is_refused() {
    bundle
    config '.hooks.createRuntime = [{path: "/no/such/hook"}]'
    refuses 'no such file' tare create "$ID"
}

test_a_relative_hook_path_is_refused() {
    bundle
    config '.hooks.createRuntime = [{path: "bin/true"}]'
    refuses 'absolute|hook' tare create "$ID"
}

test_a_hook_timeout_of_zero_or_less_is_refused() {
    ours_only
    bundle
    config '.hooks.createRuntime = [{path: "/bin/true", timeout: 0}]'
    refuses 'timeout' tare create "$ID"
    config '.hooks.createRuntime = [{path: "/bin/true", timeout: -1}]'
    refuses 'timeout' tare create "$ID"
}

test_a_hook_inherits_no_descriptor() {
    bundle
    cp "$PROBE" "$T/probe"
    hook createRuntime "$T/probe fds > $T/fds"
    hook createContainer "$T/probe fds > $T/fds2"
    runs
    eq "$(cat "$T/fds" "$T/fds2")" "" "descriptors of the hooks"
}

test_a_hook_that_does_not_read_its_stdin_is_fine() {
    bundle
    config '.annotations.big = ([range(20000)] | map("x") | join(""))'
    config '.hooks.createRuntime = [{path: "/bin/true", args: ["true"]}]'
    runs
}

test_the_network_namespace_can_be_entered_by_a_prestart_hook() {
    bundle
    hook prestart "pid=\$(jq .pid); nsenter --net=/proc/\$pid/ns/net ip link add name hooked type veth peer name peer"
    ip link add tare-probe type veth peer name tare-probe2 2>/dev/null && ip link del tare-probe || skip "no veth devices here"
    script 'ls /sys/class/net'
    config '.hooks.prestart[0].env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]'
    runs
    has "$out" hooked
}

test_a_start_container_hook_that_never_stops_writing_is_ended_in_time() {
    ours_only
    bundle
    config '.hooks.startContainer = [{path: "/bin/cat", args: ["cat", "/dev/zero"], timeout: 1}]'
    command_is sleep 30
    call tare run "$ID"
    ne "$code" 0
    matches "$err" 'timeout of 1 s'
    at_most "$took_ms" 2500 "milliseconds"
}

test_a_hook_that_cannot_be_killed_keeps_nobody() {
    needs_v1 freezer
    bundle
    # Nothing reaches a process in a frozen group of version 1.
    local group
    group=$(cgroup_file freezer .)/hook
    config --arg g "$group" '.hooks.createRuntime = [{path: "/bin/sh", timeout: 1, args: ["sh", "-c",
        "mkdir -p \($g) && echo $$ > \($g)/tasks && echo FROZEN > \($g)/freezer.state; sleep 60"]}]'
    call timeout 30 "$TARE" --root "$STATE" create "$ID"
    echo THAWED >"$group/freezer.state"
    eventually rmdir "$group"
    eq "$code" 1 "exit code: $err"
    has "$err" "ran past its timeout of 1 s"
    rmdir "$(cgroup_file freezer .)" 2>/dev/null
    gone
}
