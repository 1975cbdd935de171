# What a case needs of cgroup v2, and groups of its own there. For the case files that source it.

# The case asks for controllers of a unified hierarchy that has them to give.
needs_v2() { # CONTROLLER...
    local controller
    is_pure_v2 || skip "cgroup v2 is not alone at /sys/fs/cgroup here"
    for controller; do
        is_on_v2 "$controller" || skip "the controller $controller is not in cgroup v2 here"
    done
}

# A group of who runs the runtime, below which there are all controllers: $GROUP.
v2_group() { # NAME
    needs_cgroupfs
    GROUP=/sys/fs/cgroup/$PREFIX$1
    mkdir -p "$GROUP" || fail "cannot make $GROUP"
    hand_down /sys/fs/cgroup "$(dirname "$GROUP")" "$GROUP"
    (cd "$GROUP" && chown "$RUN_AS" . cgroup.procs cgroup.subtree_control cgroup.threads) || fail "cannot delegate $GROUP"
}
hand_down() { # GROUP...
    local group controller
    for group; do
        for controller in $(cat "$group/cgroup.controllers"); do
            echo "+$controller" >"$group/cgroup.subtree_control" 2>/dev/null
        done
    done
}

# The value of a key in a file of `key value` lines.
field() { sed -n "s/^$1 //p" "$2"; }

# What the kernel says in a file of the container's group.
reads() { eq "$(cat "$(v2_file "$1")" 2>&1)" "$2" "$1"; } # FILE EXPECTED
# The bundle with these resources (JSON), as a created container that sleeps once it is started.
with_resources() {
    bundle
    config --argjson r "$1" '.linux.resources = $r'
    command_is sleep 300
    created
}
refuses_resources() { # JSON REGEX
    bundle
    config --argjson r "$1" '.linux.resources = $r'
    refuses "$2" tare create "$ID"
}
