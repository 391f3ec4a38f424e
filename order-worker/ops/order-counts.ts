import type { UnitsByState } from '#contract/ops.ts';
import type { OrderState } from '#contract/order.ts';
import type { Pool } from '#runtime/postgres/connect.ts';

export type OrderCounts = Record<string, UnitsByState>;

/** Counting reads every order of the sales: it may take a twentieth of the time, and no more. */
const share = 20;
const shortestMs = 1000;

/**
 * Units of the stored orders of these sales, by state. However many ask, PostgreSQL is asked at most once a second, and
 * less often where it takes long; `now` is a monotonic clock in ms.
 */
export function createOrderCounts(deps: {
  pool: Pool;
  now: () => number;
}): (saleIds: readonly string[]) => Promise<OrderCounts> {
  const { pool, now } = deps;
  let asked = '';
  let nextAt = Number.NEGATIVE_INFINITY;
  let last: Promise<OrderCounts> = Promise.resolve({});

  async function read(saleIds: readonly string[]): Promise<OrderCounts> {
    const from = now();
    nextAt = Number.POSITIVE_INFINITY; // one at a time
    try {
      const { rows } = await pool.query<{ sale_id: string; state: OrderState; units: number }>(
        'SELECT sale_id, state, sum(quantity)::int AS units FROM orders WHERE sale_id = ANY($1) GROUP BY sale_id, state',
        [saleIds],
      );
      const counts: OrderCounts = Object.fromEntries(saleIds.map((saleId) => [saleId, {}]));
      for (const { sale_id: saleId, state, units } of rows) counts[saleId] = { ...counts[saleId], [state]: units };
      return counts;
    } finally {
      nextAt = now() + Math.max(shortestMs, (now() - from) * share);
    }
  }

  return async (saleIds) => {
    const names = saleIds.toSorted().join();
    // Whoever asks about other sales than those that are being counted gets a turn afterwards.
    while (names !== asked && nextAt === Number.POSITIVE_INFINITY) await last.catch(() => undefined);
    // A little early is no harm: who asks once a second must not meet the same answer twice.
    if (names !== asked || now() >= nextAt - 100) {
      asked = names;
      last = read(saleIds);
    }
    return last;
  };
}
