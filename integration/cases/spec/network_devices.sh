# linux.netDevices: config-linux.md "Network Devices". The host's side is a network namespace of the case's own.

has_own_network() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
# Makes the namespace and lets the runtime live in it. $NET enters it.
host_network() {
    unshare -n sleep 1000 &
    HOST_NET=$!
    eventually has_own_network "$HOST_NET"
    NET="nsenter --net=/proc/$HOST_NET/ns/net"
    WRAP="$NET $WRAP"
}
# Ends it, and with it whatever is in it.
end_network() { kill "$HOST_NET"; wait "$HOST_NET" 2>/dev/null; }
# shellcheck disable=SC2086 # a command and its argument
host_ip() { $NET ip "$@" || fail "ip $*"; }
veth() { host_ip link add "$1" type veth peer name "peer-$1"; }
net_device() { config --arg h "$1" --arg c "${2:-}" '.linux.netDevices[$h] = (if $c == "" then {} else {name: $c} end)'; }
# The names of the interfaces that process $1 sees.
links_of() { nsenter --net="/proc/$1/ns/net" ip -br link | sed 's/[@ ].*//' | sort | tr '\n' ' '; }

test_network_devices_move_with_their_addresses() {
    bundle
    host_network
    veth v0
    veth v1
    host_ip addr add 192.0.2.5/24 dev v0
    host_ip addr add 192.0.2.9 peer 198.51.100.9/32 dev v0
    host_ip addr add 2001:db8::5/64 dev v0 nodad
    host_ip addr add 169.254.7.7/16 scope link dev v0
    host_ip link set v0 up
    net_device v0 eth0
    net_device v1
    command_is sleep 30
    created
    eq "$(links_of "$PID")" "eth0 lo v1 " "interfaces in the created container"
    eq "$(links_of "$HOST_NET")" "lo peer-v0 peer-v1 " "interfaces left on the host"
    local inside
    inside=$(nsenter --net="/proc/$PID/ns/net" ip addr show eth0)
    has "$inside" "inet 192.0.2.5/24" eth0
    has "$inside" "inet 192.0.2.9 peer 198.51.100.9/32" eth0
    has "$inside" "inet6 2001:db8::5/64" eth0
    lacks "$inside" "169.254.7.7" "an address of link scope"
    matches "$inside" '<.*UP.*>' "state of eth0"
    matches "$(nsenter --net="/proc/$PID/ns/net" ip link show v1)" '<.*UP.*>' "state of v1, which was down"
    ok tare start "$ID"
    gone
    end_network
}

test_a_network_device_gets_a_numbered_name() {
    bundle
    host_network
    veth v0
    veth v1
    net_device v0 'net%d'
    net_device v1 'net%d'
    command_is sleep 30
    created
    eq "$(links_of "$PID")" "lo net0 net1 " "interfaces"
    gone
    end_network
}

test_a_network_device_whose_name_is_taken_is_refused_and_stays() {
    bundle
    host_network
    veth v0
    host_ip addr add 192.0.2.5/24 dev v0
    unshare -n sleep 1000 &
    local other=$!
    eventually has_own_network "$other"
    nsenter --net="/proc/$other/ns/net" ip link add eth0 type veth peer name p || fail "cannot make eth0"
    add_namespace network "/proc/$other/ns/net"
    net_device v0 eth0
    refuses 'v0.*eth0.*exists' tare create "$ID"
    has "$err" "config.json#/linux/netDevices/v0" "error"
    has "$(host_ip addr show v0)" "192.0.2.5/24" "v0 on the host"
    eq "$(links_of "$other")" "eth0 lo p " "interfaces of the joined namespace"
    kill "$other"
    end_network
}

test_a_missing_network_device_is_refused_and_the_others_come_back() {
    bundle
    host_network
    veth v0
    host_ip addr add 192.0.2.5/24 dev v0
    host_ip addr add 2001:db8::5/64 dev v0 nodad
    host_ip link set v0 up
    net_device v0 eth0
    net_device v9
    refuses 'v9' tare create "$ID"
    local outside
    outside=$(host_ip addr show v0)
    has "$outside" "inet 192.0.2.5/24" v0
    has "$outside" "inet6 2001:db8::5/64" v0
    matches "$outside" '<.*UP.*>' "state of v0"
    end_network
}

test_network_devices_come_back_when_the_birth_fails_later() {
    bundle
    host_network
    veth v0
    host_ip addr add 192.0.2.5/24 dev v0
    net_device v0 eth0
    command_is /no/such/program
    refuses 'no such file' tare create "$ID"
    has "$(host_ip addr show v0)" "192.0.2.5/24" "v0 on the host"
    end_network
}

test_network_devices_without_a_network_namespace_are_refused() {
    bundle
    host_network
    veth v0
    drop_namespace network
    net_device v0
    refuses 'config.json#/linux/netDevices' tare create "$ID"
    end_network
}

test_a_network_device_name_that_the_kernel_cannot_hold_is_refused() {
    bundle
    local name
    for name in sixteen-letters- 'a/b' 'a b' . .. 'a%d%d' 'a%s'; do
        config '.linux.netDevices = {}'
        net_device v0 "$name"
        refuses 'config.json#/linux/netDevices/v0' tare create "$ID"
    done
}
