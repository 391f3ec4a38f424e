import { escapeIdentifier, escapeLiteral } from 'pg';
import { cdcTableNames, cdcTables } from '#contract/cdc.ts';
import { ConfigError } from '#runtime/config.ts';
import { connectClient } from '#runtime/postgres/connect.ts';
import { postgresPlaceOf } from '#runtime/postgres/place.ts';

/** What is done as one, so that two that do it at the same time wait for each other. Any number that is used for nothing else. */
const lock = 1_925_101;

/** PostgreSQL's code for a right that is missing. */
const insufficientPrivilege = '42501';

/** The user of the database may not make the role, or not give it the tables; `sql` is what its administrator runs. */
export class CdcRoleRefused extends Error {
  readonly sql: readonly string[];
  constructor(why: string, sql: readonly string[]) {
    super(
      `${why} Its administrator runs, and seckill migrate then does the rest:\n${sql.map((line) => `  ${line};`).join('\n')}`,
    );
    this.sql = sql;
  }
}

/**
 * Makes the role that `seckill cdc run` reads by, or puts it right: user and password stand in `cdcUrl`. It may replicate, see what standbys
 * have, and select the columns of {@link cdcTables}; all else that it could read is taken back. Where the database's user is no superuser, an
 * administrator has made the role and this gives it the tables. Safe to run by several at once. Throws {@link CdcRoleRefused}, and ConfigError
 * where the URL has no user or password.
 */
export async function makeCdcRole({ databaseUrl, cdcUrl }: { databaseUrl: string; cdcUrl: string }): Promise<string> {
  const { user, password } = cdcLoginOf(cdcUrl);
  const client = await connectClient(databaseUrl, { connectionTimeoutMillis: 5_000 });
  const name = escapeIdentifier(user);
  let found: Found | undefined;
  let taken: string[] = [];
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [lock]);
    const { rows } = await client.query<Found>(foundSql, [user]);
    [found] = rows;
    refuseOther(user, found);
    if (found === undefined || found.mayMakeRoles || !found.isMade) {
      // Only a superuser may say so, and only one may let a role replicate: the password is to stand in no log of statements.
      await client.query('SET LOCAL log_statement = none');
      await client.query('SET LOCAL log_min_error_statement = panic');
      if (found === undefined) await client.query(`CREATE ROLE ${name}`);
      await client.query(
        `ALTER ROLE ${name} WITH LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD ${escapeLiteral(password)}`,
      );
      await client.query(`GRANT pg_monitor TO ${name}`);
    }
    taken = (await client.query<{ name: string }>(grantedSql, [user])).rows.map((row) => row.name);
    for (const statement of tableGrants(name, taken)) await client.query(statement);
    await client.query('COMMIT');
    return user;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    if (Reflect.get(Object(error), 'code') !== insufficientPrivilege) throw error;
    if (found?.isMade === true)
      throw new CdcRoleRefused(
        `this user of the database may not give the tables to ${user}.`,
        tableGrants(name, taken),
      );
    const verb = found === undefined ? 'CREATE' : 'ALTER';
    throw new CdcRoleRefused(
      `the role ${user} cannot be made by this user of the database: only a superuser may let a role replicate.`,
      [
        `${verb} ROLE ${name} WITH LOGIN REPLICATION PASSWORD '…the one of SECKILL_CDC_DATABASE_URL…'`,
        `GRANT pg_monitor TO ${name}`,
      ],
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

type Found = {
  isSelf: boolean;
  isSuper: boolean;
  owns: boolean;
  writes: boolean;
  /** It has all that a superuser gives it, its password aside. */
  isMade: boolean;
  /** The user who asks is a superuser. */
  mayMakeRoles: boolean;
};

/** What a role is that is there already. */
const foundSql = `
  SELECT rolname = current_user AS "isSelf", rolsuper AS "isSuper",
         rolcanlogin AND rolreplication AND pg_has_role(r.oid, 'pg_monitor', 'USAGE') AS "isMade",
         (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS "mayMakeRoles",
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

/** The tables that it may do anything with, as an earlier hand left them. One without is not touched: it may be another owner's. */
const grantedSql = `
  SELECT c.oid::regclass::text AS name
    FROM pg_class c, pg_roles r
   WHERE r.rolname = $1 AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'f', 'p')
     AND (EXISTS (SELECT FROM aclexplode(c.relacl) WHERE grantee = r.oid)
          OR EXISTS (SELECT FROM pg_attribute a, aclexplode(a.attacl) x WHERE a.attrelid = c.oid AND x.grantee = r.oid))`;

/** What the owner of the tables may give, after all that is `taken` back. */
function tableGrants(name: string, taken: readonly string[]): string[] {
  return [
    ...taken.map((table) => `REVOKE ALL ON ${table} FROM ${name}`),
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
