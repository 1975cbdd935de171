#!/bin/sh
# db.sh: PostgreSQL of the stack, made by initdb when its volume is empty. Runs in the container `db` as its first process, which becomes the server.
# db.sh ready: whether the table answers; for health checks.
# Root in the container becomes the user postgres: initdb refuses root.
set -eu
[ "$(id -u)" != 0 ] || exec setpriv --reuid=postgres --regid=postgres --init-groups --no-new-privs sh "$0" "$@"
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
data=/var/lib/postgresql/data
export PGPASSWORD="$DB_PASSWORD"
if [ "${1:-}" = ready ]; then
    [ "$(psql -h 127.0.0.1 -U app -tAc "SELECT count(*) >= 0 FROM rows" app)" = t ]
    exit
fi
# Made beside and renamed: a container that was killed here starts from nothing, and not from half of it.
if [ ! -d $data ]; then
    rm -rf $data.new
    echo "$DB_PASSWORD" >/tmp/password
    initdb --auth-local=trust --auth-host=scram-sha-256 --username=app --pwfile=/tmp/password --encoding=UTF8 --locale=C.UTF-8 $data.new
    echo 'host all all samenet scram-sha-256' >>$data.new/pg_hba.conf
    echo 'CREATE DATABASE app' | postgres --single -D $data.new postgres
    echo 'CREATE TABLE rows (key text PRIMARY KEY, text text NOT NULL)' | postgres --single -D $data.new app
    mv $data.new $data
fi
exec postgres -D $data -c listen_addresses='*' -c unix_socket_directories=/tmp -c shared_buffers=16MB -c max_connections=20
