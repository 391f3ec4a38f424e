import type { Client } from 'pg';
import { cdcTableNames, cdcTables } from '#contract/cdc.ts';

const oldestVersion = 15;

type Settings = { version: number; wal: string; user: string; maySelf: boolean; superuser: boolean };

/** What a person has to mend before changes can be read, a line each, with what mends it. */
export async function readPrerequisites(client: Pick<Client, 'query'>, publication: string): Promise<string[]> {
  const { rows } = await client.query<Settings>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('wal_level') AS wal, current_user AS "user",
            rolreplication AS "maySelf", rolsuper AS superuser FROM pg_roles WHERE rolname = current_user`,
  );
  const [self] = rows;
  if (self === undefined) return ['PostgreSQL does not know the user that asks: check SECKILL_CDC_DATABASE_URL'];
  if (self.version < oldestVersion * 10_000)
    return [
      `PostgreSQL ${Math.floor(self.version / 10_000)} cannot publish single columns: ${oldestVersion} or newer is needed`,
    ];
  const publicationLines = await judgePublication(client, publication);
  return [
    ...(self.wal === 'logical'
      ? []
      : [`wal_level is ${self.wal}: set wal_level = logical in the configuration of PostgreSQL, and restart it`]),
    ...(self.maySelf || self.superuser
      ? []
      : [
          `the role ${self.user} may not replicate: run "seckill migrate" with SECKILL_CDC_DATABASE_URL, or ALTER ROLE ${self.user} REPLICATION`,
        ]),
    ...publicationLines,
    ...(publicationLines.length > 0 ? [] : await judgeRights(client, self.user)),
  ];
}

/** What the publication lacks of what this version reads, as lines; empty when it has it all. */
export async function judgePublication(client: Pick<Client, 'query'>, publication: string): Promise<string[]> {
  const { rows } = await client.query<{ table: string; columns: string[]; filter: string | null; all: boolean }>(
    `SELECT t.tablename AS "table", t.attnames::text[] AS columns, t.rowfilter AS filter, p.pubinsert AND p.pubupdate AND p.pubdelete AS all
       FROM pg_publication_tables t JOIN pg_publication p USING (pubname) WHERE pubname = $1`,
    [publication],
  );
  if (rows.length === 0) return [`there is no publication ${publication}: run "seckill migrate"`];
  const own: ReadonlySet<string> = new Set(cdcTableNames);
  const others = rows.filter(({ table }) => !own.has(table)).map(({ table }) => table);
  const filtered = rows.filter(({ filter }) => filter !== null).map(({ table }) => table);
  const anew = 'DROP PUBLICATION, and make it as infra/migrations/0013_cdc-publication.sql does';
  return [
    ...(others.length === 0 ? [] : [`the publication ${publication} has ${others.join(', ')}, too: ${anew}`]),
    ...(filtered.length === 0
      ? []
      : [`the publication ${publication} leaves out rows of ${filtered.join(', ')} by a filter: ${anew}`]),
    ...(rows.every(({ all }) => all)
      ? []
      : [`the publication ${publication} leaves out inserts, updates or deletes: ${anew}`]),
    ...cdcTableNames.flatMap((table) => {
      const published = rows.find((row) => row.table === table)?.columns;
      if (published === undefined)
        return [`the publication ${publication} lacks the table ${table}: run "seckill migrate"`];
      const lacking = Object.keys(cdcTables[table].columns).filter((name) => !published.includes(name));
      if (lacking.length === 0) return [];
      return [`the publication ${publication} lacks ${table}.${lacking.join(`, ${table}.`)}: run "seckill migrate"`];
    }),
  ];
}

async function judgeRights(client: Pick<Client, 'query'>, user: string): Promise<string[]> {
  const wanted = cdcTableNames.flatMap((table) =>
    Object.keys(cdcTables[table].columns).map((column) => ({ table, column })),
  );
  const { rows } = await client.query<{ table: string; column: string }>(
    `SELECT "table", "column" FROM unnest($1::text[], $2::text[]) AS wanted ("table", "column")
      WHERE NOT has_column_privilege('public.' || "table", "column", 'SELECT')`,
    [wanted.map(({ table }) => table), wanted.map(({ column }) => column)],
  );
  const standby = await client.query<{ sees: boolean }>("SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS sees");
  return [
    ...(rows.length === 0
      ? []
      : [
          `the role ${user} may not read ${rows.map(({ table, column }) => `${table}.${column}`).join(', ')}: run "seckill migrate" with SECKILL_CDC_DATABASE_URL`,
        ]),
    ...(standby.rows[0]?.sees === true
      ? []
      : [`the role ${user} may not see what the standbys have: GRANT pg_monitor TO ${user}`]),
  ];
}
