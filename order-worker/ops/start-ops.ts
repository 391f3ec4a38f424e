import { Queue } from 'bullmq';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import type { InnerPages } from '#runtime/inner-server.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { Stock } from '#stock/stock.ts';
import { auditSale } from '../audit/audit.ts';
import { createMoneyBooks } from '../audit/money.ts';
import type { DeadLetters } from '../dead-letters/dead-letters.ts';
import { failedOrderIds } from '../dead-letters/failed-orders.ts';
import { openEveryDeadLetter } from '../dead-letters/open.ts';
import type { OrderStore } from '../orders/order-store.ts';
import { createOpsApp } from './ops-app.ts';
import { createOrderCounts } from './order-counts.ts';

/** What the inner server shows to the console. */
export function startOps(deps: {
  token: string;
  pool: Pool;
  /** Kind `patient`: a call fails, and does not wait, while queue Redis is away. */
  queueRedis: Redis;
  zookeeper: ZooKeeper;
  stock: Stock;
  store: OrderStore;
  logger: Logger;
}): InnerPages {
  const { token, pool, queueRedis, zookeeper, stock, store, logger } = deps;
  const queue = new Queue(queueNames.orders, { connection: queueRedis, prefix: queuePrefix, skipVersionCheck: true });
  queue.on('error', () => {}); // each call rejects with it
  const books = { stock, store, money: createMoneyBooks(pool), deadLetters: () => failedOrderIds(queue) };
  // Opened anew each time: subscribers come and go.
  const withDeadLetters = async <T>(work: (letters: DeadLetters) => Promise<T>): Promise<T> => {
    // A queue that is opened now would wait for the connection, and never be closed.
    if (queueRedis.status !== 'ready') throw new Error('queue Redis is away');
    const letters = await openEveryDeadLetter({ redis: queueRedis, pool, stock });
    try {
      return await work(letters);
    } finally {
      await letters.close();
    }
  };
  const app = createOpsApp({
    ...{ token, queue, queueRedis, zookeeper, stock, logger, withDeadLetters },
    orderCounts: createOrderCounts({ pool, now: () => performance.now() }),
    audit: shared((saleId) => auditSale(books, saleId)),
    now: Date.now,
  });
  return { paths: ['/ops'], fetch: app.fetch };
}

/** Whoever asks while an answer is on its way gets the same one: an audit costs stock Redis something. */
function shared<T>(ask: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const underWay = new Map<string, Promise<T>>();
  return (key) => {
    const known = underWay.get(key);
    if (known !== undefined) return known;
    const answer = ask(key).finally(() => underWay.delete(key));
    underWay.set(key, answer);
    return answer;
  };
}
