import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { consoleHistory } from '#contract/ops.ts';
import { newOrderId } from '#contract/order.ts';
import { queueNames } from '#contract/queues.ts';
import type { SaleMoment } from '#gateway/console/sample.ts';
import { newSaleId, openSale } from '#lab/kits/command-line.ts';
import { leaveHealthy, replace, runningPid } from '#lab/kits/processes.ts';
import { poll } from '#lab/poll.ts';
import { freePort } from '#lab/servers/free-port.ts';
import { startLike } from '#lab/servers/process-like.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { readEdges } from '#sales/edges.ts';
import { type Connections, openConnections } from '../cli/kit/connections.ts';
import { stackStatus } from '../stack/running-stack.ts';

// One of two gateways that have a console each dies here, and a queue that all share is paused.
const stack = stackUnderTest();
const token = stack.env.SECKILL_CONSOLE_TOKEN ?? '';
const queueRedis = new Redis(stack.env.SECKILL_QUEUE_REDIS_URL ?? '', { replyMapping: 'legacy' });
let connections: Connections;
const saleId = newSaleId('hour');
beforeAll(async () => {
  connections = await openConnections(stack.env);
  await openSale(stack.env, { saleId, units: 5 });
});
afterAll(async () => {
  queueRedis.disconnect();
  await connections?.close();
});

async function consoleAt(gateway: string) {
  const { processes } = await stackStatus(stack.dir);
  const { innerUrl } = processes.find(({ name }) => name === gateway) ?? {};
  if (innerUrl == null) throw new Error(`${gateway} has no inner address`);
  return { ask: askAt(innerUrl) };
}
const askAt =
  (innerUrl: string) =>
  (path: string, options: RequestInit = {}) =>
    fetch(`${innerUrl}/console/${path}`, {
      ...options,
      headers: { authorization: `Bearer ${token}`, ...options.headers },
    });

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
  leaveHealthy();
  await replace('gateway-1');
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
  const queue = await connections.queue();
  const { ask, origin } = await writableConsole();
  onTestFinished(() => queue.resume());
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

/** The console of a gateway of this test's own, which no nginx follows. */
async function writableConsole() {
  const dir = temporaryDirectory('console');
  const inner = `127.0.0.1:${await freePort()}`;
  const gateway = await startLike(runningPid('gateway-2'), {
    SECKILL_INSTANCE: 'gateway-writable',
    SECKILL_EDGE_ID: 'edge-writable',
    SECKILL_LISTEN: `unix:${join(dir, 'gateway.sock')}`,
    SECKILL_AGENT_SOCKET: join(dir, 'agent.sock'),
    SECKILL_INNER_LISTEN: inner,
    SECKILL_CONSOLE_QUEUES_WRITABLE: 'true',
  });
  onTestFinished(async () => {
    await gateway.stop();
    await poll('its edge to be gone', async () =>
      (await readEdges(connections.zookeeper)).every(({ edgeId }) => edgeId !== 'edge-writable'),
    );
  });
  const origin = `http://${inner}`;
  await poll('the gateway to be ready', async () => (await fetch(`${origin}/readyz`)).ok);
  return { origin, ask: askAt(origin) };
}
