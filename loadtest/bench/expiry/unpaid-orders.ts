import { setTimeout as wait } from 'node:timers/promises';
import { Queue } from 'bullmq';
import type { Pool } from 'pg';
import type { AcceptedOrder } from '#contract/order.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { saleKeys } from '#contract/redis-keys.ts';
import type { BenchStack } from '../kit/stack.ts';
import { addChunks, chunksOf, makeOrders, makeSale } from '../queue/orders.ts';

/** Takes units out of the stock of a sale, as reserve.lua leaves it when they were sold one by one. */
async function sell({ stockRedis }: BenchStack, saleId: string, orders: readonly AcceptedOrder[]): Promise<void> {
  const keys = saleKeys(saleId);
  for (const part of chunksOf(orders)) {
    await stockRedis
      .multi()
      .decrby(keys.stock, part.length)
      .hset(keys.buyers, Object.fromEntries(part.map(({ userId }) => [userId, 1])))
      .hset(
        keys.reservations,
        Object.fromEntries(part.map((it) => [it.orderId, `h:1:${it.place}:${it.acceptedAt}:${it.userId}`])),
      )
      .exec();
  }
  await stockRedis.multi().hset(keys.sale, 'state', 'sold_out').hincrby(keys.sale, 'epoch', 1).exec();
}

/**
 * `count` orders of a sale that is sold out, stored by the real drain, with their timers; all of them end a
 * while after the last one is stored. Resolves with their ids.
 */
export async function storeUnpaidOrders(stack: BenchStack, pool: Pool, saleId: string, count: number) {
  const payWithinSeconds = Math.max(30, Math.ceil(count / 1000) + 20);
  await stack.seckill('drain', 'rate', 'off');
  await stack.seckill('drain', 'pause');
  await makeSale(stack, saleId, count, { payWithinSeconds });
  const orders = makeOrders(saleId, count);
  await sell(stack, saleId, orders);
  const connection = { connection: stack.queueRedis, prefix: queuePrefix };
  const [queue, expiryQueue] = [new Queue(queueNames.orders, connection), new Queue(queueNames.expiry, connection)];
  try {
    await addChunks(queue, orders);
    const from = performance.now();
    await stack.seckill('drain', 'resume');
    while ((await storedUnits(pool, saleId)) < count) await wait(200);
    const seconds = (performance.now() - from) / 1000;
    const timed = async () => (await expiryQueue.getJobCounts('delayed')).delayed ?? 0;
    const deadline = performance.now() + payWithinSeconds * 1000;
    const wanted = await dueSeconds(pool, saleId);
    while ((await timed()) < wanted && performance.now() < deadline) await wait(200);
    process.stderr.write(
      `${count} orders stored in ${seconds.toFixed(0)} s; ${await timed()} of ${wanted} seconds have their timer\n`,
    );
  } finally {
    await Promise.all([queue.close(), expiryQueue.close()]);
  }
  return { orderIds: orders.map(({ orderId }) => orderId), payWithinSeconds };
}

/** In how many seconds orders of a sale are due. */
async function dueSeconds(pool: Pool, saleId: string): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    "SELECT count(DISTINCT date_trunc('second', pay_by))::int AS n FROM orders WHERE sale_id = $1",
    [saleId],
  );
  return rows[0]?.n ?? Number.NaN;
}

/** Units of a sale that are in orders which hold them: none once all have expired. */
export async function storedUnits(pool: Pool, saleId: string): Promise<number> {
  const { rows } = await pool.query<{ n: number }>('SELECT stored_units::int AS n FROM sales WHERE id = $1', [saleId]);
  return rows[0]?.n ?? Number.NaN;
}
