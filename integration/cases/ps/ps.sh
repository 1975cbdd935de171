# ps: who is in the container, as JSON and as ps(1)'s table.

# The pids of the container, as the kernel lists them in its group and below.
kernel_pids() {
    find "$(dirname "$(cgroup_file memory cgroup.procs)")" -name cgroup.procs -exec cat {} + | sort -n | paste -sd, | sed 's/.*/[&]/'
}
# A program ps that stands first in $PATH.
fake_ps() { # SCRIPT
    own_folder "$T/fake"
    printf '#!/bin/sh\n%s\n' "$1" >"$T/fake/ps"
    chmod 755 "$T/fake/ps"
}
with_fake_ps() { PATH=$T/fake:$PATH tare "$@"; }

test_json_is_one_line_of_pids_and_nothing_else() {
    bundle
    script 'sleep 301 & sleep 302 & touch /ready; wait'
    started
    eventually test -e "$R/ready"
    ok tare ps --format json "$ID"
    eq "$out$err" "$(kernel_pids)"
    eq "$(wc -l <"$T/.out")" 1 lines
    eq "$(jq length <<<"$out")" 3
    has "$out" "$PID" "the first process"
    gone
}

test_a_created_container_has_one_process() {
    bundle
    command_is sleep 30
    created
    ok tare ps -f json "$ID"
    eq "$out" "[$PID]"
    gone
}

test_a_paused_container_is_shown() {
    bundle
    command_is sleep 30
    started
    freeze
    becomes paused
    ok tare ps -f json "$ID"
    eq "$out" "[$PID]"
    ok tare ps "$ID"
    has "$out" "sleep 30"
    gone
}

test_processes_in_sub_cgroups_are_shown() {
    bundle
    script 'sleep 303 & echo $! >/child; touch /ready; wait'
    started
    eventually test -e "$R/ready"
    local child group unified
    child=$(ps -o pid= --ppid "$PID" | tr -d ' ')
    # In every hierarchy: any of them may be the one that is asked.
    for group in $(sed -n 's/^[0-9]*:\([^:]*\):\(.*\)/\1=\2/p' "/proc/$PID/cgroup"); do
        case $group in
        =*) unified=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts); group=$unified${group#=} ;;
        name=*) continue ;;
        *) group=$(dirname "$(cgroup_file "${group%%[,=]*}" x)") ;;
        esac
        mkdir -p "$group/below"
        cat "$(dirname "$group")/cpuset.cpus" >"$group/below/cpuset.cpus" 2>/dev/null
        cat "$(dirname "$group")/cpuset.mems" >"$group/below/cpuset.mems" 2>/dev/null
        echo "$child" >"$group/below/cgroup.procs" || fail "cannot move $child into $group/below"
    done
    ok tare ps -f json "$ID"
    eq "$(jq -c sort <<<"$out")" "$(jq -nc --argjson a "$PID" --argjson b "$child" '[$a, $b] | sort')"
    ok tare ps "$ID"
    has "$out" "sleep 303"
    gone
}

test_a_stopped_container_has_no_processes() {
    bundle
    command_is true
    started
    becomes stopped
    ok tare ps -f json "$ID"
    eq "$out$err" "[]"
    ok tare ps "$ID"
    eq "$(wc -l <<<"$out")" 1 "lines of the table"
    matches "$out" '^UID +PID'
    gone
}

test_what_a_stopped_container_has_left_is_shown() {
    bundle
    drop_namespace pid
    script 'sleep 304 & exit 0'
    started
    becomes stopped
    ok tare ps -f json "$ID"
    eq "$out" "$(kernel_pids)"
    ne "$out" "[]"
    ok tare ps "$ID"
    has "$out" "sleep 304"
    gone
}

test_the_table_is_that_of_ps_with_the_containers_lines_only() {
    bundle
    command_is sleep 305
    started
    sleep 306 &
    local stranger=$!
    ok tare ps "$ID"
    kill $stranger
    eq "$(wc -l <<<"$out")" 2 "lines: $out"
    matches "$(head -1 <<<"$out")" '^UID +PID +PPID'
    matches "$(tail -1 <<<"$out")" " $PID .*sleep 305\$"
    eq "$err" "" stderr
    gone
}

test_options_are_those_of_ps() {
    bundle
    command_is sleep 307
    started
    ok tare ps "$ID" -e -o user,pid,args
    matches "$out" "^USER +PID +COMMAND"
    matches "$out" " $PID sleep 307\$"
    eq "$(wc -l <<<"$out")" 2
    # A column with spaces before the one that counts.
    ok tare ps "$ID" -e -o lstart,args,pid
    matches "$(tail -1 <<<"$out")" "sleep 307 +$PID\$"
    eq "$(wc -l <<<"$out")" 2
    ok tare ps "$ID" aux
    has "$out" "%CPU"
    has "$out" "sleep 307"
    for options in '-- -ef' '-f --cols=400 -e' '--format=pid,args -e'; do
        # shellcheck disable=SC2086 # words
        ok tare ps --format table "$ID" $options
        has "$out" "sleep 307" "ps $options"
        eq "$(wc -l <<<"$out")" 2 "lines of ps $options"
    done
    # Options that select nobody are no failure.
    ok tare ps "$ID" -C no-such-program
    eq "$(wc -l <<<"$out")" 1
    gone
}

