import { type ConnectionOptions, DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { type GrowingWait, growingWaitMs } from '#runtime/growing-wait.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { PaymentProvider } from '../provider/provider.ts';
import type { RefundJob } from './refund-queue.ts';
import type { TakeRefund } from './settle-refund.ts';

type Row = {
  payment_id: string;
  /** The provider's own id of that payment. */
  payment_provider_id: string | null;
  state: 'pending' | 'succeeded';
  amount: number;
  currency: string;
};
const refundSql = `
  SELECT r.payment_id, p.provider_id AS payment_provider_id, r.state, r.amount, r.currency
    FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.id = $1 AND p.taken_by = 'provider'`;

/**
 * Has the provider give the money back, by the refund's id as its idempotency key: a job that runs twice gives it back
 * once. Tried again on a growing schedule through an outage. What the provider refuses, and what no try could do, stays
 * as a dead letter; the row stays pending, and the audit names it.
 */
export function startRefundWorker(deps: {
  connection: ConnectionOptions;
  pool: Pool;
  provider: Pick<PaymentProvider, 'createRefund'>;
  /** Notes in a transaction of its own that the money is back. */
  takeRefund: TakeRefund;
  schedule: GrowingWait;
  logger: Logger;
  now: () => number;
  random: () => number;
  /** For the metrics: how each try ended. */
  onTry: (outcome: 'returned' | 'waits' | 'failed' | 'given_up') => void;
}): { close: () => Promise<void> } {
  const { connection, pool, provider, takeRefund, schedule, logger, now, random, onTry } = deps;
  const warn = createThrottledWarn(logger);
  const waitMs = (attempt: number) => growingWaitMs(schedule, attempt, random);

  async function run(job: Job<RefundJob>, token: string | undefined): Promise<void> {
    const { refundId } = job.data;
    const { rows } = await pool.query<Row>(refundSql, [refundId]);
    const [refund] = rows;
    if (refund === undefined) throw new UnrecoverableError(`there is no refund ${refundId}`);
    if (refund.state === 'succeeded') return; // a webhook was quicker, or this job ran before
    const { payment_id: paymentId, payment_provider_id: providerId, amount, currency } = refund;
    const outcome = await provider.createRefund({ refundId, payment: { paymentId, providerId }, amount, currency });
    if (outcome.kind === 'refused') throw new UnrecoverableError(`the provider refuses it: ${outcome.reason}`);
    if (outcome.refund.state === 'pending') {
      // It is under way there: no failure, and no try spent. A webhook tells of its end, or the next look does.
      onTry('waits');
      await job.moveToDelayed(now() + waitMs(job.attemptsStarted), token);
      throw new DelayedError();
    }
    const settled = await takeRefund(outcome.refund);
    if (settled.kind === 'mismatch') throw new UnrecoverableError(`the provider gave back ${settled.says}`);
    onTry('returned');
  }

  const worker = new Worker<RefundJob>(
    queueNames.refunds,
    async (job, token) => {
      await run(job, token).catch(async (error: unknown) => {
        if (!(error instanceof DelayedError)) await note(job.data.refundId, error);
        throw error;
      });
    },
    {
      connection,
      prefix: queuePrefix,
      concurrency: 10,
      settings: { backoffStrategy: (attemptsMade) => waitMs(attemptsMade) },
      // As in the drain: a dead worker's jobs are taken over soon, and a stall is never the refund's fault.
      lockDuration: 5000,
      stalledInterval: 2500,
      maxStalledCount: 1_000_000,
    },
  );

  async function note(refundId: string, error: unknown): Promise<void> {
    const says = (error instanceof Error ? error.message : String(error)).slice(0, 500);
    await pool
      .query('UPDATE refunds SET last_error = $2, updated_at = now() WHERE id = $1', [refundId, says])
      .catch((trouble: unknown) => warn(trouble, 'noting why a refund failed'));
  }

  worker.on('error', (error) => warn(error, 'refund worker'));
  worker.on('failed', (job, error) => {
    const isLast = job !== undefined && (error instanceof UnrecoverableError || job.attemptsMade >= schedule.tries);
    onTry(isLast ? 'given_up' : 'failed');
    if (!isLast) return warn(error, 'a refund has to wait');
    const refundId = job.data.refundId;
    logger.error({ refundId, err: error }, `a refund was given up on: seckill dlq retry ${refundId} --queue refunds`);
  });
  return { close: () => worker.close() };
}
