import { randomBytes } from 'node:crypto';
import { Client, type ClientConfig } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cdcNames, cdcTableNames, cdcTables } from '#contract/cdc.ts';
import { cloneDatabase, type OwnDatabase } from '#lab/servers/database.ts';
import { CdcRoleRefused, makeCdcRole } from './cdc-role.ts';

let database: OwnDatabase;
let admin: Client;
const user = `t_${randomBytes(4).toString('hex')}`;
const password = `it's "quoted" ${randomBytes(8).toString('hex')}`;

const urlOf = (name: string, secret: string) => {
  const url = new URL(database.url);
  url.username = name;
  url.password = encodeURIComponent(secret);
  return url.href;
};

beforeAll(async () => {
  database = await cloneDatabase();
  admin = new Client(database.url);
  await admin.connect();
});
afterAll(async () => {
  await admin.query(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
  await admin.end();
  await database.drop();
});

async function as<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(url);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

test('the publication has the columns that the process and both sinks know, and no others', async () => {
  const { rows } = await admin.query<{ table: string; columns: string[] }>(
    'SELECT tablename AS "table", attnames::text[] AS columns FROM pg_publication_tables WHERE pubname = $1',
    [cdcNames.publication],
  );
  const published = Object.fromEntries(rows.map(({ table, columns }) => [table, [...columns].sort()]));
  const known = cdcTableNames.map((table) => [table, Object.keys(cdcTables[table].columns).sort()] as const);
  expect(published).toEqual(Object.fromEntries(known));
});

test('the role of the data team may replicate and select the published columns, and select, write and make nothing else (I10)', async () => {
  const cdcUrl = urlOf(user, password);
  await admin.query(`CREATE ROLE ${user}; GRANT SELECT ON order_details, sales TO ${user}`); // as an earlier hand left it
  await Promise.all([
    makeCdcRole({ databaseUrl: database.url, cdcUrl }),
    makeCdcRole({ databaseUrl: database.url, cdcUrl }),
  ]);
  await as(cdcUrl, async (client) => {
    for (const table of cdcTableNames) {
      const { rows } = await client.query(`SELECT ${Object.keys(cdcTables[table].columns).join(', ')} FROM ${table}`);
      expect(rows).toEqual([]);
    }
    const { rows } = await client.query(
      'SELECT rolreplication AS replicates, rolsuper AS super, rolcreatedb AS db, rolcreaterole AS role FROM pg_roles WHERE rolname = current_user',
    );
    expect(rows).toEqual([{ replicates: true, super: false, db: false, role: false }]);
    for (const refused of [
      'SELECT * FROM order_details',
      'SELECT * FROM sales',
      'SELECT reason FROM payments',
      'SELECT next FROM payments',
      'SELECT last_error FROM refunds',
      'SELECT secret FROM subscribers',
      "UPDATE orders SET state = 'paid'",
      'DELETE FROM order_events',
      'CREATE TABLE t (a int)',
    ])
      await expect(client.query(refused), refused).rejects.toThrow(/permission denied/);
  });
});

test('a user who does other work in the database is refused, and keeps its rights', async () => {
  const writer = `${user}_writer`;
  await admin.query(`CREATE ROLE ${writer} LOGIN PASSWORD 'w'; GRANT SELECT, INSERT ON orders TO ${writer}`);
  try {
    const self = new URL(database.url);
    for (const cdcUrl of [urlOf(writer, 'w'), urlOf(self.username, decodeURIComponent(self.password))])
      await expect(makeCdcRole({ databaseUrl: database.url, cdcUrl })).rejects.toThrow(
        /who does other work in this database/,
      );
    const { rows } = await admin.query(`SELECT has_table_privilege('${writer}', 'orders', 'INSERT') AS may`);
    expect(rows).toEqual([{ may: true }]);
  } finally {
    await admin.query(`DROP OWNED BY ${writer}; DROP ROLE ${writer}`);
  }
});

test('on the stack of this machine it may not copy the whole cluster', async () => {
  const cdcUrl = new URL(urlOf(user, password));
  cdcUrl.pathname = '/replication';
  const physical = new Client({ connectionString: cdcUrl.href, ...{ replication: 'true' } } as ClientConfig); // the driver's type does not know it
  physical.on('error', () => undefined);
  await expect(physical.connect()).rejects.toThrow(/no pg_hba.conf entry for replication/);
});

test('a user of the database who may not let a role replicate hears what its administrator runs', async () => {
  await admin.query(`CREATE ROLE ${user}_weak LOGIN PASSWORD 'weak'`);
  try {
    const refused = makeCdcRole({ databaseUrl: urlOf(`${user}_weak`, 'weak'), cdcUrl: urlOf(`${user}_other`, 'x') });
    await expect(refused).rejects.toThrow(CdcRoleRefused);
    await expect(refused).rejects.toThrow(/only a superuser may let a role replicate.*GRANT pg_monitor TO/s);
    await expect(refused).rejects.not.toThrow(/PASSWORD 'x'/);
    // Made already, and the tables are another one's.
    const given = makeCdcRole({ databaseUrl: urlOf(`${user}_weak`, 'weak'), cdcUrl: urlOf(user, password) });
    await expect(given).rejects.toThrow(/may not give the tables.*GRANT SELECT \(id, sale_id/s);
  } finally {
    await admin.query(`DROP ROLE ${user}_weak`);
  }
});

test('the owner of the tables gives them to a role that an administrator made by what was said', async () => {
  const [owner, reader] = [`${user}_owner`, `${user}_made`];
  const databaseUrl = urlOf(owner, 'o');
  const cdcUrl = urlOf(reader, 'r');
  const give = (to: string) => cdcTableNames.map((table) => `ALTER TABLE ${table} OWNER TO ${to}`).join('; ');
  await admin.query(`CREATE ROLE ${owner} LOGIN PASSWORD 'o'; GRANT ALL ON SCHEMA public TO ${owner}; ${give(owner)}`);
  try {
    const refused = await makeCdcRole({ databaseUrl, cdcUrl }).catch((error: unknown) => error);
    if (!(refused instanceof CdcRoleRefused)) throw refused;
    // Each line by itself, and nothing half made passes for made.
    for (const line of refused.sql) {
      await expect(makeCdcRole({ databaseUrl, cdcUrl })).rejects.toThrow(CdcRoleRefused);
      await admin.query(line.replace(/PASSWORD '.*'/, "PASSWORD 'r'"));
    }
    await admin.query(`GRANT SELECT ON orders TO ${reader}`);
    expect(await makeCdcRole({ databaseUrl, cdcUrl })).toBe(reader);
    await as(cdcUrl, async (client) => {
      for (const table of cdcTableNames)
        await client.query(`SELECT ${Object.keys(cdcTables[table].columns).join(', ')} FROM ${table}`);
      await expect(client.query('SELECT next FROM payments')).rejects.toThrow(/permission denied/);
    });
  } finally {
    await admin.query(give('CURRENT_USER'));
    const { rows } = await admin.query<{ name: string }>(
      'SELECT rolname AS name FROM pg_roles WHERE rolname = ANY($1)',
      [[owner, reader]],
    );
    for (const { name } of rows) await admin.query(`DROP OWNED BY ${name}; DROP ROLE ${name}`);
  }
});