test_a_list_without_pids_and_a_refusal_of_ps_are_told() {
    bundle
    command_is sleep 30
    started
    refuses 'no column PID, but "TT +COMMAND"' tare ps "$ID" -e -o tty,args
    refuses 'ps\(1\), .*/ps: exit status [0-9]+: .*option' tare ps "$ID" --no-such-option
    refuses 'do not apply to the JSON list' tare ps -f json "$ID" -ef
    refuses 'does not exist' tare ps no-such-container
    gone
}

test_ps_that_hangs_is_killed_at_its_deadline() {
    ours_only
    bundle
    command_is sleep 30
    started
    fake_ps 'echo $$ >"$(dirname "$0")/pid"; trap "" TERM INT; echo "  PID CMD"; while :; do sleep 309; done'
    refuses 'did not end within 5 s and was killed; use --format json' with_fake_ps ps "$ID"
    at_least "$took_ms" 4900
    at_most "$took_ms" 7000 milliseconds
    [ ! -e "/proc/$(cat "$T/fake/pid")" ] || fail "it still lives"
    gone
}

test_ps_that_hangs_does_not_outlive_us() {
    ours_only
    bundle
    command_is sleep 30
    started
    fake_ps 'echo $$ >"$(dirname "$0")/pid"; exec sleep 314'
    PATH=$T/fake:$PATH "$TARE" --root "$STATE" ps "$ID" >/dev/null 2>&1 &
    local tare=$!
    eventually test -s "$T/fake/pid"
    kill -TERM $tare
    wait $tare
    eventually test ! -e "/proc/$(cat "$T/fake/pid")"
    gone
}

test_ps_gets_no_input_and_its_errors_are_not_ours() {
    ours_only
    bundle
    command_is sleep 30
    started
    fake_ps 'cat; echo "a warning" >&2; echo "  PID CMD"; echo "    1 other"; printf "%5d it\n" '"$PID"
    ok with_fake_ps ps "$ID"
    eq "$out" "$(printf '  PID CMD\n%5d it' "$PID")"
    eq "$err" "" stderr
    # A child that keeps the output open does not keep us.
    fake_ps "sleep 2.$CASE"' & echo "  PID CMD"'
    ok with_fake_ps ps "$ID"
    at_most "$took_ms" 1500 milliseconds
    gone
    eventually sh -c "! pgrep -f '^sleep 2.$CASE'"
}

test_without_ps_there_is_a_table_all_the_same() {
    ours_only
    bundle
    command_is sleep 310
    started
    mkdir "$T/empty"
    ok env PATH="$T/empty" "$TARE" --root "$STATE" ps "$ID"
    matches "$(head -1 <<<"$out")" '^ +UID +PID +PPID CMD$'
    matches "$(tail -1 <<<"$out")" "^ +$(id -u "$RUN_AS") +$PID +[0-9]+ sleep\$"
    eq "$(wc -l <<<"$out")" 2
    refuses 'ps\(1\) is not in .PATH' env PATH="$T/empty" "$TARE" --root "$STATE" ps "$ID" -ef
    ok env PATH="$T/empty" "$TARE" --root "$STATE" ps -f json "$ID"
    eq "$out" "[$PID]"
    gone
}

test_without_a_cgroup_the_processes_are_found_by_pid_namespace_and_descent() {
    ours_only
    bundle
    config 'del(.linux.cgroupsPath, .linux.resources)'
    script 'sleep 311 & (sleep 312 & exit 0); touch /ready; wait'
    call tare --cgroup-manager disabled create "$ID"
    [ $code = 0 ] || fail "create: $err"
    PID=$(state .pid)
    ok tare start "$ID"
    eventually test -e "$R/ready"
    ok tare ps -f json "$ID"
    eq "$(jq length <<<"$out")" 3 "processes in $out"
    has "$out" "$PID"
    ok tare ps "$ID"
    has "$out" "sleep 311"
    has "$out" "sleep 312"
    eq "$(wc -l <<<"$out")" 4
    gone
    # The host's pid namespace: descendants only.
    use b
    drop_namespace pid
    script 'rm -f /ready; sleep 313 & touch /ready; wait'
    rm -f "$R/ready"
    call tare --cgroup-manager disabled create "$ID"
    [ $code = 0 ] || fail "create: $err"
    ok tare start "$ID"
    eventually test -e "$R/ready"
    ok tare ps "$ID" -e -o pid,args
    has "$out" "sleep 313"
    lacks "$out" "case.sh"
    eq "$(wc -l <<<"$out")" 3
    pkill -x -f "sleep 313"
    gone
}
