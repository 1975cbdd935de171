# Annotations of crun about seccomp, groups, pidfds and mounts; what is refused; what features says. docs/annotations.md.

annotate() { config --arg k "$1" --arg v "$2" '.annotations[$k] = $v'; }
notifying() { # [LISTENER-PATH]
    config --arg p "${1:-}" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]}
        + (if $p == "" then {} else {listenerPath: $p} end)'
}
# A seccomp agent at $T/NAME.sock that answers mkdir with EACCES.
agent() {
    python3 "$INTEGRATION/lib/agent.py" notify "$T/$1.sock" 83=13 >"$T/$1.out" 2>"$T/$1.err" &
    eventually grep -q listening "$T/$1.err"
}
agents_end() { eventually sh -c "! pgrep -f '[a]gent.py'"; }

test_the_seccomp_receiver_gets_the_listener_and_the_state() {
    bundle
    agent one
    notifying
    annotate run.oci.seccomp.receiver "$T/one.sock"
    script 'probe syscall mkdir /x 511'
    call tare run "$ID"
    eq "$out" "-1 EACCES" "the agent's answer: $err"
    eq "$(head -1 "$T/one.out" | jq -r '.fds, .state.fds[0], .state.state.id' | tr '\n' ' ')" "1 seccompFd $ID "
    agents_end
}

test_the_seccomp_receiver_is_remembered_from_create_to_start() {
    bundle
    agent one
    notifying
    annotate run.oci.seccomp.receiver "$T/one.sock"
    script 'probe syscall mkdir /x 511'
    started
    becomes stopped
    eq "$(cat stdout)" "-1 EACCES"
    gone
    agents_end
}

test_the_environments_receiver_serves_who_names_none() {
    bundle
    agent default
    notifying
    script 'probe syscall mkdir /x 511'
    RUN_OCI_SECCOMP_RECEIVER=$T/default.sock call tare run "$ID"
    eq "$out" "-1 EACCES" "the agent's answer: $err"
    agents_end
    # The configuration's own is asked, not the environment's, where nobody listens any more.
    bundle own
    agent own
    notifying
    annotate run.oci.seccomp.receiver "$T/own.sock"
    script 'probe syscall mkdir /x 511'
    RUN_OCI_SECCOMP_RECEIVER=$T/default.sock call tare run "$ID"
    eq "$out" "-1 EACCES" "the agent's answer: $err"
    agents_end
    RUN_OCI_SECCOMP_RECEIVER=relative refuses 'RUN_OCI_SECCOMP_RECEIVER must be an absolute path' tare run "$ID"
}

test_two_seccomp_receivers_are_refused() {
    bundle
    notifying "$T/one.sock"
    annotate run.oci.seccomp.receiver "$T/two.sock"
    refuses 'listenerPath.*run.oci.seccomp.receiver' tare create "$ID"
    notifying
    annotate run.oci.seccomp.receiver relative.sock
    refuses 'run.oci.seccomp.receiver must be an absolute path' tare create "$ID"
}

test_a_seccomp_receiver_that_nobody_asks_is_a_warning() {
    bundle
    annotate run.oci.seccomp.receiver "$T/nobody.sock"
    command_is echo fine
    ok tare --log "$T/log" run "$ID"
    eq "$out" fine
    matches "$(cat "$T/log")" 'level=warning.*run.oci.seccomp.receiver has no effect'
}

test_unknown_system_calls_are_a_warning_or_an_error() {
    bundle
    config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "call_of_the_future"], action: "SCMP_ACT_ERRNO"}]}'
    script 'probe syscall mkdir /x 511'
    call tare --log "$T/log" run "$ID"
    eq "$out" "-1 EPERM"
    matches "$(cat "$T/log")" 'level=warning.*unknown system calls are ignored: call_of_the_future'
    annotate run.oci.seccomp_fail_unknown_syscall 1
    refuses 'linux/seccomp/syscalls/0/names/1.*call_of_the_future.*run.oci.seccomp_fail_unknown_syscall' tare create "$ID"
    annotate run.oci.seccomp_fail_unknown_syscall 0
    call tare run "$ID"
    eq "$out" "-1 EPERM"
    annotate run.oci.seccomp_fail_unknown_syscall maybe
    refuses 'must be 1 or 0' tare create "$ID"
}

with_groups() { setpriv --groups "$1" "$TARE" --root "$STATE" run "$ID"; }

test_the_callers_groups_stay_if_asked_for() {
    bundle
    script 'sed -n "s/^Groups:[[:space:]]*//p" /proc/self/status'
    ok with_groups 4242,4343
    eq "${out% }" "" "without the annotation"
    annotate run.oci.keep_original_groups 0
    ok with_groups 4242,4343
    eq "${out% }" "" "with 0"
    annotate run.oci.keep_original_groups 1
    ok with_groups 4242,4343
    eq "${out% }" "4242 4343"
    # podman lists the user's own group among the others.
    config '.process.user = {uid: 1000, gid: 1000, additionalGids: [1000]}'
    ok with_groups 4242,4343
    eq "${out% }" "4242 4343" "as another user"
}

test_kept_groups_open_what_the_callers_groups_may() {
    bundle
    mkdir "$T/shared" && chgrp 104242 "$T/shared" && chmod 770 "$T/shared"
    add_mount /shared bind "$T/shared" bind
    config '.process.user = {uid: 1000, gid: 1000}'
    user_namespace 200000 65536
    script 'echo kept > /shared/file'
    ends 1 with_groups 104242
    absent "$T/shared/file"
    annotate run.oci.keep_original_groups 1
    ok with_groups 104242
    eq "$(cat "$T/shared/file")" kept
}

