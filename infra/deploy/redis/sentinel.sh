#!/bin/sh
# Starts the sentinel beside a stock Redis: sentinel.sh <redis-server> <data dir>
#
# What it knows it writes into <data dir>/sentinel.conf, and a later start goes on from there. The first start asks the others who
# is primary, and only where none of them knows takes the one that is given: a sentinel whose disk was lost must not name an
# old primary again.
#
# Environment: PRIMARIES `name=host:port` of the very first start, blanks between; SENTINEL_ADDRESS the name of
# this machine that the others reach it by; SENTINEL_PORT (26379); PASSWORD_FILES `name=file`, blanks between;
# SENTINELS, SENTINEL_PASSWORD_FILE; BIND the addresses to listen at, all unless it is given.
set -eu
server=$1 data=$2
port=${SENTINEL_PORT:-26379}
here=$(dirname "$0")
sentinel_password=$(cat "$SENTINEL_PASSWORD_FILE")
# shellcheck source=SCRIPTDIR/ask-sentinels.sh
. "$here/ask-sentinels.sh"

# known_by_others <name>: `host port` by the one that heard last of a failover, or nothing.
known_by_others() {
  newest=-1 place=''
  for each in $SENTINELS; do
    [ "$each" != "$SENTINEL_ADDRESS:$port" ] || continue
    found=$(ask "$each" sentinel get-master-addr-by-name "$1") || continue
    epoch=$(ask "$each" sentinel master "$1" | sed -n '/^config-epoch$/{n;p;}')
    [ "${epoch:-0}" -gt "$newest" ] || continue
    newest=${epoch:-0}
    place=$(printf '%s' "$found" | tr '\n' ' ')
  done
  printf '%s' "$place"
}

umask 077
state=$data/sentinel.conf
if [ ! -s "$state" ]; then
  {
    # Before any primary is named: without them a name is no address.
    echo 'sentinel resolve-hostnames yes'
    echo 'sentinel announce-hostnames yes'
    for each in $PRIMARIES; do
      name=${each%%=*}
      given=${each#*=}
      place=$(known_by_others "$name")
      place=${place:-"${given%:*} ${given##*:}"}
      echo "$name is at $place" >&2
      # Two of three must agree that it is away, and that is a majority.
      echo "sentinel monitor $name $place 2"
      # A second of silence, then about 2 s until another one sells. Lower: a slow disk is taken for a lost machine.
      echo "sentinel down-after-milliseconds $name 1000"
      echo "sentinel failover-timeout $name 3000"
      echo "sentinel parallel-syncs $name 1"
    done
  } > "$state.new"
  mv "$state.new" "$state"
fi
# Passwords and the address are those of now, not of an earlier start. `user default` is the server's own word for requirepass, and
# would win over it.
grep -vE '^(bind|port|dir|requirepass|user default|logfile|sentinel (sentinel-pass|auth-pass|announce-ip|announce-port)) ' "$state" > "$state.new" || true
{
  echo "bind ${BIND:-* -::*}"
  echo "port $port"
  echo "dir \"$data\""
  echo "requirepass $sentinel_password"
  echo "sentinel sentinel-pass $sentinel_password"
  echo "sentinel announce-ip $SENTINEL_ADDRESS"
  echo "sentinel announce-port $port"
  for each in $PASSWORD_FILES; do
    echo "sentinel auth-pass ${each%%=*} $(cat "${each#*=}")"
  done
} >> "$state.new"
mv "$state.new" "$state"
exec "$server" "$state" --sentinel
