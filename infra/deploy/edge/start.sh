#!/bin/sh
# Starts a rendered edge in a container: start.sh <config dir> <run dir>, the run dir being the one it was rendered for.
# Its errors go to stderr and its purchases (a line each) to stdout, the container's log: the files that the configuration
# names would fill the memory that they lie in. A stdout that cannot be opened by name (a socket: systemd's journal) leaves
# <run dir>/purchases.log a file, for logrotate (docs/deploy.md).
set -eu
if [ ! -f "$1/nginx.conf" ]; then
  echo "edge: $1/nginx.conf is not there: render it first (seckill edge render <file.json> --out $1)" >&2
  exit 78
fi
mkdir -p "$2"
ln -sf /dev/null "$2/error.log"
if (: >> /dev/stdout) 2> /dev/null; then
  ln -sf /dev/stdout "$2/purchases.log"
elif [ -L "$2/purchases.log" ]; then
  rm "$2/purchases.log"
fi
exec nginx -e stderr -g 'error_log stderr warn;' -p "$2" -c "$1/nginx.conf"
