import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { runDirectory } from '../host/run-directory.ts';
import { primaryNames, serverNames } from '../plan/servers.ts';
import { startStack } from '../stack.ts';
import { readState } from '../supervise/state-file.ts';

/** A failover takes 2 to 3 s, and on a busy machine several times that. */
const patiently = { timeout: 60_000, interval: 50 };
vi.setConfig({ testTimeout: 90_000 });

/** The Redis servers of a stack with `--ha` and their sentinels, with a connection to each stock Redis by its name. */
async function startServers(dir: string) {
  const stack = await startStack({
    dir,
    ha: true,
    only: ['stock-redis', 'queue-redis', 'sentinel'],
    port: 'any',
    environment: process.env,
  });
  onTestFinished(stack.stop);
  const [, password, sentinels, sentinelPassword] =
    /^redis\+sentinel:\/\/:(\w+)@([^/]+)\/stock\?sentinelPassword=(\w+)$/.exec(
      stack.environment.SECKILL_STOCK_REDIS_URL ?? '',
    ) ?? [];
  const open = (port: number, password = '') => {
    const redis = new Redis({ host: '127.0.0.1', port, password, maxRetriesPerRequest: null, retryStrategy: () => 50 });
    redis.on('error', () => undefined);
    onTestFinished(() => redis.disconnect());
    return redis;
  };
  const ports = readState(runDirectory(dir))?.ports ?? {};
  const byName = Object.fromEntries(
    serverNames('stock-redis', true).map((name) => [name, open(ports[name] ?? 0, password)]),
  );
  const sentinel = open(Number(sentinels?.split(':')[1]?.split(',')[0]), sentinelPassword);
  const pidOf = (name: string) => readState(runDirectory(dir))?.processes.find((each) => each.name === name)?.pid ?? 0;
  return {
    stack,
    byName,
    /** The name of the server that the first sentinel names. */
    primary: async () => {
      const answer = await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', primaryNames['stock-redis']);
      const port = Number((answer as string[])[1]);
      return Object.keys(ports).find((name) => ports[name] === port) ?? '';
    },
    signal: (name: string, signal: NodeJS.Signals) => process.kill(pidOf(name), signal),
    empty: (name: string) => rmSync(join(dir, 'data', name), { recursive: true }),
    hasData: (name: string) => existsSync(join(dir, 'data', name, 'appendonlydir')),
    /** How many servers may be promoted: none but those that were in sync since they started. */
    promotable: async () => {
      const infos = await Promise.all(Object.values(byName).map((redis) => redis.info('replication')));
      return infos.filter((info) => /^slave_priority:100/m.test(info)).length;
    },
    /** What each server says of `key`, and which of them say that they are the primary. */
    told: async (key: string) =>
      Object.fromEntries(
        await Promise.all(
          Object.entries(byName).map(async ([name, redis]) => [
            name,
            `${await redis.get(key)} ${/^role:(\w+)/m.exec(await redis.info('replication'))?.[1]}`,
          ]),
        ),
      ),
  };
}

test('a stock Redis that comes back with an empty directory is filled by the others, before a failover and after one', async () => {
  const servers = await startServers(temporaryDirectory('emptied'));
  const lose = async (name: string, before: () => Promise<void>) => {
    await before();
    servers.signal(name, 'SIGKILL'); // its supervisor starts it again 0.2 s later
    servers.empty(name);
    const next = await vi.waitUntil(async () => {
      const named = await servers.primary();
      return named !== name && named;
    }, patiently);
    const all = Object.keys(servers.byName).map((each) => [each, `yes ${each === next ? 'master' : 'slave'}`]);
    await vi.waitFor(async () => expect(await servers.told('sold')).toEqual(Object.fromEntries(all)), patiently);
    expect(servers.hasData(name)).toBe(true);
    return next;
  };
  expect(await servers.primary()).toBe('stock-redis-1');
  await servers.byName['stock-redis-1']?.set('sold', 'yes');
  await servers.byName['stock-redis-1']?.wait(2, 10_000);
  await vi.waitFor(async () => expect(await servers.promotable()).toBe(2), patiently);
  const second = await lose('stock-redis-1', async () => undefined);
  // The second one is gone when another has its place, and comes back as the first one's replica did.
  await lose(second, async () => {
    servers.signal(second, 'SIGSTOP');
    await vi.waitUntil(async () => (await servers.primary()) !== second, patiently);
  });
});
