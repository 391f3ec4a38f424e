import type { OrderDetails } from '#contract/order-details.ts';
import type { Checkout, CollectedDetail } from '#contract/sale.ts';
import { inTransaction, type Pool } from '#runtime/postgres/connect.ts';
import { lockOrder, type OrderRow } from '../orders/find-order.ts';
import { showAgain } from '../orders/show-again.ts';
import type { Seal } from './seal.ts';

export type GiveOutcome =
  /** `isNew`: it had none before, so its picture follows. */
  | { kind: 'given'; isNew: boolean }
  /** It does not await payment any more. */
  | { kind: 'not_now'; order: OrderRow }
  | { kind: 'unknown' };

/** What a sale asks of its shoppers. */
export type Collecting = { collect: CollectedDetail[]; keepDays: number; checkout: Checkout['mode'] };

type Row = { order_id: string; key_id: string; sealed: Buffer };

/** Contact and address in PostgreSQL: the one place where they are stored (I10), sealed. */
export type DetailsStore = ReturnType<typeof createDetailsStore>;

export function createDetailsStore(deps: { pool: Pool; seal: Seal | null }) {
  const { pool, seal } = deps;

  function opened(row: Row): OrderDetails {
    if (seal === null) throw new Error('contact and address cannot be opened: set SECKILL_PERSONAL_KEYS');
    const text = seal.open(row.order_id, { keyId: row.key_id, sealed: row.sealed });
    // Ours, and judged by the rules of the day on which it was given.
    return JSON.parse(text) as OrderDetails;
  }

  return {
    canSeal: seal !== null,

    async collecting(saleId: string): Promise<Collecting | null> {
      const { rows } = await pool.query<{ collect: CollectedDetail[]; keep: number; checkout: Checkout | null }>({
        name: 'collecting',
        text: 'SELECT collect, keep_details_days AS keep, checkout FROM sales WHERE id = $1',
        values: [saleId],
      });
      const [row] = rows;
      return row === undefined
        ? null
        : { collect: row.collect, keepDays: row.keep, checkout: row.checkout?.mode ?? 'here' };
    },

    /** Whether the order's sale asks for something that was not given yet. */
    async isMissing(orderId: string): Promise<boolean> {
      const { rowCount } = await pool.query({
        name: 'details-missing',
        text: `SELECT FROM orders o JOIN sales s ON s.id = o.sale_id
                WHERE o.id = $1 AND s.collect <> '{}' AND NOT EXISTS (SELECT FROM order_details WHERE order_id = o.id)`,
        values: [orderId],
      });
      return rowCount === 1;
    },

    /**
     * Seals and stores what the shopper gave, in the place of what was there. It decides on the order's row, as payment, expiry
     * and cancel do. Throws without a key.
     */
    async give(orderId: string, details: OrderDetails, keepDays: number): Promise<GiveOutcome> {
      if (seal === null) throw new Error('contact and address cannot be sealed: set SECKILL_PERSONAL_KEYS');
      const { keyId, sealed } = seal.seal(orderId, JSON.stringify(details));
      return inTransaction(pool, async (client): Promise<GiveOutcome> => {
        const order = await lockOrder(client, orderId);
        if (order === null) return { kind: 'unknown' };
        if (order.state !== 'awaiting_payment' || order.isOverdue) return { kind: 'not_now', order };
        const { rows } = await client.query<{ is_new: boolean }>(
          `INSERT INTO order_details (order_id, sale_id, user_id, key_id, sealed, erase_at)
           SELECT id, sale_id, user_id, $2, $3, now() + make_interval(days => $4) FROM orders WHERE id = $1
           ON CONFLICT (order_id) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed,
             erase_at = excluded.erase_at, updated_at = now()
           RETURNING created_at = updated_at AS is_new`,
          [orderId, keyId, sealed, keepDays],
        );
        const isNew = rows[0]?.is_new ?? false;
        if (isNew) await showAgain(client, orderId);
        return { kind: 'given', isNew };
      });
    },

    /** Of these orders; those that have none, or none any more, are left out. Throws when one of them does not open. */
    async of(orderIds: readonly string[]): Promise<Map<string, OrderDetails>> {
      const { rows } = await pool.query<Row>({
        name: 'details-of-orders',
        text: 'SELECT order_id, key_id, sealed FROM order_details WHERE order_id = ANY($1)',
        values: [orderIds],
      });
      return new Map(rows.map((row) => [row.order_id, opened(row)]));
    },
  };
}
