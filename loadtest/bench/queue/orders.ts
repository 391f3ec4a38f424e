import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Queue } from 'bullmq';
import { type AcceptedOrder, newOrderId } from '#contract/order.ts';
import { chunkJobs, jobNames } from '#contract/order-chunk.ts';
import { orderJobOptions } from '#contract/queues.ts';
import { saleKeys } from '#contract/redis-keys.ts';
import type { BenchStack } from '../kit/stack.ts';

/** As many orders as the relay moves at once. */
export const chunk = 300;

export function* chunksOf<T>(items: readonly T[], size = chunk): Generator<T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

let place = 0;
/** Accepted orders, each of a user of its own, with places that go on from call to call. */
export function makeOrders(saleId: string, count: number): AcceptedOrder[] {
  return Array.from({ length: count }, () => {
    place += 1;
    const userId = `user-${String(place).padStart(8, '0')}`;
    return { orderId: newOrderId(saleId, Date.now()), saleId, userId, quantity: 1, place, acceptedAt: Date.now() };
  });
}

/** A sale on sale in a stack, with units enough for every round; `more` are other fields of its file. */
export async function makeSale(stack: BenchStack, saleId: string, units: number, more: object = {}): Promise<void> {
  const now = Date.now();
  const file = join(stack.dir, `${saleId}.json`);
  const window = { opensAt: new Date(now - 60_000).toISOString(), closesAt: new Date(now + 3_600_000).toISOString() };
  const price = { amount: 1999, currency: 'CNY' };
  await writeFile(
    file,
    JSON.stringify({ saleId, title: 'A bench', price, units, limitPerUser: 1, ...window, ...more }),
  );
  await stack.seckill('sale', 'create', file, '--yes', '--unusual');
  await stack.seckill('stock', 'preload', saleId, '--yes', '--unusual');
  await stack.seckill('sale', 'open', saleId, '--force'); // nobody looks at its page, it has none
}

/** The reservations of these orders, as reserve.lua writes them. */
export async function reserve({ stockRedis }: BenchStack, orders: readonly AcceptedOrder[]): Promise<void> {
  for (const part of chunksOf(orders)) {
    const fields = part.flatMap((it) => [it.orderId, `h:${it.quantity}:${it.place}:${it.acceptedAt}:${it.userId}`]);
    await stockRedis.hset(saleKeys(part[0]?.saleId ?? '').reservations, ...fields);
  }
}

/** Puts these orders of one sale on the queue in chunks, as the relay does; returns how many jobs they are. */
export async function addChunks(queue: Queue, orders: readonly AcceptedOrder[], maxOrders?: number): Promise<number> {
  let jobs = 0;
  for (const part of chunksOf(orders)) {
    const chunks = chunkJobs(part[0]?.saleId ?? '', part, maxOrders);
    await queue.addBulk(chunks);
    jobs += chunks.length;
  }
  return jobs;
}

/** A job for each of these orders. */
export async function addJobs(queue: Queue, orders: readonly AcceptedOrder[]): Promise<number> {
  for (const part of chunksOf(orders)) {
    await queue.addBulk(
      part.map((data) => ({ name: jobNames.order, data, opts: { ...orderJobOptions, jobId: data.orderId } })),
    );
  }
  return orders.length;
}
