# checkpoint and restore: what is refused, and what a failure leaves behind.
# timeout_s: 60

. "$INTEGRATION/lib/criu.sh"

test_without_criu_the_error_names_the_package() {
    bundle
    command_is sleep 100
    started
    mkdir "$T/empty"
    if [ -e /usr/sbin/criu ] || [ -e /sbin/criu ] || [ -e /usr/bin/criu ] || [ -e /usr/local/sbin/criu ]; then gone; skip "the machine has a criu"; fi
    refuses 'CRIU is not installed.*install the package criu' tare checkpoint --image-path "$T/img" "$ID"
    eq "$(state .status)" running
    gone
    refuses 'CRIU is not installed.*install the package criu' tare restore --image-path "$T/img" "$ID"
}

test_flags_that_do_nothing_together_are_refused() {
    bundle
    refuses 'status-fd tells of lazy pages' tare checkpoint --status-fd 1 x
    refuses 'lazy-pages needs an address' tare checkpoint --lazy-pages x
    refuses 'pre-dump saves all pages' tare checkpoint --lazy-pages --page-server 127.0.0.1:1 --pre-dump x
    refuses 'auto-dedup drops pages' tare checkpoint --auto-dedup x
    refuses 'parent-path .* must be relative' tare checkpoint --parent-path /tmp x
    refuses 'must be ADDRESS:PORT' tare checkpoint --page-server 127.0.0.1 x
    refuses 'only network' tare checkpoint --empty-ns ipc x
    refuses 'opposites' tare restore --tcp-close --tcp-established x
    refuses 'strict wants no control group' tare restore --manage-cgroups-mode strict x
    refuses 'must be selinux:LABEL' tare restore --lsm-profile container_t x
    ok tare checkpoint --help
    refuses 'flag needs an argument' tare restore --lsm-mount-context
}

test_only_a_running_or_paused_container_can_be_saved() {
    needs_criu
    bundle
    command_is sleep 100
    created
    refuses 'Container cannot be checkpointed in created state' tare checkpoint --image-path "$T/img" "$ID"
    ok tare kill "$ID" KILL
    becomes stopped
    refuses 'Container cannot be checkpointed in stopped state' tare checkpoint --image-path "$T/img" "$ID"
    gone
    refuses 'does not exist' tare checkpoint --image-path "$T/img" "$ID"
    absent "$T/img"
}

test_a_paused_container_that_is_left_running_stays_paused() {
    needs_criu
    bundle
    serves
    piped
    counts
    local freezer
    freezer=$(v2_file cgroup.freeze)
    [ -e "$freezer" ] || freezer=$(cgroup_file '' cgroup.freeze)
    echo 1 >"$freezer"
    becomes paused
    ok tare checkpoint --leave-running --image-path "$T/img" "$ID"
    eq "$(state .status)" paused
    echo 0 >"$freezer"
    counts
    echo 1 >"$freezer"
    ok tare checkpoint --image-path "$T/img" "$ID"
    restored
    counts
    gone
}

test_a_failed_restore_leaves_nothing() {
    needs_criu
    bundle
    serves
    piped
    counts
    ok tare checkpoint --image-path "$T/img" "$ID"
    refuses 'has no images' tare restore --detach --image-path "$T" "$ID"
    refuses 'do not go on from a pre-dump' tare restore --detach --image-path "$T/img" --parent-path ../pre "$ID"
    mv "$T/img/core-1.img" "$T/core"
    refuses 'CRIU: Error \(' tare restore --detach --image-path "$T/img" --pid-file "$T/pid" "$ID"
    refuses 'does not exist' tare state "$ID"
    absent "$T/pid"
    mv "$T/core" "$T/img/core-1.img"
    config --arg f "$T/no" '.hooks.prestart = [{path: "/bin/false"}]'
    refuses 'prestart' tare restore --detach --image-path "$T/img" "$ID"
    refuses 'does not exist' tare state "$ID"
    config 'del(.hooks)'
    restored
    refuses 'already exists' tare restore --detach --image-path "$T/img" "$ID"
    counts
    gone
}

test_a_restore_that_is_killed_can_be_deleted() {
    needs_criu
    bundle
    serves
    piped
    counts
    ok tare checkpoint --image-path "$T/img" "$ID"
    config --arg f "$T/hooked" '.hooks.prestart = [{path: "/bin/sh", args: ["sh", "-c", "echo $$ >\($f); exec sleep 30"]}]'
    "$TARE" --root "$STATE" restore --detach --image-path "$T/img" "$ID" </dev/null >/dev/null 2>&1 &
    local runtime=$!
    eventually test -s "$T/hooked"
    status_is creating || fail "status: $(state .status)"
    kill -KILL $runtime
    wait $runtime 2>/dev/null
    kill -KILL "$(cat "$T/hooked")"
    ok tare delete --force "$ID"
    refuses 'does not exist' tare state "$ID"
}

test_criu_s_own_configuration_is_named_by_an_annotation() {
    needs_criu
    bundle
    config --arg f "$T/criu.conf" '.annotations["org.criu.config"] = $f'
    serves
    piped
    counts
    refuses 'org.criu.config.* is no file' tare checkpoint --leave-running --image-path "$T/img" "$ID"
    echo 'log-file from-config.log' >"$T/criu.conf"
    ok tare checkpoint --leave-running --image-path "$T/img" "$ID"
    exists "$T/img/from-config.log"
    gone
}

test_a_page_server_gets_the_pages() {
    needs_criu
    bundle
    serves
    piped
    counts
    mkdir "$T/pages"
    criu page-server --images-dir "$T/pages" --address 127.0.0.1 --port 27901 </dev/null >/dev/null 2>&1 &
    local server=$!
    eventually sh -c 'ss -ltn 2>/dev/null | grep -q :27901 || grep -qi :6CFD /proc/net/tcp'
    ok tare checkpoint --page-server 127.0.0.1:27901 --image-path "$T/img" "$ID"
    wait $server
    at_least "$(cat "$T"/pages/pages-*.img | wc -c)" 4096 "bytes of pages at the server"
    eq "$(ls "$T"/img/pages-*.img 2>/dev/null)" "" "pages here"
    cp "$T"/pages/* "$T/img/"
    restored
    counts
    gone
}

test_lazy_pages_need_a_kernel_that_has_them() {
    needs_criu
    bundle
    serves
    piped
    counts
    refuses 'status-fd 9: this descriptor is not open for writing|userfaultfd' tare checkpoint --lazy-pages \
        --page-server 127.0.0.1:27902 --status-fd 9 --image-path "$T/img" "$ID"
    eq "$(state .status)" running
    gone
}
