# linux.seccomp: actions, arguments, flags, where the filter is loaded.

filter() { config --argjson s "$1" '.linux.seccomp = $s'; }
DENY='{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"],"syscalls":[%s]}'
deny() { # RULES
    # shellcheck disable=SC2059 # the format is ours
    filter "$(printf "$DENY" "$1")"
}

test_errno_is_eperm_or_what_errno_ret_says() {
    bundle
    deny '{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"},{"names":["getppid"],"action":"SCMP_ACT_ERRNO","errnoRet":38},{"names":["getpgid"],"action":"SCMP_ACT_ERRNO","errnoRet":0}'
    script 'probe syscall mkdir /x 511; probe syscall getppid; probe syscall getpgid 0; probe syscall chmod /bin 511'
    call tare run "$ID"
    eq "$out" "-1 EPERM
-1 ENOSYS
0
0"
}

test_kill_actions_end_with_sigsys() {
    bundle
    local action
    script 'probe syscall mkdir /x 511; echo $?'
    for action in SCMP_ACT_KILL SCMP_ACT_KILL_THREAD SCMP_ACT_KILL_PROCESS; do
        deny "{\"names\":[\"mkdir\"],\"action\":\"$action\"}"
        runs
        eq "$out" 159 "$action"
    done
}

test_trap_sends_sigsys() {
    bundle
    deny '{"names":["mkdir"],"action":"SCMP_ACT_TRAP"}'
    script 'probe syscall mkdir /x 511; echo $?'
    runs
    eq "$out" 159
}

test_trace_without_a_tracer_is_enosys() {
    bundle
    deny '{"names":["mkdir"],"action":"SCMP_ACT_TRACE","errnoRet":5}'
    script 'probe syscall mkdir /x 511'
    call tare run "$ID"
    eq "$out" "-1 ENOSYS"
}

test_log_lets_the_call_through() {
    bundle
    deny '{"names":["mkdir"],"action":"SCMP_ACT_LOG"}'
    script 'probe syscall mkdir /x 511'
    runs
    eq "$out" 0
}

test_a_default_of_errno_with_an_allow_list() {
    bundle
    filter '{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"names":["execve","execveat","brk","arch_prctl","exit_group","exit","write","writev","mmap","munmap","mprotect","set_tid_address","set_robust_list","rseq","prlimit64","readlinkat","readlink","getrandom","newfstatat","fstat","getpid","uname","rt_sigprocmask","rt_sigaction"],"action":"SCMP_ACT_ALLOW"}]}'
    command_is probe syscall mkdir /x 511
    call tare run "$ID"
    eq "$out" "-1 EPERM"
    command_is probe syscall getpid
    runs
    eq "$out" 1
}

test_arguments_are_compared() {
    bundle
    # personality is a call without effect when refused: a rule for each operator.
    deny '{"names":["dup3"],"action":"SCMP_ACT_ERRNO","errnoRet":101,"args":[{"index":0,"value":1000,"op":"SCMP_CMP_EQ"}]},
        {"names":["dup3"],"action":"SCMP_ACT_ERRNO","errnoRet":102,"args":[{"index":0,"value":2000,"op":"SCMP_CMP_GT"}]},
        {"names":["getpgid"],"action":"SCMP_ACT_ERRNO","errnoRet":103,"args":[{"index":0,"value":240,"valueTwo":16,"op":"SCMP_CMP_MASKED_EQ"}]},
        {"names":["kill"],"action":"SCMP_ACT_ERRNO","errnoRet":104,"args":[{"index":0,"value":5,"op":"SCMP_CMP_LT"},{"index":1,"value":0,"op":"SCMP_CMP_NE"}]},
        {"names":["getpriority"],"action":"SCMP_ACT_ERRNO","errnoRet":105,"args":[{"index":0,"value":50,"op":"SCMP_CMP_GE"}]},
        {"names":["umask"],"action":"SCMP_ACT_ERRNO","errnoRet":106,"args":[{"index":0,"value":7,"op":"SCMP_CMP_LE"}]}'
    script 'probe syscall dup3 1000 1 0; probe syscall dup3 1001 5 0; probe syscall dup3 2001 5 0; probe syscall dup3 0x100000000 5 0
        probe syscall getpgid 0x1f; probe syscall getpgid 0x2f; probe syscall kill 4 1; probe syscall kill 1 0
        probe syscall getpriority 50 0; probe syscall umask 7; probe syscall umask 18'
    call tare run "$ID"
    eq "$(tr '\n' '|' <<<"$out")" "-1 ENETUNREACH|-1 EBADF|-1 ENETRESET|-1 ENETRESET|-1 ECONNABORTED|-1 ESRCH|-1 ECONNRESET|0|-1 ENOBUFS|-1 EISCONN|18|" "$err"
}

