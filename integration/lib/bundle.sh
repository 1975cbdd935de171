# Bundles: a copy of the busybox rootfs and of the template, edited by jq.

# Makes $T/NAME and enters it: $B is the bundle, $R its rootfs, $ID a container id that no other case has.
bundle() { # [NAME]
    local name=${1:-b}
    B=$T/$name R=$T/$name/rootfs ID=$ID_PREFIX$name
    mkdir -p "$B" && cp -a "$BASE/rootfs" "$BASE/config.json" "$B/" || fail "cannot make the bundle $B"
    chown "$RUN_AS" "$B"
    cd "$B" || fail "cd $B"
    config --arg p "$(cgroups_path)" '.linux.cgroupsPath = $p'
    # The last stage sees only the container's own environment (src/guard.rs).
    [ -z "$TARE_BREAK" ] || config --arg b "TARE_BREAK=$TARE_BREAK" '.process.env += [$b]'
}
# Goes back to a bundle made before.
use() { B=$T/$1 R=$T/$1/rootfs ID=$ID_PREFIX$1; cd "$B" || fail "cd $B"; }

# Edits config.json: jq options and a filter.
config() { jq "$@" <"$B/config.json" >"$B/.config.new" && mv "$B/.config.new" "$B/config.json" || fail "jq $*"; }

# The container's command.
command_is() { config --args '.process.args = $ARGS.positional' -- "$@"; }
# The container's command is a shell script.
script() { command_is sh -c "$1"; }

# Adds a mount: DESTINATION TYPE SOURCE OPTION...
add_mount() {
    local destination=$1 type=$2 source=$3
    shift 3
    config --arg d "$destination" --arg t "$type" --arg s "$source" --args \
        '.mounts += [{destination: $d, type: $t, source: $s, options: $ARGS.positional}]' -- "$@"
}
drop_mount() { config --arg d "$1" '.mounts |= map(select(.destination != $d))'; }
drop_namespace() {
    # An ordinary user can mount no procfs for a PID namespace that is not of his making.
    [ "$1" != pid ] || [ "$RUN_AS" = root ] ||
        config '.mounts |= map(if .type == "proc" then {destination, type: "bind", source: "/proc", options: ["rbind"]} else . end)'
    config --arg t "$1" '.linux.namespaces |= map(select(.type != $t))'
}
# A user namespace that is joined has its mappings.
add_namespace() { # TYPE [PATH]
    [ "$1" != user ] || [ -z "${2:-}" ] || config 'del(.linux.uidMappings, .linux.gidMappings)'
    config --arg t "$1" --arg p "${2:-}" '.linux.namespaces |= map(select(.type != $t)) + [{type: $t} + (if $p == "" then {} else {path: $p} end)]'
}
# A new user namespace: container ids 0.. are host ids FIRST.. (COUNT of them).
user_namespace() { # [FIRST [COUNT]]
    local first=${1:-100000} count=${2:-65536}
    add_namespace user
    config --argjson f "$first" --argjson n "$count" \
        '.linux.uidMappings = [{containerID: 0, hostID: $f, size: $n}] | .linux.gidMappings = .linux.uidMappings'
    chown -R -h "$first:$first" "$R"
}
capabilities() { # CAP...: the same in bounding, effective and permitted
    config --args '.process.capabilities = ($ARGS.positional | {bounding: ., effective: ., permitted: .})' -- "$@"
}
# The container's seccomp profile is FILE. Engines write the OCI form of a profile: conditions on capabilities resolved (here: none
# are held) and archMap turned into architectures; a file in that form already is taken as it is.
seccomp_profile() {
    config --slurpfile p "$1" '.linux.seccomp = ($p[0] | if has("archMap") then
        {defaultAction, defaultErrnoRet, architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
         syscalls: [.syscalls[]
            | select((.includes.arches // ["amd64"]) | index("amd64"))
            | select(((.includes.caps // []) | length) == 0)
            | select(((.excludes.arches // []) | index("amd64")) | not)
            | {names: (.names // [.name]), action, errnoRet, args} | with_entries(select(.value != null))]}
        | with_entries(select(.value != null)) else . end)'
}
