import type { AcceptedOrder, OrderState } from '#contract/order.ts';
import { inTransaction, type Pool } from '#runtime/postgres.ts';

export type StoreOutcome =
  | { kind: 'stored' }
  | { kind: 'already' }
  /** The catalogue has no such sale: the order cannot be priced. */
  | { kind: 'sale_unknown' };

/** An order's row. `acceptedAt` is Unix ms. */
export type StoredOrder = {
  orderId: string;
  userId: string;
  quantity: number;
  place: number;
  state: OrderState;
  acceptedAt: number;
};

type Row = { id: string; user_id: string; quantity: number; place: number; state: OrderState; accepted_at: Date };

/** States of orders that hold no unit any more. */
export const endedStates: ReadonlySet<OrderState> = new Set(['expired', 'cancelled', 'refunded', 'failed']);

/** True for the refusal of the second guard: the order would be one too many for its sale. */
export function isUnitsGuard(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'constraint') === 'sales_units_guard';
}

/** Orders in PostgreSQL. */
export type OrderStore = ReturnType<typeof createOrderStore>;

/**
 * One round trip: rows, the first event of each row that is new, and the units guard (sales_units_guard: a batch that
 * would store more units than the sale has is refused as a whole). What is there already is left as it is (I5).
 */
const storeSql = `
  WITH accepted AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::bigint[])
      AS a (id, sale_id, user_id, quantity, place, accepted_at)
  ), stored AS (
    INSERT INTO orders (id, sale_id, user_id, quantity, place, state, amount, currency, pay_by, accepted_at)
    SELECT a.id, a.sale_id, a.user_id, a.quantity, a.place, 'awaiting_payment', s.price_amount * a.quantity, s.currency,
           now() + make_interval(secs => s.pay_within_seconds), to_timestamp(a.accepted_at / 1000.0)
      FROM accepted a JOIN sales s ON s.id = a.sale_id
    ON CONFLICT (id) DO NOTHING
    RETURNING id, sale_id, user_id, quantity, place, amount, currency, pay_by
  ), counted AS (
    UPDATE sales SET stored_units = stored_units + new.units
      FROM (SELECT sale_id, sum(quantity)::int AS units FROM stored GROUP BY sale_id) new
     WHERE sales.id = new.sale_id
  ), noted AS (
    INSERT INTO order_events (order_id, version, type, data)
    SELECT id, 1, 'order.created', to_jsonb(stored) FROM stored
  )
  SELECT id FROM stored`;

export function createOrderStore(pool: Pool) {
  return {
    /** Stores a batch in one transaction: all of it or, when it throws, nothing. Outcomes in the order of `orders`. */
    async store(orders: readonly AcceptedOrder[]): Promise<StoreOutcome[]> {
      const ids = orders.map((order) => order.orderId);
      return inTransaction(pool, async (client) => {
        const { rows } = await client.query<{ id: string }>(storeSql, [
          ids,
          orders.map((order) => order.saleId),
          orders.map((order) => order.userId),
          orders.map((order) => order.quantity),
          orders.map((order) => order.place),
          orders.map((order) => order.acceptedAt),
        ]);
        const stored = new Set(rows.map((row) => row.id));
        if (stored.size === orders.length) return orders.map(() => ({ kind: 'stored' }));
        const others = ids.filter((id) => !stored.has(id));
        const found = await client.query<{ id: string }>('SELECT id FROM orders WHERE id = ANY($1)', [others]);
        const present = new Set(found.rows.map((row) => row.id));
        return ids.map((id) => {
          if (stored.has(id)) return { kind: 'stored' };
          return present.has(id) ? { kind: 'already' } : { kind: 'sale_unknown' };
        });
      });
    },

    /** Which of these order ids have a row. */
    async present(orderIds: readonly string[]): Promise<Set<string>> {
      const { rows } = await pool.query<{ id: string }>('SELECT id FROM orders WHERE id = ANY($1)', [orderIds]);
      return new Set(rows.map((row) => row.id));
    },

    /** Every order of a sale, by place: for the audit and the rebuild. */
    async ofSale(saleId: string): Promise<StoredOrder[]> {
      const { rows } = await pool.query<Row>(
        'SELECT id, user_id, quantity, place, state, accepted_at FROM orders WHERE sale_id = $1 ORDER BY place',
        [saleId],
      );
      return rows.map((row) => ({
        orderId: row.id,
        userId: row.user_id,
        quantity: row.quantity,
        place: row.place,
        state: row.state,
        acceptedAt: row.accepted_at.getTime(),
      }));
    },
  };
}
