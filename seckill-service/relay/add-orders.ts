import type { Redis } from 'ioredis';
import type { AcceptedOrder } from '#contract/order.ts';
import { orderJobOptions, queuePrefix } from '#contract/queues.ts';
import { defineBullmqScript } from '#runtime/bullmq-script.ts';

/** Puts orders into the queue, all of them or, when it throws, maybe some: safe to repeat, the job's id is the order's. */
export type AddOrders = (orders: readonly AcceptedOrder[]) => Promise<void>;

const script = new URL('./scripts/add-orders.lua', import.meta.url);
const options = JSON.stringify(orderJobOptions);
/** A script holds up its Redis for as long as it runs: about 5 ms for so many. */
const most = 100;

export function createAddOrders(redis: Redis, queueName: string): AddOrders {
  const prefix = `${queuePrefix}:${queueName}:`;
  const add = defineBullmqScript(redis, 'addStandardJob', script, prefix);
  return async (orders) => {
    const calls: Promise<unknown>[] = [];
    for (let from = 0; from < orders.length; from += most) {
      const pairs = orders.slice(from, from + most).flatMap((order) => [order.orderId, JSON.stringify(order)]);
      calls.push(add(prefix, options, ...pairs));
    }
    await Promise.all(calls);
  };
}
