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

copy() {
  # With a slot of its own, the primary keeps what this one has not fetched yet. It may be there from an earlier copy.
  pg_basebackup -d "$conninfo" -D "$PGDATA" -R -X stream -c fast -C -S "$slot" 2> /tmp/copy ||
    { grep -q 'already exists' /tmp/copy && pg_basebackup -d "$conninfo" -D "$PGDATA" -R -X stream -c fast -S "$slot"; }
}

while [ ! -s "$PGDATA/PG_VERSION" ]; do
  if ! pg_isready -q -h "$PEER" -t 3; then
    [ "$MAY_BE_FIRST" != yes ] || break
    echo "$OWN_NAME waits: it is empty, and $PEER does not answer"
  elif copy; then
    # It waits for no standby when it is promoted: it has none then.
    sed -i '/^synchronous_standby_names/d' "$PGDATA/postgresql.auto.conf"
    chmod 700 "$PGDATA"
  else
    cat /tmp/copy >&2
    echo "$OWN_NAME waits: it could not copy $PEER"
  fi
  sleep 2
done
unset PGPASSWORD
exec docker-entrypoint.sh "$@"
