#!/bin/sh
# Starts a Redis that sentinels watch: node.sh <redis-server> <config> <data dir> <run dir>
#
# Who is the primary, the sentinels say, never this file and never the directory. An empty server that starts as primary wipes
# every replica that follows it, and with them every yes. So:
#   more than half of the sentinels name another   it starts as a replica of that one
#   they name this one, and it has its data         it starts as primary
#   they name this one, and its directory is empty  its disk was lost: it waits until they have chosen another. Only when ALL
#                                                   sentinels answer and none has ever seen a replica is this the first start
#   they do not answer, or disagree                 it waits: without them it could not be found either
#
# Environment: REDIS_NAME what the sentinels call this primary; REDIS_ADDRESS the name of this machine that the
# others reach it by; REDIS_PORT (6379); REDIS_PASSWORD_FILE; SENTINELS, SENTINEL_PASSWORD_FILE.
set -eu
server=$1 config=$2 data=$3 run=$4
port=${REDIS_PORT:-6379}
here=$(dirname "$0")
password=$(cat "$REDIS_PASSWORD_FILE")
sentinel_password=$(cat "$SENTINEL_PASSWORD_FILE")
# shellcheck source=SCRIPTDIR/ask-sentinels.sh
. "$here/ask-sentinels.sh"

waits() {
  [ "${told:-}" = "$1" ] || echo "$REDIS_ADDRESS waits: $1"
  told=$1
  sleep 1
}

while :; do
  ask_all "$REDIS_NAME"
  if [ -z "$primary" ]; then
    waits "$answering of $sentinels sentinels answer, and more than half must name one primary of $REDIS_NAME"
  elif [ "$primary" != "$REDIS_ADDRESS $port" ]; then
    role="replicaof $primary"
    break
  elif [ -e "$data/appendonlydir/appendonly.aof.manifest" ]; then
    role='# primary'
    break
  elif [ "$answering" -eq "$sentinels" ] && [ "$replicas" -eq 0 ]; then
    role='# primary, for the first time'
    break
  else
    waits "it is the primary of $REDIS_NAME, and its directory is empty: the sentinels have to choose another ($answering of $sentinels answer). Where all data is gone on purpose: SENTINEL RESET $REDIS_NAME at each of them"
  fi
done
echo "$REDIS_ADDRESS starts: $role"

umask 077
# Of this start alone, so that a sentinel may write into it what it makes of this server.
cat > "$run/redis.conf" << END
include $config
port $port
dir "$data"
masterauth $password
replica-announce-ip $REDIS_ADDRESS
replica-announce-port $port
$role
END
exec /bin/sh "$here/redis.sh" "$server" "$run/redis.conf" "$data"
