#!/bin/bash
# In /docker-entrypoint-initdb.d: once, when the database is made. A primary that has a synchronous standby: a commit that was
# answered is on both disks, and one that no standby takes is not answered.
set -eu
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v password="$(cat "${REPLICATION_PASSWORD_FILE:-/run/secrets/replication-password}")" << 'SQL'
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'password';
SQL
echo 'host replication replicator all scram-sha-256' >> "$PGDATA/pg_hba.conf"
# Counts from the start after this one: there is no standby yet that could answer.
echo "synchronous_standby_names = 'ANY 1 (postgres_1, postgres_2)'" >> "$PGDATA/postgresql.auto.conf"