test_the_filter_is_seen_by_the_process_and_loaded_once() {
    bundle
    deny '{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}'
    script 'grep -E "^(Seccomp|Seccomp_filters|NoNewPrivs):" /proc/self/status | tr "\t\n" " |"'
    runs
    eq "$out" "NoNewPrivs: 1|Seccomp: 2|Seccomp_filters: 1|"
}

test_without_no_new_privileges_the_filter_is_loaded_all_the_same() {
    bundle
    config '.process.noNewPrivileges = false | .process.user = {uid: 1000, gid: 1000}'
    deny '{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}'
    script 'grep -E "^(Seccomp|NoNewPrivs|CapEff):" /proc/self/status | tr "\t\n" " |"; probe syscall mkdir /tmp/x 511'
    call tare run "$ID"
    eq "$out" "CapEff: 0000000000000000|NoNewPrivs: 0|Seccomp: 2|-1 EPERM"
}

test_a_filter_may_forbid_what_the_birth_needs() {
    bundle
    deny '{"names":["setuid","setgid","setgroups","capset","prctl","close_range","openat2","mount","umount2","pivot_root","clone3","seccomp","recvmsg","sendmsg","connect","accept4","setresuid","setresgid","fchdir","chdir","getcwd","ppoll","poll"],"action":"SCMP_ACT_ERRNO"}'
    command_is echo fine
    runs
    eq "$out" fine "with noNewPrivileges the filter is the last step"
    # Without it the filter must be loaded while CAP_SYS_ADMIN is held, so it may not forbid the change of identity.
    config '.process.noNewPrivileges = false'
    deny '{"names":["openat2","mount","umount2","pivot_root","clone3","clone","unshare","setns","connect","socket","sethostname","keyctl"],"action":"SCMP_ACT_ERRNO"}'
    runs
    eq "$out" fine "without noNewPrivileges"
}

test_calls_newer_than_the_profile_are_enosys() {
    bundle
    # A profile of an allow list that ends long before listmount(2) (458).
    filter '{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"names":["execve","execveat","brk","arch_prctl","exit_group","exit","write","writev","mmap","munmap","mprotect","set_tid_address","set_robust_list","rseq","prlimit64","readlinkat","readlink","getrandom","newfstatat","fstat","getpid","openat2"],"action":"SCMP_ACT_ALLOW"}]}'
    command_is probe syscall listmount
    call tare run "$ID"
    eq "$out" "-1 ENOSYS"
}

test_unknown_call_names_are_ignored() {
    bundle
    deny '{"names":["mkdir","call_of_the_future"],"action":"SCMP_ACT_ERRNO"},{"names":["another_one"],"action":"SCMP_ACT_ALLOW"}'
    command_is echo fine
    runs
    eq "$out" fine
}

test_unknown_actions_operators_architectures_and_flags_are_refused() {
    bundle
    deny '{"names":["mkdir"],"action":"SCMP_ACT_NOSUCH"}'
    refuses 'SCMP_ACT_NOSUCH|action' tare create "$ID"
    deny '{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":1,"op":"SCMP_CMP_NOSUCH"}]}'
    refuses 'SCMP_CMP_NOSUCH|operator|op' tare create "$ID"
    deny '{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","args":[{"index":6,"value":1,"op":"SCMP_CMP_EQ"}]}'
    refuses 'index|argument|args' tare create "$ID"
    filter '{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_NOSUCH"]}'
    refuses 'SCMP_ARCH_NOSUCH|arch' tare create "$ID"
    filter '{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_NOSUCH"]}'
    refuses 'SECCOMP_FILTER_FLAG_NOSUCH|flag' tare create "$ID"
    filter '{"syscalls":[]}'
    refuses 'defaultAction|default action|seccomp' tare create "$ID"
}

test_flags_are_accepted() {
    bundle
    local flags
    for flags in '[]' '["SECCOMP_FILTER_FLAG_LOG"]' '["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]' '["SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_SPEC_ALLOW"]'; do
        filter "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":$flags,\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\"}]}"
        runs
    done
}

