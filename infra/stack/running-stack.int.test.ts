import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startRedis } from '#lab/servers/redis.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { identityOf } from './host/process-identity.ts';
import { makeRunDirectory, runDirectory } from './host/run-directory.ts';
import { portNames } from './plan/plan.ts';
import { makeSecrets } from './plan/secrets.ts';
import { stackEnvironment, stackStatus } from './running-stack.ts';
import { type ProcessState, writeState } from './supervise/state-file.ts';

test('a running stack that an older version started gets no secret that its processes do not know', async () => {
  const dir = runDirectory(temporaryDirectory('older'));
  await makeRunDirectory(dir);
  await makeSecrets(dir, { ha: false });
  for (const since of ['zookeeper-auth', 'stock-redis-password', 'queue-redis-password']) {
    rmSync(join(dir.secrets, since));
  }
  const made = readdirSync(dir.secrets);

  const redis = await startRedis();
  onTestFinished(redis.stop);
  const { port } = new URL(redis.url);
  const pid = Number(/^process_id:(\d+)\r?$/m.exec(await redis.client.info('server'))?.[1]);
  const counts = { services: 1, edges: 1 };
  const ports = Object.fromEntries(portNames(counts).map((name) => [name, Number(port)]));
  const process = async (pid: number) => ({ pid, identity: (await identityOf(pid)) ?? '' });
  const one = { role: 'stock-redis', name: 'stock-redis', address: `127.0.0.1:${port}`, innerUrl: null } as const;
  const since = { phase: 'up', restarts: 0, startedAt: null } as const;
  const processes: ProcessState[] = [{ ...one, ...(await process(pid)), ...since }];
  const supervisor = await process(globalThis.process.pid);
  const rest = { edgePort: 1, settings: {}, portBase: 1 };
  writeState(dir, { version: 1, phase: 'up', supervisor, ...counts, ha: false, cdc: null, ...rest, ports, processes });

  expect((await stackStatus(dir.root)).processes).toMatchObject([{ health: 'up', problem: null }]);
  const environment = await stackEnvironment(dir.root);
  expect(environment).toMatchObject({
    SECKILL_STOCK_REDIS_URL: `redis://127.0.0.1:${port}`,
    SECKILL_QUEUE_REDIS_URL: `redis://127.0.0.1:${port}`,
    SECKILL_SESSION_SECRET: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(environment).not.toHaveProperty('SECKILL_ZOOKEEPER_AUTH');
  expect(readdirSync(dir.secrets)).toEqual(made);
});
