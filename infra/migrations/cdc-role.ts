import { escapeIdentifier, escapeLiteral } from 'pg';
import { cdcTableNames, cdcTables } from '#contract/cdc.ts';
import { ConfigError } from '#runtime/config.ts';
import { connectClient } from '#runtime/postgres/connect.ts';
import { postgresPlaceOf } from '#runtime/postgres/place.ts';

/** What is done as one, so that two that do it at the same time wait for each other. Any number that is used for nothing else. */
const lock = 1_925_101;

/** PostgreSQL's code for a right that is missing. */
const insufficientPrivilege = '42501';

/** The user of the database may not make the role; `sql` is what its administrator runs. */
export class CdcRoleRefused extends Error {
  readonly sql: readonly string[];
  constructor(user: string, sql: readonly string[]) {
    super(
      `the role ${user} cannot be made by this user of the database: only a superuser may let a role replicate. Its administrator runs:\n${sql.map((line) => `  ${line};`).join('\n')}`,
    );
    this.sql = sql;
  }
}

/**
 * Makes the role that `seckill cdc run` reads by, or puts it right: user and password stand in `cdcUrl`. It may replicate, see what standbys
 * have, and select the columns of {@link cdcTables}; all else that it could read is taken back. Safe to run by several at once. Throws
 * {@link CdcRoleRefused}, and ConfigError where the URL has no user or password.
 */
export async function makeCdcRole({ databaseUrl, cdcUrl }: { databaseUrl: string; cdcUrl: string }): Promise<string> {
  const { user, password } = cdcLoginOf(cdcUrl);
  const client = await connectClient(databaseUrl, { connectionTimeoutMillis: 5_000 });
  const name = escapeIdentifier(user);
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [lock]);
    // Only a superuser may say so, and only one may let a role replicate: the password is to stand in no log of statements.
    await client.query('SET LOCAL log_statement = none');
    await client.query('SET LOCAL log_min_error_statement = panic');
    const { rows } = await client.query<Found>(foundSql, [user]);
    refuseOther(user, rows[0]);
    if (rows.length === 0) await client.query(`CREATE ROLE ${name}`);
    await client.query(
      `ALTER ROLE ${name} WITH LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD ${escapeLiteral(password)}`,
    );
    for (const statement of grants(name)) await client.query(statement);
    await client.query('COMMIT');
    return user;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    if (Reflect.get(Object(error), 'code') !== insufficientPrivilege) throw error;
    const made = `CREATE ROLE ${name} WITH LOGIN REPLICATION PASSWORD '…the one of SECKILL_CDC_DATABASE_URL…'`;
    throw new CdcRoleRefused(user, [made, ...grants(name)]);
  } finally {
    await client.end().catch(() => undefined);
  }
}

type Found = { isSelf: boolean; isSuper: boolean; owns: boolean; writes: boolean };

/** What a role is that is there already. */
const foundSql = `
  SELECT rolname = current_user AS "isSelf", rolsuper AS "isSuper",
         EXISTS (SELECT FROM pg_class WHERE relowner = r.oid AND relnamespace = 'public'::regnamespace) AS owns,
         EXISTS (SELECT FROM information_schema.role_table_grants
                  WHERE grantee = r.rolname AND table_schema = 'public' AND privilege_type <> 'SELECT') AS writes
    FROM pg_roles r WHERE rolname = $1`;

/** A service's own login, by mistake: what is taken back from it would stop the orders. */
function refuseOther(user: string, found: Found | undefined): void {
  if (found === undefined || !(found.isSelf || found.isSuper || found.owns || found.writes)) return;
  throw new ConfigError([
    `SECKILL_CDC_DATABASE_URL names the user ${user}, who does other work in this database: name one of its own, seckill_cdc for example`,
  ]);
}

function grants(name: string): string[] {
  return [
    `GRANT pg_monitor TO ${name}`,
    `REVOKE ALL ON ALL TABLES IN SCHEMA public FROM ${name}`,
    `GRANT USAGE ON SCHEMA public TO ${name}`,
    ...cdcTableNames.map(
      (table) => `GRANT SELECT (${Object.keys(cdcTables[table].columns).join(', ')}) ON ${table} TO ${name}`,
    ),
  ];
}

/** Who reads, as the URL says it. Throws ConfigError where it has no user or password. */
export function cdcLoginOf(cdcUrl: string): { user: string; password: string } {
  const [host] = postgresPlaceOf(cdcUrl).hosts;
  const { username, password } = new URL(host?.url ?? cdcUrl);
  if (username === '' || password === '')
    throw new ConfigError([
      'SECKILL_CDC_DATABASE_URL must have a user and a password: postgres://seckill_cdc:password@host/seckill',
    ]);
  return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
}
