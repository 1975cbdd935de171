# A real program: PostgreSQL from a Debian root filesystem, confined the way an engine would confine it.
# timeout_s: 420

CACHE=${TARE_TEST_CACHE:-/var/cache/tare-tests}

# A Debian root with PostgreSQL at $CACHE/postgresql, made once by mmdebstrap and kept between runs.
debian_root() {
    [ -e "$CACHE/postgresql/etc/passwd" ] && return
    command -v mmdebstrap >/dev/null || skip "no mmdebstrap"
    mkdir -p "$CACHE"
    rm -rf "$CACHE"/postgresql.new
    mmdebstrap --variant=minbase --include=postgresql bookworm "$CACHE/postgresql.new" >"$T/mmdebstrap.log" 2>&1 || {
        rm -rf "$CACHE/postgresql.new"
        grep -qiE 'could not resolve|failed to fetch|unable to connect|download' "$T/mmdebstrap.log" && skip "no network to Debian's packages"
        fail "mmdebstrap: $(tail -3 "$T/mmdebstrap.log")"
    }
    mv "$CACHE/postgresql.new" "$CACHE/postgresql"
}

# A bundle on that root: PostgreSQL's own user, read-only root, user namespace, seccomp, limits. $BIN is its programs' folder.
confined() { # NAME
    bundle "$1"
    local uid gid
    uid=$(awk -F: '$1 == "postgres" { print $3 }' "$CACHE/postgresql/etc/passwd")
    gid=$(awk -F: '$1 == "postgres" { print $4 }' "$CACHE/postgresql/etc/passwd")
    BIN=$(cd "$CACHE/postgresql" && echo /usr/lib/postgresql/*/bin)
    rm -rf "$R"
    config --arg root "$CACHE/postgresql" --argjson uid "$uid" --argjson gid "$gid" --arg bin "$BIN" '
        .root = {path: $root, readonly: true}
        | .process.user = {uid: $uid, gid: $gid, umask: 63}
        | .process.env = ["PATH=\($bin):/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/tmp"]
        | .process.capabilities = {bounding: [], effective: [], permitted: []}
        | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1024, hard: 1024}, {type: "RLIMIT_CORE", soft: 0, hard: 0}]
        | .linux.resources = {memory: {limit: 536870912}, cpu: {shares: 512, quota: 200000, period: 100000}, pids: {limit: 64}}'
    add_namespace user
    config '.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
    add_mount /tmp tmpfs tmpfs nosuid nodev mode=1777 size=64m
    add_mount /run tmpfs tmpfs nosuid nodev mode=755 size=16m
    seccomp_profile "$INTEGRATION/../tests/fixtures/seccomp/podman.json"
    OWNER=$((100000 + uid)):$((100000 + gid))
}

test_postgresql_serves_a_client_in_a_second_container() {
    [ -e "$INTEGRATION/../tests/fixtures/seccomp/podman.json" ] || skip "no podman.json among the fixtures"
    debian_root
    mkdir -m 700 "$T/data"
    confined server
    chown "$OWNER" "$T/data"
    add_mount /var/lib/postgresql bind "$T/data" rbind rw nosuid nodev
    command_is initdb --auth=trust --no-locale --encoding=UTF8 --pgdata=/var/lib/postgresql/db
    runs
    has "$out" Success

    command_is postgres -D /var/lib/postgresql/db -k /tmp -c listen_addresses=127.0.0.1 -c shared_buffers=64MB
    started
    local server=$PID server_id=$ID
    eq "$(sed -n 's/^Seccomp:\t//p' "/proc/$server/status")" 2 "seccomp mode of the server"
    eq "$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$server/status")" "${OWNER%:*}" "the server's user on the host"
    eq "$(sed -n 's/^CapBnd:\t//p' "/proc/$server/status")" 0000000000000000 "capabilities"
    ! needs_limit memory memory.limit_in_bytes || limit_is memory.limit 536870912
    ! needs_limit pids pids.max || limit_is pids.limit 64

    confined client
    add_namespace user "/proc/$server/ns/user"
    config 'del(.linux.uidMappings, .linux.gidMappings)'
    add_namespace network "/proc/$server/ns/net"
    command_is sh -c 'for i in $(seq 100); do psql -qh 127.0.0.1 -c "select 1" >/dev/null 2>&1 && break; sleep 0.1; done
        psql -qAtX -v ON_ERROR_STOP=1 -h 127.0.0.1 <<END
create table weights (id integer primary key, name text not null);
insert into weights select n, md5(n::text) from generate_series(1, 10000) n;
select count(*), sum(id), count(distinct name) from weights;
select name from weights where id = 4242;
END
        touch /etc/x 2>&1'
    call tare run "$ID"
    has "$out" "10000|50005000|10000" "rows read back: $err"
    has "$out" "$(printf 4242 | md5sum | cut -d' ' -f1)" "a row"
    has "$out$err" "Read-only file system" "the root"

    command_is sleep 100
    started
    ok tare kill "$ID" KILL
    becomes stopped
    ok tare delete "$ID"
    ok tare kill "$server_id" KILL
    becomes stopped "$server_id"
    ok tare delete "$server_id"
    eq "$(pgrep -c postgres)" 0 "processes of PostgreSQL left"
}
needs_limit() { is_on_v1 "$1" && [ -e "$(cgroup_file "$1" "$2" server)" ]; }
