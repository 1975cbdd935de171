# Descriptors that the caller hands on: --preserve-fds with holes, and the sockets of an activated service (sd_listen_fds(3)).
. "$INTEGRATION/lib/namespaces.sh"

numbers() { cut -d' ' -f1 | tr '\n' ' '; }
# The runtime with open descriptors 3 to 3 + COUNT: COUNT RUNTIME-ARGUMENT...
passing() { local count=$1; shift; python3 "$INTEGRATION/lib/agent.py" pass "$count" "$TARE" --root "$STATE" "$@"; }

test_preserved_descriptors_may_have_holes() {
    bundle
    echo five >"$T/five"
    echo seven >"$T/seven"
    script 'probe fds; cat <&5; cat <&7'
    # 3, 4 and 6 are closed; 9 is beyond what is asked for.
    ok sh -c "exec '$TARE' --root '$STATE' run --preserve-fds 5 '$ID' 5<'$T/five' 7<'$T/seven' 9<'$T/five'"
    eq "$(grep -E '^[0-9]' <<<"$out" | numbers)" "5 7 " "descriptors of the container"
    has "$out" "five
seven"
    script 'probe fds'
    ok sh -c "exec '$TARE' --root '$STATE' run --preserve-fds 3 '$ID' 9<'$T/five'"
    eq "$out" "" "descriptors of a container with holes only"
}

test_preserved_descriptors_with_holes_reach_a_created_container() {
    bundle
    echo five >"$T/five"
    script 'probe fds; cat <&5; sleep 30'
    sh -c "exec '$TARE' --root '$STATE' create --preserve-fds 5 '$ID' 5<'$T/five' 9<'$T/five'" >"$B/stdout" 2>"$B/stderr" || fail "$(cat "$B/stderr")"
    PID=$(state .pid)
    # What is above belongs to the stage that waits: nothing of the caller's.
    lacks "$(ls -l "/proc/$PID/fd" | grep -v ' 5 -> ')" "$T/five" "descriptors of the waiting process"
    ok tare start "$ID"
    eventually grep -q five "$B/stdout"
    eq "$(grep -E '^[0-9]' "$B/stdout" | numbers)" "5 " "descriptors of the container"
    gone
}

test_many_descriptors_can_be_preserved() {
    bundle
    script 'probe fds | wc -l'
    ok passing 200 run --preserve-fds 200 "$ID"
    eq "$out" 200
}

test_sockets_of_an_activation_are_handed_on_with_their_names() {
    bundle
    script 'echo "$LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES"; probe fds | wc -l'
    export LISTEN_FDS=2 LISTEN_FDNAMES=web:admin
    ok sh -c "export LISTEN_PID=\$\$; exec python3 '$INTEGRATION/lib/agent.py' pass 3 '$TARE' --root '$STATE' run '$ID'"
    eq "$out" "2 1 web:admin
2"
    unset LISTEN_FDS LISTEN_FDNAMES
}

test_sockets_are_meant_for_us_if_nobody_is_named() {
    bundle
    script 'echo "$LISTEN_FDS $LISTEN_PID"; probe fds | wc -l'
    LISTEN_FDS=2 ok passing 3 run "$ID"
    eq "$out" "2 1
2"
}

test_sockets_of_another_process_are_not_handed_on() {
    ours_only
    bundle
    script 'echo "[$LISTEN_FDS$LISTEN_PID$LISTEN_FDNAMES]"; probe fds | wc -l'
    LISTEN_FDS=2 LISTEN_PID=1 LISTEN_FDNAMES=a:b ok passing 3 run "$ID"
    eq "$out" "[]
0"
}

test_names_that_do_not_fit_are_left_out_with_a_warning() {
    ours_only
    bundle
    script 'echo "$LISTEN_FDS [$LISTEN_FDNAMES]"'
    LISTEN_FDS=2 LISTEN_FDNAMES=only-one ok passing 3 run "$ID"
    eq "$out" "2 []"
    has "$err" LISTEN_FDNAMES
}

test_the_pid_of_the_sockets_is_the_one_that_the_process_has() {
    ours_only
    bundle
    script 'echo "$LISTEN_PID $$"'
    # The host's pid namespace: any number but 1.
    drop_namespace pid
    LISTEN_FDS=1 ok passing 1 run "$ID"
    eq "${out% *}" "${out#* }" "LISTEN_PID and the pid"
    ne "${out% *}" 1 LISTEN_PID
    # A namespace that is joined.
    become_unshare --pid --fork --kill-child sleep 30 &
    local holder=$! inside
    # By its name: before it unshare has children that map its ids.
    eventually pgrep -P $holder -x sleep
    inside=$(pgrep -P $holder -x sleep)
    join_namespace "$inside" pid
    LISTEN_FDS=1 ok passing 1 run "$ID"
    eq "${out% *}" "${out#* }" "LISTEN_PID and the pid in a joined namespace"
    kill -KILL $holder
}
