#!/bin/sh
# Starts a Redis server, after its append-only file was made whole: redis.sh <redis-server> <config> <data dir>
# Where sentinels watch it, what redis-under-sentinels.sh takes follows.
#
# Lost power, or a kill in mid-write, may leave half a transaction at the end of the file. Redis 7.0 (seen with 7.0.15, by the
# chaos rounds) leaves it there when the cut is inside a command: it starts as if it were gone, appends to it, and at
# the NEXT start applies the half: a unit taken, and no order that has it. redis-check-aof cuts off the whole
# transaction; aof-load-truncated is off, so that nothing serves from a file that was not mended.
set -eu
server=$1
config=$2
manifest=$3/appendonlydir/appendonly.aof.manifest
check=${server%redis-server}redis-check-aof

if [ -f "$manifest" ] && command -v "$check" > /dev/null; then
  if ! report=$(echo y | "$check" --fix "$manifest" 2>&1); then
    printf '%s\n%s\n' "$report" "the append-only file cannot be mended: restore a backup, then seckill stock rebuild"
    exit 1
  fi
  case $report in *Successfully*) printf 'cut off a torn transaction:\n%s\n' "$report" ;; esac
fi
[ $# -eq 3 ] || exec /bin/sh "${0%redis.sh}redis-under-sentinels.sh" "$@"
exec "$server" "$config"
