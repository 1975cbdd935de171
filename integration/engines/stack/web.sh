#!/bin/sh
# web.sh: nginx of the stack, told where the application is. Runs in the container `web` as its first process, which becomes the server.
set -eu
sed "s/@APP_HOST@/$APP_HOST/" /stack/nginx.conf >/tmp/nginx.conf
exec nginx -e stderr -c /tmp/nginx.conf
