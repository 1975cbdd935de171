# list, spec, --version, --help, the log.

test_list_as_table_json_and_ids() {
    bundle
    eq "$(tare list -q)" "" "ids without containers"
    command_is sleep 30
    started
    ok tare list
    matches "$(head -1 <<<"$out")" '^ID +PID +STATUS +BUNDLE +CREATED +OWNER'
    matches "$(sed -n 2p <<<"$out")" "^$ID +$PID +running +$B +20"
    ok tare list --format json
    eq "$(jq -r '.[0].id, .[0].status, .[0].pid' <<<"$out" | tr '\n' ' ')" "$ID running $PID "
    ok tare list -q
    eq "$out" "$ID"
    gone
}

test_list_json_of_no_containers_is_json() {
    own_folder "$STATE"
    ok tare list -f json
    eq "$(jq 'if . == null then 0 else length end' <<<"$out")" 0
}

test_list_bears_foreign_folders_in_the_root() {
    own_folder "$STATE"
    mkdir "$STATE/foreign" && echo '{"some": "other runtime"}' >"$STATE/foreign/state.json"
    mkdir "$STATE/.cache"
    bundle
    command_is sleep 30
    started
    ok tare list -q
    has "$out" "$ID"
    gone
    rm -r "$STATE/foreign" "$STATE/.cache"
}

test_spec_writes_a_config_that_runs() {
    bundle
    rm config.json
    ok tare spec
    config --arg p "$(cgroups_path)" '.process.terminal = false | .process.args = ["echo", "from the spec"] | .linux.cgroupsPath = $p'
    runs
    eq "$out" "from the spec"
}

test_spec_does_not_overwrite() {
    bundle
    cp config.json before
    refuses 'exists' tare spec
    cmp -s config.json before || fail "config.json was changed"
}

test_spec_takes_a_bundle() {
    own_folder "$T/new"
    ok tare spec --bundle "$T/new"
    jq -e .process "$T/new/config.json" >/dev/null || fail "no config"
}

test_version_has_the_three_lines_engines_parse() {
    ok tare --version
    matches "$(head -1 <<<"$out")" '^[a-z]+ version [0-9]+\.[0-9]+'
    matches "$out" '^spec: 1\.'
    eq "$(grep -c version <<<"$out")" 1 "lines with the word version"
    [ -n "$FOREIGN" ] || matches "$out" '^commit: .'
}

# The name of a program, and the folder that has it: a link to the runtime, or a copy of it.
installed_as() { # NAME ln|cp
    needs_runtime_itself
    ours_only
    mkdir -p "$T/bin" && rm -f "$T/bin/$1" || fail "cannot make room for $1"
    case $2 in
        ln) ln -s "$TARE" "$T/bin/$1" ;;
        cp) cp "$TARE" "$T/bin/$1" ;;
    esac || fail "cannot install as $1"
    PATH=$T/bin:$PATH
}

test_installed_as_runc_or_crun_the_first_line_is_the_one_engines_look_for() {
    local name how
    for name in runc crun; do
        for how in ln cp; do
            installed_as $name $how
            ok $name --version
            matches "$(head -1 <<<"$out")" "^$name version [0-9.]+\$" "first line of $how"
            eq "$(grep -c version <<<"$out")" 1 "lines with the word version"
            matches "$out" '^commit: tare-[0-9a-z]+' "who it is"
            matches "$out" '^spec: 1\.'
            eq "$err" "" stderr
            "$T/bin/$name" -v | cmp -s - <(echo "$out") || fail "by its path it says something else"
        done
    done
}

test_installed_as_runc_every_line_after_the_first_is_a_name_and_a_value() {
    installed_as runc ln
    ok runc --version
    eq "$(sed 1d <<<"$out" | grep -vc '^[a-z]*: ')" 0 "other lines in: $out"
}

test_installed_under_another_name_all_else_is_as_ever() {
    installed_as runc ln
    bundle
    command_is true
    ok runc --root "$STATE" run --keep "$ID"
    eq "$(state .status)" stopped "status for tare of what runc has made"
    ok runc --root "$STATE" delete "$ID"
    refuses 'container does not exist' runc --root "$STATE" state "$ID"
    ok runc features
    [ "$out" = "$("$TARE" features)" ] || fail "features depend on the name"
}

test_help_lists_every_command() {
    ok tare --help
    local verb
    for verb in create start state kill delete run list spec features exec ps pause resume update checkpoint restore; do
        has "$out" "$verb"
        call tare "$verb" --help
        eq "$code" 0 "exit code of $verb --help"
        [ -n "$out" ] || fail "no help for $verb"
        [ -n "$FOREIGN" ] || eq "$err" "" "stderr"
        ok tare --help
    done
}

test_the_log_file_gets_one_json_line_with_the_error() {
    bundle
    command_is /no/such/file
    call tare --log "$T/log" --log-format json create "$ID"
    eq "$code" 1 "exit code"
    eq "$(jq -r 'select(.level == "error") | .level' "$T/log")" error "level"
    has "$(jq -r 'select(.level == "error") | .msg' "$T/log")" "no such file or directory" "msg"
    matches "$(jq -r 'select(.level == "error") | .time' "$T/log")" '^20[0-9-]+T[0-9:.]+(Z|[+-][0-9:]+)$' "time"
    [ -n "$FOREIGN" ] && return
    eq "$(wc -l <"$T/log")" 1 "lines"
    has "$err" "no such file or directory" "stderr"
    ne "$(jq -r .code "$T/log")" null "code"
    ne "$(jq -r .step "$T/log")" null "step"
    ne "$(jq -r .errno "$T/log")" null "errno"
    ne "$(jq -r .object "$T/log")" null "object"
}

test_the_log_file_is_made_at_once_and_appended_to() {
    bundle
    echo '{"level":"info","msg":"before","time":"2026-01-01T00:00:00Z"}' >"$T/log"
    call tare --log="$T/log" --log-format=json state nosuch
    eq "$(head -1 "$T/log" | jq -r .msg)" before "first line"
    own_folder "$STATE"
    ok tare --log "$T/other" list
    exists "$T/other"
}

test_a_pointer_into_the_config_is_logged() {
    ours_only
    bundle
    config '.process.cwd = "relative"'
    call tare --log "$T/log" --log-format json create "$ID"
    eq "$(jq -r .pointer "$T/log")" /process/cwd "pointer"
}

test_text_log_is_key_value_lines() {
    bundle
    call tare --log "$T/log" --log-format text state nosuch
    matches "$(cat "$T/log")" '^time="?20[^ ]+ level=error msg="'
}

test_global_flags_of_both_peers_are_accepted() {
    ours_only
    bundle
    command_is true
    local rootless=true
    [ "$RUN_AS" != root ] || rootless=false
    ok tare --debug --log "$T/log" --log-format=json --log-level debug --rootless=$rootless --cgroup-manager cgroupfs run --no-new-keyring --no-subreaper "$ID"
    ok tare --cgroup-manager=cgroupfs --rootless auto run "$ID"
    exists "$T/log"
}
