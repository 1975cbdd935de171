# CRIU for the cases that need it, and a container that is worth saving.

CACHE=${TARE_TEST_CACHE:-/var/cache/tare-tests}

# A `criu` in $PATH: the machine's own, if it is new enough, or Debian testing's, unpacked once and entered by its own loader.
needs_criu() {
    local root=$CACHE/criu
    command -v criu >/dev/null && [ "$(criu --version 2>/dev/null | sed -n 's/^Version: \([0-9]*\).*/\1/p')" -ge 4 ] 2>/dev/null && return
    if [ ! -x "$root/usr/sbin/criu" ]; then
        command -v mmdebstrap >/dev/null || skip "no criu (and no mmdebstrap to fetch one)"
        mkdir -p "$CACHE"
        (
            flock 9
            [ ! -x "$root/usr/sbin/criu" ] || exit 0
            rm -rf "$root.new"
            mmdebstrap --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' \
                --include=criu testing "$root.new" >"$T/mmdebstrap.log" 2>&1 && mv "$root.new" "$root"
        ) 9>"$CACHE/criu.lock"
        [ -x "$root/usr/sbin/criu" ] || skip "no criu: $(tail -1 "$T/mmdebstrap.log")"
    fi
    mkdir -p "$T/bin"
    printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$root"/usr/lib*/ld-linux*.so.? \
        "$root/usr/lib/$(uname -m)-linux-gnu" "$root/usr/sbin/criu" >"$T/bin/criu"
    chmod 755 "$T/bin/criu"
    PATH=$T/bin:$PATH
    criu check >"$T/criu-check.log" 2>&1 || skip "criu check: $(grep -m1 Error "$T/criu-check.log")"
}

# The container counts into an open file, through a pipe, and serves it by HTTP on its own loopback.
serves() {
    mkdir -p "$R/www"
    script 'exec 5>/www/count; echo hello >&2
        (n=0; while :; do n=$((n + 1)); echo $n; sleep 0.05; done) | while read n; do echo $n >&5; done &
        exec httpd -f -p 8080 -h /www'
}
count() { nsenter --net="/proc/$PID/ns/net" busybox wget -qO- http://127.0.0.1:8080/count | tail -1; }
count_is_above() { [ "$(count)" -gt "$1" ]; }
# It still counts, and is asked by TCP; the last number is in $COUNT.
counts() {
    local before
    eventually count_is_above "${COUNT:-0}"
    before=$(count)
    eventually count_is_above "$before"
    COUNT=$(count)
}

# Saving memory in steps needs a kernel that tells which pages have changed.
needs_dirty_pages() { criu check --feature mem_dirty_track >/dev/null 2>&1 || skip "the kernel has no CONFIG_MEM_SOFT_DIRTY"; }

# A started container whose streams are pipes, as under every engine; what it says is in $B/stdout.
piped() { # [CREATE-OPTION...]
    tare create "$@" "$ID" </dev/null 2>&1 | cat >"$B/stdout" &
    eventually status_is created
    PID=$(state .pid)
    ok tare start "$ID"
}
# Restores it so, too; $PID is its process in either case.
restored() { # RESTORE-OPTION...
    tare restore --detach --image-path "$T/img" "$@" "$ID" </dev/null 2>"$B/restore.err" > >(cat >>"$B/stdout") ||
        fail "restore: $(cat "$B/restore.err")"
    [ ! -s "$B/restore.err" ] || fail "restore said: $(cat "$B/restore.err")"
    PID=$(state .pid)
}
