import { expect, onTestFinished, test, vi } from 'vitest';
import { seckill, seckillJson } from '#lab/kits/command-line.ts';
import { freePort } from '#lab/servers/free-port.ts';
import { privateDirectory } from '#lab/servers/private-directory.ts';
import { descendantsOf, living } from '#lab/servers/process-family.ts';
import type { CrowdReport } from '#loadtest/crowd/crowd.ts';
import { findRunningStack, stackEnvironment, startDetached } from './stack.ts';
import type { Group } from './topology/group.ts';

// A whole stack with every server more than once, started twice.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 300_000 });
const patiently = { timeout: 90_000, interval: 200 };

type Status = { groups: Group[]; processes: { name: string; address: string; health: string; pid: number | null }[] };

test('up --ha sells, loses its stock primary and then its supervisor, and keeps every yes; status says who is the primary', async () => {
  const dir = privateDirectory();
  const { signal } = new AbortController();
  const port = await freePort();
  const start = () => startDetached({ dir, ha: true, port, environment: process.env, onEvent: () => {}, signal });
  const status = async () => JSON.parse((await seckill({}, 'status', '--dir', dir, '--json')).stdout) as Status;
  const allIsWell = () =>
    vi.waitFor(async () => {
      const { groups, processes } = await status();
      expect(groups.flatMap(({ problems }) => problems)).toEqual([]);
      expect(processes.filter(({ health }) => health !== 'up')).toEqual([]);
    }, patiently);
  const primary = async () => {
    const { groups, processes } = await status();
    const { address = '' } = groups[0]?.servers.find(({ part }) => part === 'primary') ?? {};
    return processes.find((each) => each.address === `redis://${address}`)?.name;
  };

  await start();
  await allIsWell();
  expect(await primary()).toBe('stock-redis-1');
  const environment = (await stackEnvironment(dir)) ?? {};
  const crowd = () =>
    seckillJson<CrowdReport & { audit: { balanced: boolean } }>(environment, 'demo', 'crowd', '--shoppers', '50');
  const bought = { accepted: 50, stored: 50, gaveUp: {}, audit: { balanced: true } };
  expect(await crowd()).toMatchObject(bought);

  // A machine that stands still keeps its links: nothing tells its clients but the sentinels.
  const lost = (await status()).processes.find(({ name }) => name === 'stock-redis-1')?.pid ?? 0;
  process.kill(lost, 'SIGSTOP');
  onTestFinished(() => void (living([lost]).length > 0 && process.kill(lost, 'SIGCONT')));
  expect(await crowd()).toMatchObject(bought);
  const next = await primary();
  expect(next).toMatch(/^stock-redis-[23]$/);
  const missing = await seckill({}, 'status', '--dir', dir);
  expect(missing).toMatchObject({ code: 1, stdout: expect.stringContaining('1 of 2 replicas') });

  process.kill(lost, 'SIGKILL'); // it comes back as a replica
  await allIsWell();
  expect(await primary()).toBe(next);

  const supervisor = (await findRunningStack(dir))?.supervisorPid ?? 0;
  const family = descendantsOf(supervisor);
  process.kill(supervisor, 'SIGKILL');
  await vi.waitUntil(() => living(family).length === 0, patiently);
  await start();
  await allIsWell();
  expect(await primary()).toBe(next);
  const audit = await seckill((await stackEnvironment(dir)) ?? {}, 'audit', 'demo-1');
  expect(audit, audit.stdout).toMatchObject({ code: 0, stdout: expect.stringContaining('100 reservations, 100 rows') });
});