test_the_default_profile_of_podman_lets_a_shell_live() {
    bundle
    local profile=$INTEGRATION/../tests/fixtures/seccomp/podman.json
    [ -e "$profile" ] || skip "no podman.json among the fixtures"
    seccomp_profile "$profile"
    script 'echo fine; grep ^Seccomp: /proc/self/status; ls / >/dev/null && echo x | cat; (sleep 0 & wait) && echo children'
    runs
    eq "$out" "fine
Seccomp:	2
x
children"
}
test_notify_sends_the_state_and_the_listener() {
    bundle
    python3 "$INTEGRATION/lib/agent.py" notify "$T/agent.sock" 83=13 39=value:4242 >"$T/agent.out" 2>"$T/agent.err" &
    eventually grep -q listening "$T/agent.err"
    filter "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"$T/agent.sock\",\"listenerMetadata\":\"some metadata\",\"syscalls\":[{\"names\":[\"mkdir\",\"getpid\",\"chmod\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}"
    script 'probe syscall mkdir /x 511; probe syscall getpid; probe syscall chmod /bin 493'
    call tare run "$ID"
    eq "$out" "-1 EACCES
4242
0" "answers of the agent: $err"
    local state
    state=$(head -1 "$T/agent.out")
    eq "$(jq -r '.fds' <<<"$state")" 1 "descriptors"
    eq "$(jq -r '.state.fds[0]' <<<"$state")" seccompFd
    eq "$(jq -r '.state.metadata' <<<"$state")" "some metadata"
    eq "$(jq -r '.state.state.id' <<<"$state")" "$ID"
    matches "$(jq -r '.state.pid' <<<"$state")" '^[1-9]'
    ne "$(jq -r '.state.ociVersion' <<<"$state")" null
    eventually sh -c "! pgrep -f '[a]gent.py notify'"
}

test_notify_without_a_listener_is_refused() {
    bundle
    filter '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}'
    refuses 'listener' tare create "$ID"
}

test_notify_with_nobody_listening_is_refused() {
    bundle
    filter "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"$T/nobody.sock\",\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}"
    refuses 'nobody.sock|listener|no such file' tare run "$ID"
}

test_a_start_container_hook_is_confined() {
    bundle
    deny '{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}'
    config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "grep ^Seccomp: /proc/self/status > /status"], env: ["PATH=/bin"]}]'
    runs
    matches "$(cat "$R/status")" 'Seccomp:.[02]'
}

test_a_profile_that_is_known_from_the_last_container_is_not_compiled_again() {
    ours_only
    bundle
    deny '{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}'
    script 'probe syscall mkdir /x 511; probe syscall getppid'
    runs
    eq "$out" $'-1 EPERM\n0'
    eq "$(stat -c %a "$STATE/.seccomp")" 600
    eq "$(tare list -q)" '' "it is no container"
    # The same text again: the file is not written anew, so nothing was compiled.
    local written
    written=$(stat -c '%i %y' "$STATE/.seccomp")
    runs
    eq "$out" $'-1 EPERM\n0' "again"
    eq "$(stat -c '%i %y' "$STATE/.seccomp")" "$written" "the file"
    # Another one, in whatever it differs.
    deny '{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":38}'
    runs
    eq "$out" $'-1 ENOSYS\n0' "another profile"
    deny '{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}'
    runs
    eq "$out" $'-1 EPERM\n0' "the first one again"
    config 'del(.linux.seccomp)'
    runs
    eq "$out" $'0\n0' "none"
}

test_a_known_profile_that_is_not_whole_is_compiled_again() {
    ours_only
    bundle
    deny '{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}'
    script 'probe syscall mkdir /x 511; true'
    runs
    local size
    size=$(stat -c %s "$STATE/.seccomp")
    for kept in 0 7 30 $((size - 1)); do
        truncate -s "$kept" "$STATE/.seccomp"
        runs
        eq "$out" "-1 EPERM" "$kept of $size bytes"
        eq "$(stat -c %s "$STATE/.seccomp")" "$size" "whole again"
    done
    rm "$STATE/.seccomp"
    mkdir "$STATE/.seccomp"
    runs
    eq "$out" "-1 EPERM" "no file"
    rmdir "$STATE/.seccomp"
}

test_exec_has_the_filter_of_a_known_profile() {
    ours_only
    bundle
    deny '{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}'
    script true
    runs
    command_is sleep 100
    started
    ok tare exec "$ID" sh -c 'probe syscall mkdir /x 511; true'
    eq "$out" "-1 EPERM"
    gone
}
