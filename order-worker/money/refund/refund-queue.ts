import { type ConnectionOptions, Queue } from 'bullmq';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';

/** What a job of the queue `refunds` carries: the row says the rest. Its jobId is the refund's id. */
export type RefundJob = { refundId: string };
export type RefundQueue = ReturnType<typeof createRefundQueue>;

export function createRefundQueue(deps: { connection: ConnectionOptions; tries: number; logger: Logger }) {
  const { connection, tries, logger } = deps;
  const warn = createThrottledWarn(logger);
  const queue = new Queue<RefundJob>(queueNames.refunds, { connection, prefix: queuePrefix });
  queue.on('error', (error) => warn(error, 'refunds queue'));
  return {
    /** Gives each refund its job. One that has a job, waiting, running or given up on, keeps that one. */
    async enqueue(refundIds: readonly string[]): Promise<void> {
      if (refundIds.length === 0) return;
      await queue.addBulk(
        refundIds.map((refundId) => ({
          name: 'refund',
          data: { refundId },
          opts: {
            jobId: refundId,
            attempts: tries,
            backoff: { type: 'growing' },
            removeOnComplete: true,
            removeOnFail: false,
          },
        })),
      );
    },
    close: () => queue.close(),
  };
}
