# features: each line it prints is true.

features() { tare features | jq -r "$1"; }

test_features_is_json_on_stdout_alone_and_needs_no_environment() {
    ok env -i "$TARE" features
    jq -e . <<<"$out" >/dev/null || fail "not JSON: $out"
    eq "$err" "" stderr
    matches "$(jq -r .ociVersionMin <<<"$out")" '^1\.'
    matches "$(jq -r .ociVersionMax <<<"$out")" '^1\.'
    ne "$(jq -r .linux <<<"$out")" null linux
}

test_every_hook_it_names_is_run() {
    bundle
    local kind
    for kind in $(features '.hooks[]'); do
        config --arg k "$kind" --arg t "$T" '.hooks[$k] = [{path: "/bin/sh", args: ["sh", "-c", (if $k == "startContainer" then "echo >> /ran-startContainer" else "echo >> \($t)/ran-\($k)" end)], env: ["PATH=/bin"]}]'
    done
    runs
    for kind in $(features '.hooks[]'); do
        if [ "$kind" = startContainer ]; then exists "$R/ran-$kind"; else exists "$T/ran-$kind"; fi
    done
    eq "$(features '.hooks | length')" 6
}

test_every_namespace_it_names_can_be_new() {
    local type
    for type in $(features '.linux.namespaces[]'); do
        bundle "$type"
        if [ "$type" = user ]; then user_namespace; else add_namespace "$type"; fi
        runs
    done
    eq "$(features '.linux.namespaces | length')" 8
}

test_every_capability_it_names_is_accepted_without_a_warning() {
    bundle
    config --argjson c "$(tare features | jq .linux.capabilities)" '.process.capabilities = {bounding: $c}'
    script 'grep CapBnd /proc/self/status'
    runs
    eq "$err" "" "warnings"
    local n
    n=$(features '.linux.capabilities | length')
    at_least "$n" 41 "capabilities"
}

test_every_mount_option_it_names_is_accepted() {
    bundle
    mkdir "$T/source"
    local option type
    for option in $(features '.mountOptions[]'); do
        case $option in
            idmap | ridmap | tmpcopyup | remount | mand | nomand) continue ;;
            bind | rbind | *private | *shared | *slave | *unbindable | r[a-z]*)
                type=bind ;;
            *) type=tmpfs ;;
        esac
        case $option in relatime | ro | rw) type=tmpfs ;; esac
        if [ $type = bind ]; then add_mount "/m-$option" bind "$T/source" rbind "$option"; else add_mount "/m-$option" tmpfs tmpfs "$option"; fi
    done
    runs
    for option in async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec noiversion nolazytime \
        nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodev rnodiratime rnoexec \
        rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared \
        silent slave strictatime suid symfollow sync tmpcopyup unbindable; do
        features '.mountOptions[]' | grep -qx "$option" || fail "mountOptions lacks $option"
    done
}

test_every_seccomp_word_it_names_is_accepted() {
    bundle
    [ "$(features .linux.seccomp.enabled)" = true ] || fail "seccomp is not enabled"
    local word
    for word in $(features '.linux.seccomp.actions[]'); do
        [ "$word" = SCMP_ACT_NOTIFY ] && continue
        config --arg w "$word" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["swapon"], action: $w}]}'
        runs
    done
    for word in $(features '.linux.seccomp.operators[]'); do
        config --arg w "$word" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["swapon"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 1, valueTwo: 1, op: $w}]}]}'
        runs
    done
    for word in $(features '.linux.seccomp.archs[]'); do
        config --arg w "$word" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: (["SCMP_ARCH_X86_64", $w] | unique), syscalls: [{names: ["swapon"], action: "SCMP_ACT_ERRNO"}]}'
        runs
    done
    for word in $(features '.linux.seccomp.supportedFlags[]'); do
        # The next one needs a listener.
        [ "$word" = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV ] && continue
        config --arg w "$word" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", flags: [$w], syscalls: [{names: ["swapon"], action: "SCMP_ACT_ERRNO"}]}'
        runs
    done
}

test_cgroup_lines_are_true_here() {
    is_on_v1 pids || skip "no v1 hierarchies here"
    eq "$(features .linux.cgroup.v1)" true
    [ -z "$FOREIGN" ] || return
    eq "$(features .linux.cgroup.v2)" true
}

test_memory_policy_modes_it_names_are_accepted() {
    needs_numa
    bundle
    local mode nodes
    for mode in $(features '.linux.memoryPolicy.modes[]? // empty'); do
        nodes=0
        case $mode in MPOL_DEFAULT | MPOL_LOCAL) nodes= ;; esac
        config --arg m "$mode" --arg n "$nodes" '.linux.memoryPolicy = {mode: $m} + (if $n == "" then {} else {nodes: $n} end)'
        call tare run "$ID"
        [ $code = 0 ] || matches "$err" 'invalid argument|not (supported|implemented)' "$mode"
    done
}

test_idmap_line_is_true() {
    bundle
    mkdir "$T/v"
    add_mount /v bind "$T/v" bind
    config '.mounts[-1].uidMappings = [{containerID: 0, hostID: 2000, size: 1}] | .mounts[-1].gidMappings = .mounts[-1].uidMappings'
    call tare run "$ID"
    eq "$(features .linux.mountExtensions.idmap.enabled)" "$([ $code = 0 ] && echo true || echo false)"
}

test_lsm_lines_say_what_is_compiled_in() {
    matches "$(features '.linux.apparmor.enabled')" '^(true|false)$'
    matches "$(features '.linux.selinux.enabled')" '^(true|false)$'
}
