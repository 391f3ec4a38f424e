#!/bin/sh
# Starts one of two PostgreSQL servers: server.sh postgres <options>. With data it starts as what it was: a standby has its
# standby.signal. Empty, it copies the other one, when that is a primary, and becomes its synchronous standby. Only the one that
# may be first makes a new database, and only when the other does not answer.
#
# Nothing here promotes a standby, and nothing fences a primary: a person does, in that order (docs/deploy.md).
#
# Environment: PEER the other server; OWN_NAME what the primary calls this one; MAY_BE_FIRST yes or no; PGDATA.
set -eu
PGPASSWORD=$(cat "${REPLICATION_PASSWORD_FILE:-/run/secrets/replication-password}")
export PGPASSWORD
slot=$OWN_NAME
# A password file would do as well; -R writes the password into postgresql.auto.conf, which only PostgreSQL's user can read.
conninfo="host=$PEER user=replicator application_name=$OWN_NAME connect_timeout=3"

# A copy that a kill has cut off is no cluster: it becomes one when it is whole, by its PG_VERSION.
part=$PGDATA/copy
copy() {
  rm -rf "$part"
  # With a slot of its own, the primary keeps what this one has not fetched yet. It may be there from an earlier copy.
  pg_basebackup -d "$conninfo" -D "$part" -R -X stream -c fast -C -S "$slot" 2> /tmp/copy ||
    { grep -q 'already exists' /tmp/copy && pg_basebackup -d "$conninfo" -D "$part" -R -X stream -c fast -S "$slot" 2> /tmp/copy; }
}
take_copy() {
  for each in "$part"/*; do
    [ "$each" = "$part/PG_VERSION" ] || mv "$each" "$PGDATA/"
  done
  mv "$part/PG_VERSION" "$PGDATA/"
  rmdir "$part"
}

silent=0
while [ ! -s "$PGDATA/PG_VERSION" ]; do
  if ! pg_isready -q -h "$PEER" -t 3; then
    silent=$((silent + 1))
    # The other one may have data, and be just starting: it is asked five times, for about 10 s.
    [ "$MAY_BE_FIRST" != yes ] || [ "$silent" -lt 5 ] || break
    echo "$OWN_NAME waits: it is empty, and $PEER does not answer"
  elif copy; then
    # It waits for no standby when it is promoted: it has none then.
    sed -i '/^synchronous_standby_names/d' "$part/postgresql.auto.conf"
    take_copy
    chmod 700 "$PGDATA"
    break
  else
    cat /tmp/copy >&2
    echo "$OWN_NAME waits: it could not copy $PEER"
  fi
  sleep 2
done
unset PGPASSWORD
exec docker-entrypoint.sh "$@"