test_kept_groups_win_over_those_of_the_configuration() {
    bundle
    annotate run.oci.keep_original_groups 1
    # As podman asks for the user of an image who has other groups there.
    config '.process.user = {uid: 1000, gid: 1000, additionalGids: [1000, 2000]}'
    script 'sed -n "s/^Groups:[[:space:]]*//p" /proc/self/status'
    ok with_groups 4242,4343
    eq "${out% }" "4242 4343"
    eq "$err" ""
    [ -n "$FOREIGN" ] || has "$(setpriv --groups 4242 "$TARE" --debug --root "$STATE" run "$ID" 2>&1)" "additionalGids: no effect"
}

pidfd_agent() {
    python3 "$INTEGRATION/lib/agent.py" fds "$T/$1.sock" >"$T/$1.out" 2>"$T/$1.err" &
    eventually grep -q listening "$T/$1.err"
}

test_the_pidfd_receiver_and_the_option_get_one_each() {
    bundle
    command_is sleep 30
    pidfd_agent annotation
    pidfd_agent option
    annotate run.oci.pidfd_receiver "$T/annotation.sock"
    created --pidfd-socket "$T/option.sock"
    agents_end
    local name
    for name in annotation option; do
        matches "$(jq -r '.fds[0].link' "$T/$name.out")" 'pidfd' "$name"
        eq "$(jq -r '.fds[0].info' "$T/$name.out" | sed -n 's/^Pid:\t//p')" "$PID" "$name"
    done
    gone
}

test_one_socket_for_both_gets_the_pidfd_once() {
    bundle
    command_is sleep 30
    # Counts its connections until half a second after the first.
    python3 -c 'import socket, sys
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen(4)
print("listening", file=sys.stderr, flush=True)
connections = []
try:
    while True: connections.append(server.accept()); server.settimeout(0.5)
except TimeoutError: print(len(connections))' "$T/one.sock" >"$T/one.out" 2>"$T/one.err" &
    local counter=$!
    eventually grep -q listening "$T/one.err"
    annotate run.oci.pidfd_receiver "$T/one.sock"
    created --pidfd-socket "$T/one.sock"
    wait $counter
    eq "$(cat "$T/one.out")" 1 connections
    gone
}

test_a_pidfd_receiver_that_is_not_there_leaves_nothing() {
    bundle
    annotate run.oci.pidfd_receiver "$T/nobody.sock"
    refuses 'nobody.sock' tare create --pid-file "$T/pid" "$ID"
    absent "$T/pid"
    refuses 'does not exist' tare state "$ID"
}

test_the_type_of_a_mount_label_is_checked() {
    bundle
    command_is echo fine
    local word
    for word in context fscontext defcontext rootcontext; do
        annotate run.oci.mount_context_type "$word"
        runs
    done
    annotate run.oci.mount_context_type seclabel
    refuses 'annotations/run.oci.mount_context_type.*rootcontext' tare create "$ID"
}

test_annotations_that_ask_for_what_is_not_there_are_refused() {
    bundle
    local name
    for name in run.oci.handler run.oci.seccomp.plugins run.oci.seccomp_bpf_data run.oci.systemd.force_cgroup_v1; do
        config --arg k "$name" '.annotations = {($k): "x"}'
        refuses "annotations/$name: annotation $name is not supported.*remove the annotation" tare create "$ID"
    done
    config '.annotations = {"krun.cpus": "2", "module.wasm.image/variant": "compat", "io.kubernetes.cri.container-type": "sandbox", "run.oci.unknown": "1"}'
    command_is echo fine
    runs
    eq "$out" fine
}

test_properties_of_the_unit_are_checked_and_have_no_effect_under_cgroupfs() {
    [ "$CGROUP_MANAGER" = cgroupfs ] || skip "systemd is the cgroup manager here"
    bundle
    command_is echo fine
    config '.annotations = {"org.systemd.property.TimeoutStopUSec": "uint64 30000000", "org.systemd.property.DefaultDependencies": "true",
        "org.systemd.property.After": "['"'crio.service'"']", "run.oci.systemd.subgroup": "inner"}'
    ok tare --debug --log "$T/log" run "$ID"
    eq "$out" fine
    matches "$(cat "$T/log")" 'level=debug.*unit property TimeoutStopUSec: no effect without the systemd manager'
    matches "$(cat "$T/log")" 'level=debug.*run.oci.systemd.subgroup: no effect'
    config '.annotations = {"org.systemd.property.ExecStopPost": "'"'x'"'"}'
    refuses 'annotations/org.systemd.property.ExecStopPost.*may not set.*remove the annotation' tare create "$ID"
    config '.annotations = {"org.systemd.property.TimeoutStopSec": "soon"}'
    refuses 'org.systemd.property.TimeoutStopSec.*for example 5' tare create "$ID"
}

test_each_annotation_that_features_lists_changes_what_is_done() {
    bundle
    local name
    at_least "$(tare features | jq '.potentiallyUnsafeConfigAnnotations | length')" 10
    for name in $(tare features | jq -r '.potentiallyUnsafeConfigAnnotations[]'); do
        case $name in *.) name=${name}NoSuchThing ;; esac
        # A value that means nothing to any of them.
        config --arg k "$name" '.annotations = {($k): "\n"}'
        refuses "$name" tare create "$ID"
    done
}
