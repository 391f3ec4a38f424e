#!/bin/sh
# Starts a Redis server that sentinels watch as what they say it is: the primary, or a replica of the one that they name.
#
#   redis-under-sentinels.sh <redis-server> <config> <data dir> <name of the primary> <own host:port> <begun file>
#                            <file with the servers' password> <file with the sentinels' password> <sentinel host:port>...
#
# ANNOUNCED is the host:port by which the sentinels know it, where that is not its own. With ENDS_WITH_PARENT it ends when the
# process that started it is gone: a replica that writes its first append-only file forgets a SIGTERM, so one is not enough.
#
# An empty primary empties its replicas, and so does one that missed a failover. So:
# - more than half of the sentinels must answer before it starts, and the answer of the highest epoch counts;
# - with an empty data directory it is never the primary. The one exception is the first start of all of them, when there
#   is nothing to lose: the begun file is not there yet. Who starts them makes it before the first client is let in;
# - a replica cannot be promoted (replica-priority 0) before it was in sync with the primary since it started or was
#   demoted: what a sentinel compares replicas by is forgotten at a restart, and counts lost writes after a demotion.
set -eu
umask 077 # sentinels have the server write its configuration anew, passwords in it
server=$1 config=$2 data=$3 name=$4 self=$5 begun=$6 password=$7 sentinel_password=$8
shift 8
known=${ANNOUNCED:-$self}
cli=${server%redis-server}redis-cli
mkdir -p "$data"

said=
say() {
  [ "$said" = "$1" ] || printf '%s %s\n' "$(date '+%d %b %Y %H:%M:%S')" "$1"
  said=$1
}

# What the sentinels say: how many of them know the primary, where it is by the one that heard last, and whether they are at it.
ask() {
  answers=0 primary='' busy='' newest=-1
  for sentinel in "$@"; do
    reply=$(REDISCLI_AUTH=$(cat "$sentinel_password") timeout 1 "$cli" --no-auth-warning \
      -h "${sentinel%:*}" -p "${sentinel##*:}" SENTINEL MASTER "$name" 2>&1) || continue
    ip='' port='' epoch='' flags=''
    while read -r field && read -r value; do
      case $field in
        ip) ip=$value ;;
        port) port=$value ;;
        flags) flags=$value ;;
        config-epoch) epoch=$value ;;
      esac
    done << REPLY
$reply
REPLY
    [ -n "$epoch" ] || continue
    answers=$((answers + 1))
    case $flags in *failover_in_progress*) busy=yes ;; esac
    [ "$epoch" -le "$newest" ] || { newest=$epoch primary=$ip:$port; }
  done
}

tries=0
while :; do
  tries=$((tries + 1))
  ask "$@"
  if [ $((answers * 2)) -le $# ]; then
    say "waiting: $answers of $# sentinels say where the primary of $name is, and more than half must"
  elif [ -n "$busy" ]; then
    say "waiting: the sentinels are about to make another server the primary of $name"
  elif [ "$answers" -lt $# ] && [ "$tries" -lt 15 ]; then
    say "waiting: $answers of $# sentinels say where the primary of $name is, the last one may know better"
  elif [ "$primary" != "$known" ]; then
    say "the primary of $name is $primary: starting as its replica"
    set -- --replicaof "${primary%:*}" "${primary##*:}"
    break
  elif [ -e "$data/appendonlydir" ] || [ ! -e "$begun" ]; then
    say "starting as the primary of $name"
    set -- --replicaof no one
    break
  else
    say "waiting: the sentinels name this server the primary of $name, but its directory $data is empty, so it would empty its \
replicas. They name another server within seconds if one was in sync. If none was, the newest data are on the replica that \
you choose: $cli -p <its port> CONFIG SET replica-priority 100"
  fi
  sleep 0.2
done

# Beside the server until it ends: who is the primary, or was demoted, must be in sync before it can be promoted again.
keep_priority() {
  export REDISCLI_AUTH="$1"
  priority=0
  while kill -0 $$ 2> /dev/null; do
    [ -z "${ENDS_WITH_PARENT:-}" ] || kill -0 $PPID 2> /dev/null || kill $$
    printf 'INFO replication\n'
    sleep 1
  done | "$cli" --no-auth-warning -h "${self%:*}" -p "${self##*:}" 2> /dev/null | while read -r line; do
    wanted=
    case $line in
      role:master*) wanted=0 ;;
      master_link_status:up*) wanted=100 ;;
    esac
    if [ -n "$wanted" ] && [ "$wanted" != "$priority" ]; then
      "$cli" --no-auth-warning -h "${self%:*}" -p "${self##*:}" CONFIG SET replica-priority "$wanted" > /dev/null && priority=$wanted
    fi
  done
}
keep_priority "$(cat "$password")" > /dev/null 2>&1 < /dev/null &
exec "$server" "$config" "$@" --replica-priority 0
