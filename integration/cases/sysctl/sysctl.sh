# linux.sysctl.

test_namespaced_sysctls_are_set() {
    bundle
    config '.linux.sysctl = {"net.core.somaxconn": "256", "kernel.msgmax": "16384", "fs.mqueue.msg_max": "33", "kernel.shmmni": "777", "kernel/sem": "250 32000 32 128"}'
    script 'cat /proc/sys/net/core/somaxconn /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max /proc/sys/kernel/shmmni /proc/sys/kernel/sem'
    runs
    eq "$(tr '\t\n' '  ' <<<"$out")" "256 16384 33 777 250 32000 32 128 "
    ne "$(cat /proc/sys/kernel/shmmni)" 777 "the host's"
}

test_a_name_with_a_dot_in_a_component_uses_slashes() {
    bundle
    config '.linux.sysctl = {"net/ipv4/conf/lo/forwarding": "1"}'
    command_is cat /proc/sys/net/ipv4/conf/lo/forwarding
    runs
    eq "$out" 1
}

test_a_sysctl_of_the_whole_host_is_refused() {
    bundle
    local key
    for key in kernel.core_pattern vm.swappiness kernel.pid_max fs.file-max kernel.sysrq; do
        config --arg k "$key" '.linux.sysctl = {($k): "1"}'
        refuses "$key" tare create "$ID"
    done
}

test_a_sysctl_of_a_namespace_that_is_not_private_is_refused() {
    bundle
    drop_namespace network
    drop_mount /sys
    config '.linux.sysctl = {"net.core.somaxconn": "256"}'
    refuses 'net.core.somaxconn' tare create "$ID"
    config '.linux.sysctl = {"kernel.msgmax": "16384"}'
    drop_namespace ipc
    drop_mount /dev/mqueue
    refuses 'kernel.msgmax' tare create "$ID"
}

test_a_hostname_by_sysctl_is_refused_or_private() {
    bundle
    local before
    before=$(cat /proc/sys/kernel/hostname)
    config '.linux.sysctl = {"kernel.domainname": "inner"}'
    command_is cat /proc/sys/kernel/domainname
    runs
    eq "$out" inner
    eq "$(cat /proc/sys/kernel/hostname)" "$before"
}

test_an_unknown_sysctl_is_refused() {
    bundle
    config '.linux.sysctl = {"net.nosuch.knob": "1"}'
    refuses 'net.nosuch.knob|net/nosuch/knob' tare create "$ID"
}

test_a_value_the_kernel_refuses_is_an_error() {
    bundle
    config '.linux.sysctl = {"net.core.somaxconn": "many"}'
    refuses 'somaxconn' tare create "$ID"
}

test_names_with_dots_that_climb_are_refused() {
    bundle
    local key
    for key in 'net/../kernel/core_pattern' 'net.core/../../kernel/core_pattern' '../sys/kernel/core_pattern' 'net..core' 'net.' '/net/core/somaxconn/../somaxconn' ''; do
        config --arg k "$key" '.linux.sysctl = {($k): "1"}'
        refuses 'sysctl' tare create "$ID"
    done
    lacks "$(cat /proc/sys/kernel/core_pattern)" 1 core_pattern
}
