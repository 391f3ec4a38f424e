import { setTimeout as wait } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { queuePrefix } from '#contract/queues.ts';
import { startExpirySchedule } from '#lab/kits/expiry-schedule.ts';
import type { BenchStack } from '../kit/stack.ts';
import { redisSeconds } from '../queue/processor-time.ts';

/** Orders that a drain without a limit stores a second, and in a batch. */
const [perSecond, batch] = [3000, 200];

/** Processor seconds that queue Redis and the order-worker have used so far. */
export const usedSoFar = async (stack: BenchStack) => ({
  at: performance.now(),
  queueRedis: await redisSeconds(stack.queueRedis),
  worker: await stack.metric('order-worker', 'process_cpu_seconds_total'),
});
export type Used = Awaited<ReturnType<typeof usedSoFar>>;

/** What was used from `before` to `after` beyond what the same time of `idle` takes, in µs an order. */
export function microsPerOrder(idle: readonly [Used, Used], [before, after]: readonly [Used, Used], orders: number) {
  const share = (after.at - before.at) / (idle[1].at - idle[0].at);
  const of = (part: 'queueRedis' | 'worker') =>
    ((after[part] - before[part] - share * (idle[1][part] - idle[0][part])) * 1e6) / orders;
  return { queueRedis: of('queueRedis'), worker: of('worker') };
}

/**
 * What it takes queue Redis to make the timers of `orders` orders, in µs of processor time an order: the schedule of an order-worker
 * is handed batches as the drain stores them, in a queue of its own. Nothing else may use queue Redis meanwhile.
 */
export async function timerCost(stack: BenchStack, orders: number, payWithinSeconds: number): Promise<number> {
  const queue = new Queue('bench-expiry', { connection: stack.queueRedis, prefix: queuePrefix });
  const startMs = Date.now();
  let stored = 0;
  const now = () => startMs + (stored * 1000) / perSecond;
  const idle = [await usedSoFar(stack)];
  await wait(2000);
  idle.push(await usedSoFar(stack));
  const schedule = startExpirySchedule(queue, now);
  const before = await usedSoFar(stack);
  while (stored < orders) {
    const payByMs = Math.floor(now()) + payWithinSeconds * 1000;
    const count = Math.min(batch, orders - stored);
    schedule.add(Array.from({ length: count }, (_, nth) => ({ orderId: `bench-${stored + nth}`, payByMs })));
    stored += count;
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (schedule.waiting() > 0) await wait(5);
  const after = await usedSoFar(stack);
  await schedule.close();
  await queue.obliterate({ force: true });
  await queue.close();
  return microsPerOrder([idle[0] ?? before, idle[1] ?? before], [before, after], orders).queueRedis;
}
