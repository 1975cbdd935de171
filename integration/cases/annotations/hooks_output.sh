# run.oci.hooks.stdout and run.oci.hooks.stderr: where hooks write. docs/annotations.md, "Output of hooks".

output_to() { # STREAM FILE
    config --arg k "run.oci.hooks.$1" --arg v "$2" '.annotations[$k] = $v'
}
# A hook that writes one line to each stream: KIND
hook() { config --arg k "$1" '.hooks[$k] += [{path: "/bin/sh", args: ["sh", "-c", "echo out \($k); echo err \($k) >&2"]}]'; }
every_hook() {
    local kind
    for kind in prestart createRuntime createContainer startContainer poststart poststop; do hook $kind; done
}
lines() { tr '\n' '|' <"$1"; }
ALL='prestart|%s createRuntime|%s createContainer|%s startContainer|%s poststart|%s poststop|'

test_hooks_of_all_kinds_append_to_the_files() {
    bundle
    every_hook
    echo before >"$T/out"
    output_to stdout "$T/out"
    output_to stderr "$T/err"
    command_is true
    started
    becomes stopped
    eventually grep -q poststart "$T/out"
    gone
    eq "$(lines "$T/out")" "before|out ${ALL//%s/out}"
    eq "$(lines "$T/err")" "err ${ALL//%s/err}"
    eq "$(stat -c %a "$T/err")" 600 "mode of a new file"
    eq "$(cat stdout stderr)" "" "the container's own streams"
}

test_hooks_of_run_append_to_the_files_too() {
    bundle
    every_hook
    output_to stdout "$T/out"
    command_is true
    runs
    eq "$(lines "$T/out")" "out ${ALL//%s/out}"
}

test_one_file_may_take_both_streams() {
    bundle
    hook createRuntime
    output_to stdout "$T/both"
    output_to stderr "$T/both"
    runs
    eq "$(lines "$T/both")" "out createRuntime|err createRuntime|"
}

test_a_stream_without_a_file_is_in_the_message_of_a_failure() {
    bundle
    output_to stdout "$T/out"
    local kind
    for kind in createRuntime createContainer startContainer; do
        config --arg k $kind '.hooks = {($k): [{path: "/bin/sh", args: ["sh", "-c", "echo to the file; echo to the message >&2; exit 3"]}]}'
        refuses "$kind.*(exit status 3|status 3).*to the message" tare run "$ID"
        lacks "$err" "to the file"
    done
    eq "$(lines "$T/out")" "to the file|to the file|to the file|"
}

test_the_containers_process_does_not_have_the_files() {
    bundle
    hook startContainer
    output_to stdout "$T/out"
    output_to stderr "$T/err"
    script 'ls -l /proc/self/fd /proc/1/fd'
    started
    becomes stopped
    lacks "$(cat stdout)" "$T/out"
    lacks "$(cat stdout)" "/err"
    gone
}

test_a_waiting_container_without_start_container_hooks_does_not_have_them() {
    bundle
    hook createRuntime
    output_to stdout "$T/out"
    command_is sleep 30
    created
    eq "$(ls -l "/proc/$PID/fd" | grep -c "$T/out")" 0
    gone
}

test_a_file_that_hooks_cannot_have_is_refused_before_anything_is_made() {
    bundle
    hook createRuntime
    hook poststop
    ln -s "$T/target" "$T/link"
    mkfifo "$T/fifo"
    local path
    for path in "$T/link" "$T/fifo" "$T" "$T/missing/file" relative ""; do
        output_to stdout "$path"
        refuses 'run.oci.hooks.stdout must be an absolute path|output of hooks.*(ELOOP|ENXIO|EISDIR|ENOENT)' tare create "$ID"
        refuses 'does not exist' tare state "$ID"
    done
    absent "$T/target"
    output_to stdout /dev/null
    runs
}

test_a_file_that_is_gone_at_delete_keeps_no_hook_from_its_work() {
    bundle
    mkdir "$T/logs"
    config --arg t "$T" '.hooks.poststop = [{path: "/bin/sh", args: ["sh", "-c", "echo done > \($t)/done"]}]'
    output_to stdout "$T/logs/out"
    command_is true
    started
    becomes stopped
    rm -r "$T/logs"
    ok tare --log "$T/log" delete "$ID"
    eq "$(cat "$T/done")" "done"
    matches "$(cat "$T/log")" 'level=warning.*output of hooks goes to no file'
    absent "$T/logs"
}
