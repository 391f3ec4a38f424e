import { type ConnectionOptions, UnrecoverableError, Worker } from 'bullmq';
import { acceptedOrderSchema } from '#contract/order.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { type CommitBatch, PoisonOrder } from './commit-batch.ts';
import { createMicroBatcher } from './micro-batch.ts';

export type Drain = { close: () => Promise<void> };

/**
 * Takes jobs off the orders queue and stores them in micro-batches. The rate is the queue's global limit (rate.ts). A
 * job that runs twice (stalled, retried) finds its row and is done.
 */
export function startDrain(deps: {
  connection: ConnectionOptions;
  commitBatch: CommitBatch;
  logger: Logger;
  onStored: (outcome: 'stored' | 'already' | 'poison') => void;
  concurrency?: number;
}): Drain {
  const { connection, commitBatch, logger, onStored, concurrency = 200 } = deps;
  const warn = createThrottledWarn(logger);
  const batcher = createMicroBatcher({ handle: commitBatch, maxSize: concurrency, maxWaitMs: 5 });

  const worker = new Worker(
    queueNames.orders,
    async (job) => {
      const order = acceptedOrderSchema.safeParse(job.data);
      if (!order.success) {
        onStored('poison');
        throw new UnrecoverableError(`not an order: ${order.error.issues[0]?.message}`);
      }
      try {
        const outcome = await batcher.add(order.data);
        if (outcome.kind !== 'sale_unknown') onStored(outcome.kind);
      } catch (error) {
        if (!(error instanceof PoisonOrder)) throw error;
        onStored('poison');
        throw new UnrecoverableError(error.message);
      }
    },
    {
      connection,
      prefix: queuePrefix,
      concurrency,
      // A dead worker's jobs go to another within about 8 s; one that ran twice after all finds its row.
      lockDuration: 5000,
      stalledInterval: 2500,
      // A stall is never the order's fault: it must not make a dead letter of it.
      maxStalledCount: 1_000_000,
    },
  );
  worker.on('error', (error) => warn(error, 'drain'));
  worker.on('failed', (job, error) =>
    logger.error({ orderId: job?.id, err: error }, 'an order was given up on: its audit names it (seckill audit, I3)'),
  );

  return { close: () => worker.close() };
}
