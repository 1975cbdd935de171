# The runtime under test, and what can be seen of a container from outside.

case $(basename "$TARE") in tare*) FOREIGN= ;; *) FOREIGN=$(basename "$TARE") ;; esac

# The runtime with this case's state root.
tare() { ${WRAP//probe/$PROBE} "$TARE" --root "$STATE" "$@"; }

# The case says something about tare that other runtimes may do otherwise.
ours_only() { [ -z "$FOREIGN" ] || skip "a choice of tare, not checked with $FOREIGN"; }

# The kernel's, and the tools that load profiles.
needs_apparmor() {
    [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] && command -v apparmor_parser >/dev/null &&
        command -v aa-exec >/dev/null || skip "no AppArmor here"
}
needs_numa() { [ "$("$PROBE" mempolicy)" != "-1 ENOSYS" ] || skip "no memory policies in this kernel"; }
# The case needs rights that an unprivileged user's runtime does not have.
needs_root() { [ "$RUN_AS" = root ] || skip "an unprivileged user cannot: $1"; } # WHAT

# The case decides itself who calls the runtime, and from where.
needs_runtime_itself() { [ ! -e "$TARE.environment" ] || skip "a program that chooses the user and the manager stands in the runtime's place"; }
# Folders that belong to who runs the runtime.
own_folder() { install -d -o "$RUN_AS" -g "$RUN_AS" "$@" || fail "cannot make $*"; } # PATH...

# Runs the bundle in the foreground and expects success; the container's output is in $out.
runs() { ok tare run "$ID"; }
# A created container: $PID is its pid, its output goes to $B/stdout and $B/stderr.
created() { # [CREATE-OPTION...]
    tare create "$@" "$ID" >"$B/stdout" 2>"$B/stderr" || fail "create $*: $(cat "$B/stderr")"
    PID=$(state .pid)
}
started() { created "$@"; ok tare start "$ID"; }
gone() { ok tare delete --force "${1:-$ID}"; }

state() { tare state "${2:-$ID}" | jq -r "$1"; }
status_is() { [ "$(state .status "${2:-$ID}")" = "$1" ]; }
becomes() { eventually status_is "$1" "${2:-$ID}"; }
