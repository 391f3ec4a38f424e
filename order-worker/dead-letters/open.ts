import type { Redis } from 'ioredis';
import { queueNames } from '#contract/queues.ts';
import { subscriberQueueName } from '#contract/subscribers.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Stock } from '#stock/stock.ts';
import { createDeliveryBacklog } from '../subscribers/delivery-backlog.ts';
import { createSubscriberStore } from '../subscribers/subscriber-store.ts';
import { openDeadLetters } from './dead-letters.ts';
import { expiryKind, ordersKind, refundsKind, subscriberKind } from './kinds.ts';

/** The dead letters of every queue there is: a new queue joins here. */
export async function openEveryDeadLetter(deps: {
  redis: Redis;
  pool: Pool;
  stock: Pick<Stock, 'reservation' | 'sale'>;
}) {
  const { redis, pool, stock } = deps;
  const backlog = createDeliveryBacklog(pool);
  const subscribers = await createSubscriberStore(pool).list();
  return openDeadLetters(redis, [
    { name: queueNames.orders, kind: ordersKind({ pool, stock }) },
    { name: queueNames.expiry, kind: expiryKind },
    { name: queueNames.refunds, kind: refundsKind },
    ...subscribers.map(({ id, name }) => ({
      name: subscriberQueueName(name),
      kind: subscriberKind(backlog, { id, name }),
    })),
  ]);
}
