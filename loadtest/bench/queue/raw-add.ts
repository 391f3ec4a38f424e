import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { addChunks, makeOrders } from './orders.ts';

/** The ceiling of the relay bench, a process of its own: the same chunks by addBulk, from memory. Ends by itself. */
const [url = '', saleId = '', count = ''] = process.argv.slice(2);
const connection = new Redis(url, { maxRetriesPerRequest: null, replyMapping: 'legacy' });
const queue = new Queue(queueNames.orders, { connection, prefix: queuePrefix });
await queue.waitUntilReady();
await addChunks(queue, makeOrders(saleId, Number(count)));
await queue.close();
connection.disconnect();
