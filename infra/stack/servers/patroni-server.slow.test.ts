import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { privateRunDir } from '#lab/servers/private-run.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectPostgres, type Pool } from '#runtime/postgres/connect.ts';
import { postgresTroubles, readPostgresTopology } from '#runtime/postgres/topology.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { ZooKeeperRefusedError } from '#runtime/zookeeper/refused.ts';
import { postmasterOf } from '../host/postmaster.ts';
import { runDirectory } from '../host/run-directory.ts';
import { type Stack, startStack } from '../stack.ts';
import { readState } from '../supervise/state-file.ts';

// A failover takes what Patroni waits before it believes in one: 6 s.

let stack: Stack;
let pool: Pool;
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const databaseUrl = () => stack.environment.SECKILL_DATABASE_URL ?? '';

beforeAll(async () => {
  const dir = privateRunDir('parts');
  stack = await startStack({ dir, ha: true, only: ['zookeeper', 'postgres'], port: 'any', environment: process.env });
  pool = connectPostgres(databaseUrl(), logger, { max: 4 });
});
afterAll(async () => {
  await pool.end();
  await stack.stop();
  rmSync(stack.dir, { recursive: true, force: true });
});

/** The name of the primary's process, once the other server is its synchronous standby. */
async function primaryOfPair(): Promise<string> {
  const servers = await poll('a primary with its synchronous standby', async () => {
    const read = await readPostgresTopology(databaseUrl());
    const isWhole = read.some(
      (server) => server.kind === 'primary' && server.standbys.some(({ sync }) => sync === 'sync'),
    );
    return isWhole && postgresTroubles(read).length === 0 && (await isNoted()) && read;
  });
  return nameOf(servers.findIndex(({ kind }) => kind === 'primary'));
}
/** Patroni promotes a standby that ZooKeeper knows to be synchronous, a second after it has become that. */
async function isNoted(): Promise<boolean> {
  const port = readState(runDirectory(stack.dir))?.ports['postgres-1-patroni'];
  const answer = await fetch(`http://127.0.0.1:${port}/cluster`, { signal: AbortSignal.timeout(5000) });
  return (await answer.text()).includes('"sync_standby"');
}
const nameOf = (index: number) => `postgres-${index + 1}`;
const pidOf = (name: string) => readState(runDirectory(stack.dir))?.processes.find((each) => each.name === name)?.pid;

test('a primary whose machine is gone is replaced by its standby, nothing told is lost or there twice, and it comes back as a standby', async () => {
  const lost = await primaryOfPair();
  await pool.query('CREATE TABLE told (id int PRIMARY KEY)');
  const told: number[] = [];
  let isOver = false;
  const lane = async (first: number) => {
    for (let id = first; !isOver; id += 4) {
      const insert = () => pool.query('INSERT INTO told VALUES ($1) ON CONFLICT DO NOTHING', [id]);
      await poll(`row ${id}`, insert, 90_000);
      told.push(id);
    }
  };
  const lanes = [1, 2, 3, 4].map(lane);
  await poll('a few rows', () => told.length > 50);
  // Killed alone it would be started again before the standby believes in its end.
  const patroni = pidOf(lost) ?? 0;
  process.kill(patroni, 'SIGSTOP');
  process.kill(postmasterOf(join(runDirectory(stack.dir).data(lost), 'cluster')) ?? 0, 'SIGKILL');
  try {
    await poll('the other one to be the primary', async () =>
      (await readPostgresTopology(databaseUrl())).some(
        ({ kind }, index) => kind === 'primary' && lost !== nameOf(index),
      ),
    );
    const before = told.length;
    await poll('more rows', () => told.length > before + 50);
  } finally {
    process.kill(patroni, 'SIGCONT');
  }
  expect(await primaryOfPair()).not.toBe(lost);
  isOver = true;
  await Promise.all(lanes);
  const { rows } = await pool.query<{ id: number }>('SELECT id FROM told');
  expect(new Set(rows.map(({ id }) => id))).toEqual(new Set(told));
});

test('a PostgreSQL that is killed with its Patroni is there again, and nothing of it is left in between', async () => {
  const killed = await primaryOfPair();
  const cluster = join(runDirectory(stack.dir).data(killed), 'cluster');
  const [patroni, postmaster] = [pidOf(killed), postmasterOf(cluster)];
  process.kill(patroni ?? 0, 'SIGKILL');
  await poll('both to be other processes', () => {
    const [next, server] = [pidOf(killed), postmasterOf(cluster)];
    return next != null && server !== null && next !== patroni && server !== postmaster;
  });
  await primaryOfPair();
});

test('without its password no client changes what Patroni keeps in ZooKeeper', async () => {
  await primaryOfPair();
  const zookeeper = connectZooKeeper({ connection: stack.environment.SECKILL_ZOOKEEPER ?? '', logger });
  onTestFinished(zookeeper.close);
  const parent = '/patroni/seckill';
  const names = await poll('the nodes of Patroni', async () => {
    const found = await zookeeper.children(parent);
    return ['config', 'leader', 'status'].every((name) => found.includes(name)) && found;
  });
  await expect(zookeeper.create(`${parent}/failover`, Buffer.from('{}'))).rejects.toThrow(ZooKeeperRefusedError);
  for (const name of names) {
    await expect(zookeeper.write(`${parent}/${name}`, Buffer.from('{}'), -1)).rejects.toThrow(ZooKeeperRefusedError);
    await expect(zookeeper.remove(`${parent}/${name}`)).rejects.toThrow(ZooKeeperRefusedError);
  }
});

test('a primary without ZooKeeper stays one while it reaches its standby', async () => {
  const primary = await primaryOfPair();
  const ensemble = [1, 2, 3].map((n) => pidOf(`zookeeper-${n}`) ?? 0);
  for (const pid of ensemble) process.kill(pid, 'SIGSTOP');
  const frozenAt = performance.now();
  try {
    // Past its lease of 6 s.
    await poll('ten seconds without ZooKeeper', async () => {
      await pool.query('INSERT INTO told VALUES (-1) ON CONFLICT (id) DO UPDATE SET id = -1');
      return performance.now() - frozenAt > 10_000;
    });
  } finally {
    for (const pid of ensemble) process.kill(pid, 'SIGCONT');
  }
  expect(await primaryOfPair()).toBe(primary);
});
