import { rm } from 'node:fs/promises';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { describeEvent, startStack } from '#infra/stack/stack.ts';
import { privateRunDir } from './private-run.ts';
import { share } from './shared.ts';

/** What the lane `parts` shares: a PostgreSQL whose database `seckill` is the template, and a ZooKeeper. */
export type SharedServers = { databaseUrl: string; zookeeper: string };

declare module 'vitest' {
  interface ProvidedContext {
    servers: SharedServers;
  }
}

/** Global setup of the lane `parts`. No test may break these servers: one that must starts its own (`own` in kits/orders.ts). */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { server, release } = await share('servers', start);
  project.provide('servers', server.addresses);
  return release;
}

async function start(): Promise<{ addresses: SharedServers; stop: () => Promise<void> }> {
  const dir = privateRunDir('parts');
  const events: string[] = [];
  try {
    const { environment, stop } = await startStack({
      dir,
      only: ['postgres', 'zookeeper'],
      port: 'any',
      environment: process.env,
      onEvent: (event) => events.push(describeEvent(event)),
    });
    const { SECKILL_DATABASE_URL: databaseUrl = '', SECKILL_ZOOKEEPER: zookeeper = '' } = environment;
    await forgetDurability(databaseUrl);
    return {
      addresses: { databaseUrl, zookeeper },
      stop: async () => {
        await stop();
        await rm(dir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    process.stderr.write(`${events.join('\n')}\n`);
    throw error;
  }
}

/** These databases need not outlive a power cut, and each file gets a copy of one: without waits for a disk. */
async function forgetDurability(url: string): Promise<void> {
  const client = new Client(url);
  client.on('error', () => undefined); // it ends below
  await client.connect();
  try {
    for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes', 'autovacuum'])
      await client.query(`ALTER SYSTEM SET ${setting} = off`);
    await client.query('SELECT pg_reload_conf()');
  } finally {
    await client.end();
  }
}
