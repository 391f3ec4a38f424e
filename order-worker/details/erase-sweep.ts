import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import type { Pool } from '#runtime/postgres/connect.ts';

/**
 * Erases contact and address whose time is over (`keepDetailsDays` of the sale), along an index, in batches. Any
 * number of processes may sweep: each takes rows that no other one has in its hands. `onOverdue` hears how many are
 * left that should have been erased a day ago.
 */
export function startEraseSweep(deps: {
  pool: Pool;
  logger: Logger;
  onErased: (rows: number) => void;
  onOverdue: (rows: number) => void;
  everyMs?: number;
  most?: number;
}): Loop {
  const { pool, logger, onErased, onOverdue, everyMs = 60_000, most = 500 } = deps;
  return startLoop({
    name: 'erasing of contact and address',
    everyMs,
    logger,
    pass: async () => {
      const { rowCount } = await pool.query(
        `DELETE FROM order_details WHERE order_id = ANY(ARRAY(
           SELECT order_id FROM order_details WHERE erase_at <= now() ORDER BY erase_at LIMIT $1 FOR UPDATE SKIP LOCKED))`,
        [most],
      );
      const erased = rowCount ?? 0;
      onErased(erased);
      if (erased > 0) logger.info({ erased }, 'contact and address were erased: their time is over');
      if (erased >= most) return 'more';
      const { rows } = await pool.query<{ overdue: number }>(
        "SELECT count(*)::int AS overdue FROM order_details WHERE erase_at <= now() - interval '1 day'",
      );
      onOverdue(rows[0]?.overdue ?? 0);
      return 'idle';
    },
  });
}
