import { Client } from 'pg';
import { inject } from 'vitest';

export type OwnDatabase = {
  url: string;
  /** Copies it as it is; what that returns puts the copy in its place. Both end every connection to it. */
  backUp: () => Promise<() => Promise<void>>;
  drop: () => Promise<void>;
};

/** A database of a file's own, migrated and empty, in the PostgreSQL that the lane shares. `drop` it when done. */
export async function cloneDatabase(): Promise<OwnDatabase> {
  const shared = new URL(inject('servers').databaseUrl);
  const name = `t_${crypto.randomUUID().replaceAll('-', '')}`;
  const template = shared.pathname.slice(1);
  await asAdmin(shared, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const own = new URL(shared);
  own.pathname = `/${name}`;
  const copy = `${name}_copy`;
  const drop = (database: string) => asAdmin(shared, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  return {
    url: own.href,
    backUp: async () => {
      await asAdmin(shared, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
      await asAdmin(shared, `CREATE DATABASE ${copy} TEMPLATE ${name}`);
      return async () => {
        await drop(name);
        await asAdmin(shared, `ALTER DATABASE ${copy} RENAME TO ${name}`);
      };
    },
    drop: async () => {
      await drop(copy);
      await drop(name);
    },
  };
}

async function asAdmin(shared: URL, statement: string): Promise<void> {
  const url = new URL(shared);
  url.pathname = '/postgres'; // a template may have no visitors while it is copied
  const client = new Client(url.href);
  client.on('error', () => undefined); // it ends below
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
