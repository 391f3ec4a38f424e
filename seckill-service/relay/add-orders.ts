import type { Redis } from 'ioredis';
import type { AcceptedOrder } from '#contract/order.ts';
import { orderJobOptions, queuePrefix } from '#contract/queues.ts';
import { defineBullmqScript } from '#runtime/redis/bullmq-script.ts';

/** Puts orders into the queue, all of them or, when it throws, maybe some: safe to repeat, the job's id is the order's. */
export type AddOrders = (orders: readonly AcceptedOrder[]) => Promise<void>;

/** The reply codes of add-orders.lua, by their names there; `scripts.test.ts` compares the two. */
export const addOrdersReplies = { ADDED: 1 } as const;

const script = new URL('./scripts/add-orders.lua', import.meta.url);
const options = JSON.stringify(orderJobOptions);
/** A script holds up its Redis for as long as it runs: about 5 ms for so many. */
const most = 100;

export function createAddOrders(redis: Redis, queueName: string): AddOrders {
  const prefix = `${queuePrefix}:${queueName}:`;
  const add = defineBullmqScript(redis, 'addStandardJob', script, prefix);
  async function addSome(orders: readonly AcceptedOrder[]): Promise<void> {
    const reply = await add(prefix, options, ...orders.flatMap((order) => [order.orderId, JSON.stringify(order)]));
    const [code, count] = reply.map(Number);
    if (code !== addOrdersReplies.ADDED || count !== orders.length)
      throw new Error(`the script add-orders answered ${orders.length} orders with ${JSON.stringify(reply)}`);
  }
  return async (orders) => {
    const calls: Promise<void>[] = [];
    for (let from = 0; from < orders.length; from += most) calls.push(addSome(orders.slice(from, from + most)));
    await Promise.all(calls);
  };
}
