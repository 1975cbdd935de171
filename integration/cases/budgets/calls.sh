# timeout_s: 240
# The number of system calls of each command. What is more than the budget fails here, so that it is seen and talked about: raise a
# budget only with the reason behind it.

# What is counted: all calls of tare, of the clone that becomes the container's process, and of the last stage, until the container's
# own program is executed. Not counted: memory (brk, mmap, ...), which the C library asks for as it likes; fcntl(F_GETFD), which a
# debug build does before each close; keyctl, as a keyring that an earlier container of this name left needs one call less; the gate's accept, where the container waits when `create` has ended; waiting (poll, and what is
# read from the signalfd or looked for after it), as news of a child come in one wake-up or in two. What comes before tare's first own
# call (close_range) is start-up, with a budget of its own.
#
# CALLS holds the limits too; EACH-V1 comes on top for each v1 hierarchy, UNIFIED where the unified one is beside them. A hierarchy that
# the kernel lists and nobody has mounted costs a look into mountinfo, which is in no budget.
BUDGETS='
COMMAND         CALLS  EACH-V1  UNIFIED  WHAT THEY ARE FOR
start-up-musl       4        0        0  C library, standard streams, one signal
start-up-glibc     43        0        0  the same; a debug build is linked dynamically
create            327        7        5  mounts 60, masks and read-only paths 46, /dev 25, capabilities 38, limits 50, record, stage, the known profile 4; each v1 group is looked for, made, entered and mounted
run               335        8        7  as create, with the wait, and what delete does
state              22        0        3  root 4, record 4, process 3, boot 3, freezer 3 and cgroup.events 3; gate, print, end
start              33        0        3  as state, with lock and pidfd; the gate 7
exec              173        2        8  a way into each group: open, write; its namespaces 13; the kept filter 3; the capabilities that are dropped 38
kill               20        0        0  root, record, pidfd, process, boot, the signal
pause              44        0        3  as start without the gate; one more if the group takes its time to freeze
resume             32        0        3  -
ps                 27        0        0  -
list               32        0        3  as state, with the listing, and the passwd file (musl opens it with one call more)
delete-force       29        1        4  one rmdir for each group; lock, pidfd, the signal, its end; folder 3
delete             22        1        1  the same without a signal; the process is gone
'

budget_of() { # COMMAND
    local v1 unified
    v1=$(awk '$3 == "cgroup" { print $4 }' /proc/self/mounts | sort -u | wc -l)
    unified=$(awk '$3 == "cgroup2"' /proc/self/mounts | sort -u | wc -l)
    awk -v c="$1" -v v1="$v1" -v u="$((unified > 0))" '$1 == c { print $2 + $3 * v1 + $4 * u }' <<<"$BUDGETS"
}

needs_a_layout_with_budgets() {
    command -v strace >/dev/null || skip "no strace"
    ! is_pure_v2 ||
        skip "the budgets are stated for v1 hierarchies, with or without the unified one beside them"
}

# Traces a command of the runtime; its own process is the first in $T/trace. strace would follow the container as long as that
# lives, so it is told to let go when the command has ended.
traced() { # OPERATION ARG...
    : >"$T/trace"
    strace -f -q -I1 -o "$T/trace" "$TARE" --root "$STATE" "$@" >"$T/.out" 2>"$T/.err" &
    local tracer=$! tries=1000
    until grep -qE "^$(awk '{ print $1; exit }' "$T/trace") +\+\+\+ exited" "$T/trace"; do
        [ $((tries -= 1)) -gt 0 ] || fail "'$*' did not end"
        sleep 0.01
    done
    kill $tracer 2>/dev/null
    wait $tracer
    grep -qE "^$(awk '{ print $1; exit }' "$T/trace") +\+\+\+ exited with 0" "$T/trace" || fail "'$*': $(cat "$T/.err")"
}

