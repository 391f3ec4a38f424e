#!/bin/sh
# Starts a Redis that sentinels watch: node.sh <redis-server> <config> <data dir> <run dir>
#
# What it shall be, redis-under-sentinels.sh asks the sentinels, and waits until they know. This file adds what machines of their own
# need: the names that they reach each other by, and the very first start. An empty server that starts as primary wipes its
# replicas. It may do so once, when ALL sentinels answer and none has ever seen a replica; else its disk was lost, and another
# one has to become primary first.
#
# Environment: REDIS_NAME what the sentinels call this primary; REDIS_ADDRESS the name of this machine that the
# others reach it by; REDIS_PORT (6379); REDIS_PASSWORD_FILE; SENTINELS, SENTINEL_PASSWORD_FILE.
set -eu
server=$1 config=$2 data=$3 run=$4
port=${REDIS_PORT:-6379}
here=$(dirname "$0")
sentinel_password=$(cat "$SENTINEL_PASSWORD_FILE")
# shellcheck source=SCRIPTDIR/ask-sentinels.sh
. "$here/ask-sentinels.sh"

waits() {
  [ "${told:-}" = "$1" ] || echo "$REDIS_ADDRESS waits: $1"
  told=$1
  sleep 1
}

begun=$run/begun
touch "$begun"
while [ ! -e "$data/appendonlydir" ]; do
  ask_all "$REDIS_NAME"
  if [ -n "$primary" ] && [ "$primary" != "$REDIS_ADDRESS $port" ]; then
    break
  elif [ -z "$primary" ]; then
    waits "$answering of $sentinels sentinels answer, and more than half must name one primary of $REDIS_NAME"
  elif [ "$answering" -eq "$sentinels" ] && [ "$replicas" -eq 0 ]; then
    echo "$REDIS_ADDRESS starts for the first time: all sentinels answer, and none has seen a replica of $REDIS_NAME"
    rm "$begun"
    break
  else
    waits "it is the primary of $REDIS_NAME, and its directory is empty: the sentinels have to choose another ($answering of $sentinels answer). They do so within seconds if a replica was in sync. If none was, the newest data are on the replica that you choose: CONFIG SET replica-priority 100 there. Only where all data is gone on purpose: SENTINEL RESET $REDIS_NAME at each sentinel"
  fi
done

umask 077
# Of this start alone, so that a sentinel may have it written anew.
cat > "$run/redis.conf" << END
include $config
port $port
dir "$data"
masterauth $(cat "$REDIS_PASSWORD_FILE")
replica-announce-ip $REDIS_ADDRESS
replica-announce-port $port
# A replica that comes back is copied to at once; after a short absence it is sent what it missed.
repl-diskless-sync yes
repl-diskless-sync-delay 0
repl-backlog-size 16mb
END
# shellcheck disable=SC2086 # a sentinel is a word
exec /bin/sh "$here/redis.sh" "$server" "$run/redis.conf" "$data" "$REDIS_NAME" "$REDIS_ADDRESS:$port" "$begun" \
  "$REDIS_PASSWORD_FILE" "$SENTINEL_PASSWORD_FILE" $SENTINELS
