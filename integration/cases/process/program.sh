# process: args, env, cwd and how the program is found.

test_args_are_passed_verbatim() {
    bundle
    command_is probe args 'two words' '' '$HOME' "it's" 'ünï' '*'
    runs
    eq "$out" "[two words][][\$HOME][it's][ünï][*]"
}

test_env_is_exactly_what_is_configured() {
    bundle
    config '.process.env = ["PATH=/bin", "EMPTY=", "SPACES=a b  c", "EQUALS=a=b=c", "HOME=/somewhere"]'
    command_is env
    FROM_THE_CALLER=1 runs
    eq "$(grep -v ^TARE_BREAK <<<"$out" | sort)" "EMPTY=
EQUALS=a=b=c
HOME=/somewhere
PATH=/bin
SPACES=a b  c"
}

test_the_last_of_two_variables_of_one_name_wins() {
    bundle
    config '.process.env += ["TWICE=first", "TWICE=second"]'
    command_is env
    runs
    eq "$(grep ^TWICE= <<<"$out")" "TWICE=second"
}

test_home_is_taken_from_the_containers_passwd() {
    bundle
    script 'echo $HOME'
    runs
    eq "$out" /root
    config '.process.user = {uid: 1000, gid: 1000}'
    runs
    eq "$out" /home/alice
    config '.process.user = {uid: 4242, gid: 0}'
    runs
    eq "$out" /
}

test_the_program_is_searched_in_the_containers_path() {
    bundle
    mkdir -p "$R/opt/deep"
    printf '#!/bin/sh\necho found $0\n' >"$R/opt/deep/prog"
    chmod 755 "$R/opt/deep/prog"
    config '.process.env = ["PATH=/nowhere:/opt/deep:/bin"]'
    command_is prog
    runs
    eq "$out" "found /opt/deep/prog"
}

test_a_relative_program_is_found_below_cwd() {
    bundle
    mkdir -p "$R/work" && cp "$R/bin/busybox" "$R/work/echo"
    config '.process.cwd = "/work"'
    command_is ./echo here
    runs
    eq "$out" here
}

test_cwd_is_set() {
    bundle
    mkdir -p "$R/a/b"
    config '.process.cwd = "/a/b"'
    script 'pwd; probe cwd; echo $PWD'
    runs
    eq "$(head -2 <<<"$out")" "/a/b
/a/b"
}

test_a_missing_cwd_is_made() {
    bundle
    config '.process.cwd = "/new/deep/folder"'
    command_is pwd
    runs
    eq "$out" /new/deep/folder
    eq "$(stat -c %a "$R/new/deep/folder")" 755
}

test_a_cwd_below_a_mount_is_found() {
    bundle
    mkdir -p "$T/volume/inner"
    add_mount /volume bind "$T/volume" rbind
    config '.process.cwd = "/volume/inner"'
    command_is pwd
    runs
    eq "$out" /volume/inner
}

test_a_cwd_only_the_user_can_enter_works() {
    bundle
    mkdir -m 700 "$R/private" && chown 1000:1000 "$R/private"
    config '.process.cwd = "/private" | .process.user = {uid: 1000, gid: 1000}'
    command_is pwd
    runs
    eq "$out" /private
}

test_a_cwd_that_is_a_file_is_refused() {
    bundle
    echo >"$R/file"
    config '.process.cwd = "/file"'
    refuses 'not a directory' tare create "$ID"
}

test_a_program_missing_in_path_is_refused_in_the_words_engines_know() {
    bundle
    command_is no-such-program
    refuses 'exec: .*no-such-program.*: executable file not found in \$PATH' tare create "$ID"
    refuses 'executable file not found in \$PATH' tare run "$ID"
}

test_an_absolute_program_that_is_missing_is_refused() {
    bundle
    command_is /bin/nope
    refuses '/bin/nope.*no such file or directory' tare create "$ID"
}

test_a_program_that_is_not_executable_is_refused() {
    bundle
    echo x >"$R/bin/data" && chmod 644 "$R/bin/data"
    command_is /bin/data
    refuses 'permission denied' tare create "$ID"
}

test_a_program_that_is_a_directory_is_refused() {
    bundle
    command_is /bin
    refuses 'is a directory|permission denied' tare create "$ID"
}

test_process_may_be_absent_at_create_but_not_at_start() {
    ours_only
    bundle
    config 'del(.process)'
    ok tare create "$ID"
    eq "$(state .status)" created
    refuses 'process is not set.*config.json#/process' tare start "$ID"
    gone
}

test_a_static_program_needs_no_proc_and_no_dev() {
    bundle
    config '.mounts = [] | del(.linux.maskedPaths) | del(.linux.readonlyPaths)'
    command_is /bin/probe args bare
    runs
    eq "$out" "[bare]"
}
