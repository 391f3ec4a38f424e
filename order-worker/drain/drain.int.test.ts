import { expect } from 'vitest';
import { ordersIn } from '#contract/order-chunk.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { test } from '#lab/fixtures/test.ts';
import { maxAbove, slackSeconds, until } from '#lab/kits/drain-lab.ts';

/** The most orders in any second. */
function maxInASecond(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  for (const [index, at] of times.entries()) {
    while (at - (times[first] ?? at) >= 1) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

test.for([1, 2])(
  'the set rate is held with %i workers, and never exceeded by more than its slice',
  async (count, { drain }) => {
    const rate = 400 * count;
    await drain.settings(rate);
    let accepted = rate * 2; // the slack grows with the workers, and so must what is measured
    await drain.accept(accepted);
    for (let i = 0; i < count; i += 1) drain.startWorker();
    // A machine that is busy elsewhere takes longer, but not all the time.
    await until('a second at the set rate', async () => {
      const stored = await drain.storedAt();
      if (stored.length >= rate * 2 && maxInASecond(stored) > rate * 0.8) return true;
      if (accepted - stored.length < rate) accepted += (await drain.accept(rate)).length;
      return null;
    });
    await drain.allStored(accepted);
    const times = await drain.storedAt();
    expect(maxAbove(times, rate)).toBeLessThanOrEqual(rate * slackSeconds(count));
    const took = (times.at(-1) ?? 0) - (times[0] ?? 0);
    expect(took).toBeGreaterThan(accepted / rate - slackSeconds(count));
  },
);

test('a rate that is changed while the worker runs is followed at once, down and up', async ({ drain }) => {
  await drain.settings(20);
  await drain.accept(1500);
  drain.startWorker();
  await until('some orders', async () => (await drain.storedCount()) >= 5);
  await drain.settings(1000);
  const changedAt = await drain.clock();
  await until('a thousand orders', async () => (await drain.storedCount()) >= 1000);
  expect((await drain.clock()) - changedAt).toBeLessThan(20); // at the old rate it takes 49
  await drain.settings(20);
  await until('the worker to hear it', async () => {
    const before = await drain.storedCount();
    const from = await drain.clock();
    await until('half a second', async () => (await drain.clock()) - from > 0.5);
    return (await drain.storedCount()) - before <= 20 * (0.5 + slackSeconds()) + 10;
  });
});

test('a paused drain stores nothing, stays paused through a restart and a wiped queue Redis, and goes on without a burst', async ({
  drain,
}) => {
  const rate = 200;
  await drain.settings(rate, true);
  drain.startWorker();
  const orders = await drain.accept(240);
  await until('a report', async () => (await drain.reports()).length === 1);
  await drain.queueRedis.flushall();
  await drain.queue.addBulk(drain.chunksOf(orders));
  await drain.stopWorkers();
  const anew = drain.startWorker();
  await until('the new worker’s report', async () =>
    (await drain.reports()).some(({ worker }) => worker.endsWith(anew)),
  );
  expect(await drain.storedCount()).toBe(0);
  await until('the metric', async () => /^seckill_drain_paused 1$/m.test((await drain.workers[0]?.metrics()) ?? ''));
  const resumedAt = await drain.clock();
  await drain.settings(rate);
  await drain.allStored(240);
  const times = await drain.storedAt();
  expect(times[0]).toBeGreaterThanOrEqual(resumedAt);
  expect(maxAbove(times, rate)).toBeLessThanOrEqual(rate * slackSeconds());
});

test('a slow rate is kept within a chunk, whose worker keeps it; a pause and the worker’s end give the rest back', async ({
  drain,
}) => {
  const waiting = async () => ordersIn(await drain.queue.getRanges(['waiting'], 0, -1));
  const active = async () => drain.queue.getJobs(['active']);
  await drain.settings(2);
  await drain.accept(100);
  for (const _ of [1, 2]) drain.startWorker();
  const job = await until('the chunk to be taken', async () => (await active())[0] ?? false);
  const [key, owner] = [`${queuePrefix}:${queueNames.orders}:${job.id}:lock`, async () => drain.queueRedis.get(key)];
  const ownedBy = await owner();
  let lowest = Number.POSITIVE_INFINITY;
  await until('its lock to be renewed', async () => {
    const leftMs = await drain.queueRedis.pttl(key);
    lowest = Math.min(lowest, leftMs);
    return leftMs > lowest + 500;
  });
  await until('its progress', async () => Number((await drain.queue.getJob(job.id ?? ''))?.progress) >= 3);
  expect(await owner()).toBe(ownedBy);
  expect(maxAbove(await drain.storedAt(), 2)).toBeLessThanOrEqual(2 * slackSeconds() + 1);

  await drain.settings(2, true);
  await until('the rest to wait again', async () => (await active()).length === 0);
  const left = await waiting();
  expect(left).toBe(100 - (await drain.storedCount()));
  await drain.settings(2);
  await until('another order', async () => (await drain.storedCount()) > 100 - left);
  await drain.stopWorkers();
  expect(await waiting()).toBe(100 - (await drain.storedCount()));
  expect(await active()).toEqual([]);
  await drain.settings(null);
  drain.startWorker();
  await drain.allCommitted(100);
});

test('after idle time orders are not made up for: the first burst is stored at the rate', async ({ drain }) => {
  const rate = 200;
  await drain.settings(rate);
  drain.startWorker();
  await drain.accept(1);
  await drain.allStored(1);
  const idleUntil = (await drain.clock()) + 1;
  await until('idle time', async () => (await drain.clock()) > idleUntil);
  await drain.accept(150);
  await drain.allStored(151);
  expect(maxAbove((await drain.storedAt()).slice(1), rate)).toBeLessThanOrEqual(rate * slackSeconds());
});

test('uncapped, a backlog is drained to its last order, and backlog and age are told', async ({ drain }) => {
  await drain.settings(null, true);
  drain.startWorker();
  await drain.accept(1000, (orders) => orders.map(drain.jobOf)); // as versions before chunks did
  await drain.accept(1000);
  const metric = async (pattern: RegExp) => Number(pattern.exec((await drain.workers[0]?.metrics()) ?? '')?.[1]);
  await until('the backlog to be told', async () => (await metric(/backlog_orders\{state="waiting"\} (\d+)/)) === 2000);
  await until('an age', async () => (await metric(/seckill_drain_oldest_seconds ([\d.]+)/)) > 0.5);
  await drain.settings(null);
  await drain.allStored(2000);
  await until('the backlog to be gone', async () => (await metric(/backlog_orders\{state="waiting"\} (\d+)/)) === 0);
  await until('no age', async () => (await metric(/seckill_drain_oldest_seconds ([\d.]+)/)) === 0);
  await drain.allCommitted(2000);
});
