import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { RefundQueue } from './refund-queue.ts';

/**
 * Sees to it that each refund that is not done has its job: queue Redis may have lost it, or a process may have died
 * between the transaction and the queue. A bounded look along an index; any number of processes may sweep.
 */
export function startRefundSweep(deps: {
  pool: Pool;
  queue: Pick<RefundQueue, 'enqueue'>;
  logger: Logger;
  everyMs?: number;
  /** How long a refund is left alone after a look. */
  againAfterMs?: number;
  most?: number;
}): Loop {
  const { pool, queue, logger, everyMs = 2000, againAfterMs = 60_000, most = 200 } = deps;
  return startLoop({
    name: 'refund sweep',
    everyMs,
    logger,
    pass: async () => {
      const { rows } = await pool.query<{ id: string }>(
        `UPDATE refunds SET look_at = now() + make_interval(secs => $1) WHERE id = ANY(ARRAY(
           SELECT id FROM refunds WHERE state = 'pending' AND look_at <= now()
            ORDER BY look_at LIMIT $2 FOR UPDATE SKIP LOCKED))
         RETURNING id`,
        [againAfterMs / 1000, most],
      );
      await queue.enqueue(rows.map(({ id }) => id));
      return rows.length < most ? 'idle' : 'more';
    },
  });
}