# The names of the calls that are counted, one a line: `start-up NAME`, `own NAME`.
counted() {
    awk '
        $2 ~ /^(\+\+\+|---)/ { next }
        NR == 1 { first = $1 }
        $2 == "<..." { if ($3 == "execve" && / = 0$/) executed[$1] = 1; next }
        executed[$1] { next }
        {
            name = $2; sub(/\(.*/, "", name)
            if (name == "signalfd4") signals = $NF
            if (name ~ /^(brk|mmap|munmap|mremap|mprotect|madvise|poll|keyctl)$/ || name ~ /^accept/) next
            if ($2 == "read(" signals "," || /waitid\(P_ALL|fcntl\([0-9]+, F_GETFD/) next
            if (name == "close_range") began = 1
            print (began ? "own" : "start-up"), name
        }
        name == "execve" && $1 != first && / = 0$/ { executed[$1] = 1 }
    ' "$T/trace"
}

# The number of counted calls of a KIND in the trace.
number_of() { counted | grep -c "^$1 "; }

# Holds the trace to a budget. SHOW_BUDGETS=FILE: writes there what was counted.
within() { # BUDGET KIND
    local budget count
    budget=$(budget_of "$1") count=$(number_of "$2")
    [ "$count" -gt 0 ] || fail "$1: nothing was traced"
    [ -z "${SHOW_BUDGETS:-}" ] || echo "$1: $count of $budget" >>"$SHOW_BUDGETS"
    [ "$count" -le "$budget" ] || fail "$1: $count system calls, the budget is $budget:
$(counted | sed -n "s/^$2 //p" | sort | uniq -c | sort -rn | awk '{ printf "  %d %s\n", $1, $2 }')
a budget is raised in cases/budgets/calls.sh, with the reason"
}
keeps_to_its_budget() { # COMMAND ARG...
    local name=$1
    shift
    traced "$@"
    within "$name" own
}

# As engines write them: limits, and podman's default profile.
usual_bundle() { # [NAME]
    bundle "$@"
    config '.linux.resources = {memory: {limit: 268435456}, cpu: {shares: 1024, quota: 100000, period: 100000}, pids: {limit: 100},
        devices: [{allow: false, access: "rwm"}]}'
    seccomp_profile "$INTEGRATION/../tests/fixtures/seccomp/podman.json"
    # Makes the groups above the container's, which are left.
    runs
}

test_every_command_keeps_to_its_budget_of_system_calls() {
    ours_only
    needs_a_layout_with_budgets
    usual_bundle
    command_is sleep 60
    keeps_to_its_budget create create "$ID"
    keeps_to_its_budget state state "$ID"
    if grep -aq glibc "$TARE"; then within start-up-glibc start-up; else within start-up-musl start-up; fi
    keeps_to_its_budget start start "$ID"
    keeps_to_its_budget exec exec "$ID" true
    keeps_to_its_budget kill kill "$ID" WINCH
    keeps_to_its_budget pause pause "$ID"
    keeps_to_its_budget resume resume "$ID"
    keeps_to_its_budget ps ps --format json "$ID"
    keeps_to_its_budget list list
    keeps_to_its_budget delete-force delete --force "$ID"
    command_is true
    keeps_to_its_budget run run "$ID"
    started
    becomes stopped
    keeps_to_its_budget delete delete "$ID"
}

# What each command of a container's life needs, as one line.
calls_of_a_life() {
    local counts=""
    command_is sleep 60
    created
    traced state "$ID"; counts+="state $(number_of own), "
    traced start "$ID"; counts+="start $(number_of own), "
    traced kill "$ID" WINCH; counts+="kill $(number_of own), "
    traced exec "$ID" true; counts+="exec $(number_of own), "
    traced delete --force "$ID"; counts+="delete $(number_of own), "
    command_is true
    traced run "$ID"; counts+="run $(number_of own)"
    echo "$counts"
}

# By hand, before a budget is changed: all counts must be the same each time (REPEAT_BUDGETS=50).
test_counts_do_not_differ_between_runs() {
    ours_only
    needs_a_layout_with_budgets
    usual_bundle
    local try first again
    first=$(calls_of_a_life) || fail "$first"
    for ((try = 1; try < ${REPEAT_BUDGETS:-2}; try++)); do
        again=$(calls_of_a_life) || fail "$again"
        eq "$again" "$first" "calls, try $try"
    done
}

test_no_command_needs_more_calls_because_of_other_containers_or_of_the_host_s_mounts() {
    ours_only
    needs_a_layout_with_budgets
    usual_bundle; command_is sleep 60
    local alone number folder
    alone=$(calls_of_a_life) || fail "$alone"
    # Records of 200 others, as `create` leaves them.
    created
    for number in {1..200}; do
        folder=$STATE/other$number
        cp -r "$STATE/$ID" "$folder" && sed -i "s/\"id\":\"$ID\"/\"id\":\"other$number\"/" "$folder/state.json"
    done
    gone
    eq "$(tare list --quiet | wc -l)" 200
    eq "$(calls_of_a_life)" "$alone" "calls beside 200 others"
    rm -rf "$STATE"/other*
    # Each time as many mounts again.
    mkdir "$T/many" && mount -t tmpfs many "$T/many" && mkdir "$T/many/"{1..10} || fail "mount"
    for number in {1..10}; do mount --rbind "$T/many" "$T/many/$number" || fail "mount $number"; done
    at_least "$(wc -l </proc/self/mountinfo)" 1000
    eq "$(calls_of_a_life)" "$alone" "calls beside 1,000 mounts"
    umount -R "$T/many"
}
