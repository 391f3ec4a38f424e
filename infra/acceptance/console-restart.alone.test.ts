import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { consoleHistory } from '#contract/ops.ts';
import { newOrderId } from '#contract/order.ts';
import { queueNames } from '#contract/queues.ts';
import type { SaleMoment } from '#gateway/console/sample.ts';
import { newSaleId, openSale } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { type SeveralEdges, startSeveralEdges } from '#lab/servers/several-edges.ts';
import { type Connections, openConnections } from '../cli/kit/connections.ts';
import { stackStatus } from '../stack/running-stack.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

// A stack of its own, with two gateways that have a console each: one of them dies here, and queues are paused.
let edges: SeveralEdges;
let connections: Connections;
let queueRedis: Redis;
let token: string;
const saleId = newSaleId('hour');
beforeAll(async () => {
  edges = await startSeveralEdges({ edges: 2, settings: { SECKILL_CONSOLE_QUEUES_WRITABLE: 'true' } });
  const { environment } = edges.stack;
  token = environment.SECKILL_CONSOLE_TOKEN ?? '';
  queueRedis = new Redis(environment.SECKILL_QUEUE_REDIS_URL ?? '', { replyMapping: 'legacy' });
  connections = await openConnections(environment);
  await openSale(environment, { saleId, units: 5 });
});
afterAll(async () => {
  queueRedis?.disconnect();
  await connections?.close();
  await edges?.close();
});

async function consoleAt(gateway: string) {
  const { processes } = await stackStatus(edges.stack.dir);
  const { innerUrl } = processes.find(({ name }) => name === gateway) ?? {};
  if (innerUrl == null) throw new Error(`${gateway} has no inner address`);
  return {
    origin: innerUrl,
    ask: (path: string, options: RequestInit = {}) =>
      fetch(`${innerUrl}/console/${path}`, {
        ...options,
        headers: { authorization: `Bearer ${token}`, ...options.headers },
      }),
  };
}

/** When each moment of the sale was, Unix ms, as a gateway shows its last hour; empty while that gateway is away. */
async function hourOf(gateway: string): Promise<number[]> {
  const { ask } = await consoleAt(gateway);
  try {
    const answer = await ask(`api/history?sale=${saleId}`);
    return answer.ok ? ((await answer.json()) as SaleMoment[]).map(([at]) => at) : [];
  } catch {
    return [];
  }
}

/** The same, as soon as there is something. */
const hourShownBy = (gateway: string) =>
  poll(`the hour of ${gateway}`, async () => {
    const hour = await hourOf(gateway);
    return hour.length > 0 && hour;
  });

test('the last hour outlives a gateway, and two gateways store each second once', async () => {
  await poll('both to look', async () => {
    const hours = await Promise.all(['gateway-1', 'gateway-2'].map(hourOf));
    return hours.every((hour) => hour.length >= 3);
  });
  await poll('some seconds to be stored', async () => (await queueRedis.xlen(consoleHistory.key)) >= 5);
  const before = await hourShownBy('gateway-1');
  const pid = edges.pidOf('gateway-1');
  if (pid === null) throw new Error('gateway-1 does not run');
  process.kill(pid, 'SIGKILL');
  await poll('it to be another process', async () => ![pid, null].includes(edges.pidOf('gateway-1')));
  const after = await hourShownBy('gateway-1');
  expect(after[0]).toBeLessThan(before.at(-1) ?? 0);
  expect(after).toEqual([...after].sort((a, b) => a - b));
  await poll('it to go on', async () => (await hourOf('gateway-1')).some((at) => at > (after.at(-1) ?? 0)));

  const entries = await queueRedis.xrange(consoleHistory.key, '-', '+');
  const ids = entries.map(([id]) => id);
  expect(ids.every((id) => /^\d+000-0$/.test(id))).toBe(true);
  expect(await queueRedis.ttl(consoleHistory.key)).toBeGreaterThan(0);
});

test('with SECKILL_CONSOLE_QUEUES_WRITABLE a job is retried and removed and a queue paused, by whoever has the token', async () => {
  const { ask, origin } = await consoleAt('gateway-2');
  const queue = await connections.queue();
  const change = (path: string, headers: Record<string, string> = { origin }) =>
    ask(`queues/api/queues/${queueNames.orders}/${path}`, { method: 'PUT', headers });
  const list = (await (await ask('queues/api/queues')).json()) as { queues: { name: string; readOnlyMode: boolean }[] };
  expect(list.queues.filter(({ readOnlyMode }) => readOnlyMode)).toEqual([]);

  const stranger = await change('pause', { origin, authorization: 'Bearer not-the-token' });
  expect([stranger.status, await queue.isPaused()]).toEqual([401, false]);
  expect((await change('pause')).ok).toBe(true);
  expect(await queue.isPaused()).toBe(true);
  expect((await change('resume')).ok).toBe(true);
  expect(await queue.isPaused()).toBe(false);

  const orderId = newOrderId('never-made', Date.now());
  const order = { orderId, saleId: 'never-made', userId: 'u', quantity: 1, place: 1, acceptedAt: Date.now() };
  const job = await queue.add('order', order, { jobId: orderId, attempts: 1 });
  await poll('it to fail', async () => job.isFailed());
  const { finishedOn: first = 0 } = (await queue.getJob(orderId)) ?? {};
  expect((await change(`${orderId}/retry`)).ok).toBe(true);
  // No sale, no order: it fails anew.
  await poll('it to be tried again', async () => ((await queue.getJob(orderId))?.finishedOn ?? 0) > first);
  await poll('it to fail again', async () => job.isFailed());
  expect((await change(`${orderId}/clean`)).ok).toBe(true);
  expect(await queue.getJob(orderId)).toBeUndefined();
});
