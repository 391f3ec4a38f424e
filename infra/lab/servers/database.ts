import { Client } from 'pg';
import { inject } from 'vitest';

/** A database of a file's own, migrated and empty, in the PostgreSQL that the lane shares. `drop` it when done. */
export async function cloneDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  const shared = new URL(inject('servers').databaseUrl);
  const name = `t_${crypto.randomUUID().replaceAll('-', '')}`;
  const template = shared.pathname.slice(1);
  await asAdmin(shared, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const own = new URL(shared);
  own.pathname = `/${name}`;
  return { url: own.href, drop: () => asAdmin(shared, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
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
