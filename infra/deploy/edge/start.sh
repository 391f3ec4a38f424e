#!/bin/sh
# Starts a rendered edge in a container: start.sh <config dir> <run dir>, the run dir being the one it was rendered for.
# Its errors go to stderr and its purchases (a line each) to stdout, the container's log: a file would fill the memory that
# it lies in. A stdout that cannot be opened by name (a socket: systemd's journal) leaves
# <run dir>/purchases.log a file, for logrotate (docs/deploy.md).
set -eu
if [ ! -f "$1/nginx.conf" ]; then
  echo "edge: $1/nginx.conf is not there: render it first (seckill edge render <file.json> --out \"$1\")" >&2
  exit 78
fi
# nginx says it without naming the user, and a container that restarts for ever shows little else. A pipe it would wait for,
# and a device it would read for ever.
unreadable=$(sed -n \
  -e "s/^ *\(ticket_keys_file\|cache_redis_password_file\) = '\(.*\)',$/\2/p" \
  -e 's/^ *\(ssl_certificate\|ssl_certificate_key\|lua_ssl_trusted_certificate\) "\(.*\)";$/\2/p' \
  "$1"/settings.lua "$1"/conf.d/lua.conf "$1"/conf.d/listen-*.conf | while read -r file; do
  [ -z "$file" ] || { [ -f "$file" ] && [ -r "$file" ]; } || printf 'edge: uid %s cannot read %s (%s)\n' "$(id -u)" "$file" \
    "$(ls -lnLd "$file" 2> /dev/null || echo 'it is not there')"
done)
if [ -n "$unreadable" ]; then
  printf '%s\nedge: make them readable where they come from; on a Docker host, infra/deploy/make-secrets.sh says how\n' \
    "$unreadable" >&2
  exit 78
fi
mkdir -p "$2"
if (: >> /dev/stdout) 2> /dev/null; then
  ln -sf /dev/stdout "$2/purchases.log"
elif [ -L "$2/purchases.log" ]; then
  rm "$2/purchases.log"
fi
exec nginx -e stderr -p "$2" -c "$1/nginx.conf"
