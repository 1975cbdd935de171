# Where a container's control groups are, and how its limits look there: on cgroup v1, on v2, or on both beside each other; made by tare
# (cgroupfs) or by systemd. Cases name a limit as config.json does, and v1's numbers; here stands which file of the kernel that is.
# Sourced by case.sh. Reads only.

# The mount point of the v1 hierarchy with this controller; nothing, if it is not on v1.
v1_hierarchy() { # CONTROLLER
    local point type options rest
    while read -r _ point type options rest; do
        [ "$type" != cgroup ] || [[ ,$options, != *,$1,* ]] || { echo "$point"; return; }
    done </proc/self/mounts
}
v2_hierarchy() {
    local point type rest
    while read -r _ point type rest; do
        [ "$type" != cgroup2 ] || { echo "$point"; return; }
    done </proc/self/mounts
}
is_on_v1() { [ -n "$(v1_hierarchy "$1")" ]; }
# $CGROUP_BELOW: the group that was given to the user who runs the runtime.
is_on_v2() { local root; root=$(v2_hierarchy); [ -n "$root" ] && grep -qw -- "$1" "$root/$CGROUP_BELOW/cgroup.controllers" 2>/dev/null; }
is_pure_v2() { [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; }

needs_v1() { is_on_v1 "$1" || skip "the v1 controller $1 is not mounted here"; }
needs() { local name; for name; do is_on_v1 "$name" || is_on_v2 "$name" || skip "no controller $name here"; done; }
needs_swap_limits() {
    needs memory
    if is_on_v1 memory; then
        [ -e "$(v1_hierarchy memory)/memory.memsw.limit_in_bytes" ] || skip "no swap accounting here"
    else
        [ -e "$(dirname "$(find "$(v2_hierarchy)" -mindepth 2 -maxdepth 2 -name memory.max | head -1)")/memory.swap.max" ] || skip "no swap accounting here"
    fi
}
# A case that gives a cgroupsPath of its own, as a path.
needs_cgroupfs() { [ "$CGROUP_MANAGER" = cgroupfs ] || skip "a path of cgroups, which the systemd manager does not take"; }

# What stands in `linux.cgroupsPath`: [BUNDLE-NAME].
cgroups_path() {
    local name=${1:-$(basename "$B")}
    if [ "$CGROUP_MANAGER" = systemd ]; then echo "$SLICE:tare:$ID_PREFIX$name"; else echo "/$PREFIX$name"; fi
}
# The container's group, as /proc/PID/cgroup shows it: [BUNDLE-NAME].
container_group() {
    local name=${1:-$(basename "$B")}
    if [ "$CGROUP_MANAGER" = systemd ]; then echo "${CGROUP_BELOW:+/$CGROUP_BELOW}/$SLICE/tare-$ID_PREFIX$name.scope"; else echo "/$PREFIX$name"; fi
}
# The file of a controller of the container's group: CONTROLLER FILE [BUNDLE-NAME].
cgroup_file() {
    local root
    root=$(v1_hierarchy "$1")
    echo "${root:-$(v2_hierarchy)}$(container_group "${3:-$(basename "$B")}")/$2"
}
# A file of its group on v2, be it beside v1: FILE [BUNDLE-NAME].
v2_file() { echo "$(v2_hierarchy)$(container_group "${2:-$(basename "$B")}")/$1"; }

# The limit NAME as the kernel has it, in v1's units; `max`: none.
limit() {
    local both
    case $1 in
        memory.limit) kernels memory memory.limit_in_bytes memory.max ;;
        memory.reservation) kernels memory memory.soft_limit_in_bytes memory.low ;;
        memory.swap)
            if is_on_v1 memory; then kernels memory memory.memsw.limit_in_bytes -; return; fi
            both="$(kernels memory - memory.swap.max) $(kernels memory - memory.max)"
            case $both in *max*) echo max ;; *) echo $((${both/ /+})) ;; esac
            ;;
        cpu.shares) kernels cpu cpu.shares cpu.weight ;;
        cpu.quota) kernels cpu cpu.cfs_quota_us cpu.max | cut -d' ' -f1 ;;
        cpu.period) kernels cpu cpu.cfs_period_us cpu.max | sed 's/.* //' ;;
        cpu.burst) kernels cpu cpu.cfs_burst_us cpu.max.burst ;;
        cpu.idle) kernels cpu cpu.idle cpu.idle ;;
        cpu.cpus) kernels cpuset cpuset.cpus cpuset.cpus ;;
        cpu.mems) kernels cpuset cpuset.mems cpuset.mems ;;
        pids.limit) kernels pids pids.max pids.max ;;
        *) fail "lib/cgroup.sh knows no limit $1" ;;
    esac
}
kernels() { # CONTROLLER V1-FILE V2-FILE
    local file=$2 text
    is_on_v1 "$1" || file=$3
    text=$(cat "$(cgroup_file "$1" "$file")" 2>&1)
    # v1 says "no limit" by -1, or by a number above all memory.
    [ "$text" != -1 ] && { [[ ! $text =~ ^[0-9]{19}$ ]] || [ "$text" -lt 9000000000000000000 ]; } || text=max
    echo "$text"
}
# v2 has weights in the place of v1's shares; these are the pairs that the cases use (docs/config.md has the curve).
weight() {
    case $1 in
        256) echo 35 ;; 300) echo 39 ;; 512) echo 59 ;; 1024) echo 100 ;;
        *) fail "lib/cgroup.sh knows no weight of $1 shares" ;;
    esac
}
limit_is() { # NAME EXPECTED
    local expected=$2
    [ "$1" != cpu.shares ] || is_on_v1 cpu || expected=$(weight "$2")
    eq "$(limit "$1")" "$expected" "$1"
}
# What a block device is throttled to: DEVICE (MAJOR:MINOR) rbps|wbps|riops|wiops; `max`: nothing.
throttle() {
    local file
    if ! is_on_v1 blkio; then
        sed -n "s/^$1 .*\<$2=\([0-9a-z]*\).*/\1/p" "$(v2_file io.max)" | grep . || echo max
        return
    fi
    case $2 in rbps) file=read_bps ;; wbps) file=write_bps ;; riops) file=read_iops ;; wiops) file=write_iops ;; esac
    awk -v d="$1" '$1 == d { print $2; found = 1 } END { if (!found) print "max" }' "$(cgroup_file blkio "blkio.throttle.${file}_device")"
}
throttle_is() { eq "$(throttle "$1" "$2")" "$3" "$2 of $1"; } # DEVICE rbps|wbps|riops|wiops EXPECTED
needs_block_io() { is_on_v1 blkio || is_on_v2 io || skip "no controller blkio or io here"; }

# Somebody else freezes the container's group.
freeze() { if is_on_v1 freezer; then echo FROZEN >"$(cgroup_file freezer freezer.state)"; else echo 1 >"$(v2_file cgroup.freeze)"; fi; }
thaw() { if is_on_v1 freezer; then echo THAWED >"$(cgroup_file freezer freezer.state)"; else echo 0 >"$(v2_file cgroup.freeze)"; fi; }
# The weight in BFQ's file, or else in that of the scheduler of its time; io.weight has a scale of its own.
block_io_weight_is() {
    local file
    for file in blkio.bfq.weight blkio.weight io.bfq.weight; do
        file=$(cgroup_file blkio "$file")
        [ ! -e "$file" ] || { matches "$(cat "$file")" "\\b$1\$" "$file"; return; }
    done
    matches "$(cat "$(v2_file io.weight)")" '^default [0-9]+$' io.weight
}
