import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { queueNames, queuePrefix } from '#contract/queues.ts';

/** The ceiling of the drain bench, a process of its own: BullMQ's worker with nothing to do. Ends on SIGTERM. */
const [url = '', concurrency = ''] = process.argv.slice(2);
const connection = new Redis(url, { maxRetriesPerRequest: null, replyMapping: 'legacy' });
const worker = new Worker(queueNames.orders, async () => {}, {
  connection,
  prefix: queuePrefix,
  concurrency: Number(concurrency),
});
worker.on('error', (error) => process.stderr.write(`${error.message}\n`));
