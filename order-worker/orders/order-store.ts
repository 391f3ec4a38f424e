import type { AcceptedOrder } from '#contract/order.ts';
import type { StoredOrderState } from '#contract/order-events.ts';
import type { DeclineReason } from '#contract/payment.ts';
import type { ShownOrder } from '#contract/shown-order.ts';
import type { Pool } from '#runtime/postgres/connect.ts';

export type StoreOutcome =
  | { kind: 'stored' | 'already'; shown: ShownOrder }
  /** The catalogue has no such sale: the order cannot be priced. */
  | { kind: 'sale_unknown' };

/** An order's row. `acceptedAt` is Unix ms. */
export type StoredOrder = {
  orderId: string;
  userId: string;
  quantity: number;
  place: number;
  state: StoredOrderState;
  acceptedAt: number;
};

type Row = { id: string; user_id: string; quantity: number; place: number; state: StoredOrderState; accepted_at: Date };

/** True for the refusal of the second guard: the order would be one too many for its sale. */
export function isUnitsGuard(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'constraint') === 'sales_units_guard';
}

/** Orders in PostgreSQL. */
export type OrderStore = ReturnType<typeof createOrderStore>;

/** What a batch needs, in one round trip: its rows, the first event of each row that is new, and the units guard. */
const storing = (onConflict: string) => `
  WITH accepted AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bigint[], $6::bigint[])
      AS a (id, sale_id, user_id, quantity, place, accepted_at)
  ), stored AS (
    INSERT INTO orders (id, sale_id, user_id, quantity, place, state, amount, currency, pay_by, accepted_at)
    SELECT a.id, a.sale_id, a.user_id, a.quantity, a.place, 'awaiting_payment', s.price_amount * a.quantity, s.currency,
           now() + make_interval(secs => s.pay_within_seconds), to_timestamp(a.accepted_at / 1000.0)
      FROM accepted a JOIN sales s ON s.id = a.sale_id
    ${onConflict}
    RETURNING id, sale_id, user_id, quantity, place, amount, currency, pay_by
  ), of_sale AS (
    SELECT sale_id, sum(quantity)::int AS units, min(amount / quantity) AS price, min(currency) AS currency,
           min(pay_by) AS pay_by
      FROM stored GROUP BY sale_id
  ), counted AS (
    UPDATE sales SET stored_units = stored_units + of_sale.units FROM of_sale WHERE sales.id = of_sale.sale_id
  ), noted AS (
    INSERT INTO order_events (order_id, version, type, data)
    SELECT id, 1, 'order.created', to_jsonb(stored) FROM stored
  )`;

/**
 * For orders none of which is stored: a row for each of their sales says all that is new in the database. It is refused as
 * a whole where one of them is stored, or where its sale would hold more units than it has (sales_units_guard).
 */
const storeNewSql = `${storing('')} SELECT sale_id, price, currency, pay_by FROM of_sale`;

/** The same for orders of which some may be stored: what is there already is left as it is (I5). */
const storeSql = `${storing('ON CONFLICT (id) DO NOTHING')}
  SELECT id, 1 AS version, 'awaiting_payment' AS state, amount, currency, pay_by FROM stored`;

/** What the database says of the new orders of one sale. */
type SaleRow = { sale_id: string; price: number; currency: string; pay_by: Date };

const uniqueViolation = '23505';
const isUniqueViolation = (error: unknown) => error instanceof Error && Reflect.get(error, 'code') === uniqueViolation;

/** With its last payment, where it awaits payment: the open one, or else the last that was declined. */
const shownSql = `
  SELECT o.id, o.version, o.state, o.amount, o.currency, o.pay_by, p.payment_id, p.is_open, p.declined,
         p.step + (d.order_id IS NOT NULL)::int AS step, d.order_id IS NOT NULL AS has_details
    FROM orders o LEFT JOIN LATERAL (
      SELECT (array_agg(id ORDER BY (state = 'pending') DESC, created_at DESC))[1] AS payment_id,
             (array_agg(declined ORDER BY (state = 'pending') DESC, created_at DESC))[1] AS declined,
             bool_or(state = 'pending') AS is_open,
             (2 * count(*) - count(*) FILTER (WHERE state = 'pending'))::int AS step
        FROM payments WHERE order_id = o.id
    ) p ON o.state = 'awaiting_payment'
    LEFT JOIN order_details d ON d.order_id = o.id
   WHERE o.id = ANY($1)`;

type ShownRow = {
  id: string;
  version: number;
  state: StoredOrderState;
  amount: number;
  currency: string;
  pay_by: Date;
  /** Absent of orders that are new. */
  payment_id?: string | null;
  is_open?: boolean | null;
  declined?: DeclineReason | null;
  step?: number | null;
  has_details?: boolean;
};

const shownById = (rows: readonly ShownRow[]): Map<string, ShownOrder> =>
  new Map(rows.map((row) => [row.id, shownOf(row)]));

function shownOf(row: ShownRow): ShownOrder {
  const { version, state, amount, currency, pay_by, payment_id: paymentId, has_details: hasDetails } = row;
  const shown = { version, state, payByMs: pay_by.getTime(), amount, currency };
  const since = { step: row.step ?? 0, ...(hasDetails === true ? { hasDetails: true as const } : {}) };
  if (paymentId == null) return hasDetails === true ? { ...shown, ...since } : shown;
  const isDeclined = row.is_open !== true;
  const why = isDeclined && row.declined != null ? { declined: row.declined } : {};
  return { ...shown, ...since, payment: { paymentId, state: isDeclined ? 'declined' : 'open', ...why } };
}

/** The outcome of a sale's new order by its quantity, one value for all that are alike: thousands are stored at once. */
function storedOf({ price, currency, pay_by }: SaleRow): (quantity: number) => StoreOutcome {
  const payByMs = pay_by.getTime();
  const byQuantity = new Map<number, StoreOutcome>();
  return (quantity) => {
    const before = byQuantity.get(quantity);
    if (before !== undefined) return before;
    const shown = { version: 1, state: 'awaiting_payment', payByMs, amount: price * quantity, currency } as const;
    const outcome: StoreOutcome = { kind: 'stored', shown };
    byQuantity.set(quantity, outcome);
    return outcome;
  };
}

/** The columns of a batch, as {@link storing} takes them. */
const columnsOf = (orders: readonly AcceptedOrder[]) => [
  orders.map((order) => order.orderId),
  orders.map((order) => order.saleId),
  orders.map((order) => order.userId),
  orders.map((order) => order.quantity),
  orders.map((order) => order.place),
  orders.map((order) => order.acceptedAt),
];

export function createOrderStore(pool: Pool) {
  // One statement is a transaction by itself, and one round trip instead of three.
  async function storeNew(orders: readonly AcceptedOrder[]): Promise<StoreOutcome[]> {
    const { rows } = await pool.query<SaleRow>({
      name: 'store-new-orders',
      text: storeNewSql,
      values: columnsOf(orders),
    });
    const outcomes = new Map(rows.map((row) => [row.sale_id, storedOf(row)]));
    return orders.map(({ saleId, quantity }) => outcomes.get(saleId)?.(quantity) ?? { kind: 'sale_unknown' });
  }

  async function storeOthers(orders: readonly AcceptedOrder[]): Promise<StoreOutcome[]> {
    const ids = orders.map((order) => order.orderId);
    const { rows } = await pool.query<ShownRow>({ name: 'store-orders', text: storeSql, values: columnsOf(orders) });
    const stored = shownById(rows);
    const others = ids.filter((id) => !stored.has(id));
    const present = others.length === 0 ? new Map() : shownById((await pool.query(shownSql, [others])).rows);
    return ids.map((id) => {
      const [shown, before] = [stored.get(id), present.get(id)];
      if (shown !== undefined) return { kind: 'stored', shown };
      return before === undefined ? { kind: 'sale_unknown' } : { kind: 'already', shown: before };
    });
  }

  return {
    /** Stores a batch: all of it or, when it throws, nothing. Outcomes in the order of `orders`. */
    async store(orders: readonly AcceptedOrder[]): Promise<StoreOutcome[]> {
      try {
        return await storeNew(orders);
      } catch (error) {
        if (!isUniqueViolation(error)) throw error;
        return await storeOthers(orders);
      }
    },

    /** Those of these orders that have a row, as they are now. */
    async present(orderIds: readonly string[]): Promise<Map<string, ShownOrder>> {
      const { rows } = await pool.query<ShownRow>(shownSql, [orderIds]);
      return shownById(rows);
    },

    /** Those of these orders that have a row: its state and version. */
    async versions(orderIds: readonly string[]): Promise<Map<string, { state: StoredOrderState; version: number }>> {
      const { rows } = await pool.query<{ id: string; state: StoredOrderState; version: number }>(
        'SELECT id, state, version FROM orders WHERE id = ANY($1)',
        [orderIds],
      );
      return new Map(rows.map(({ id, state, version }) => [id, { state, version }]));
    },

    /** A page of a sale's orders, by place, after that place: along the index (sale_id, place). */
    async pageOf(saleId: string, afterPlace: number, count: number): Promise<{ orderId: string; place: number }[]> {
      const { rows } = await pool.query<{ id: string; place: number }>(
        'SELECT id, place FROM orders WHERE sale_id = $1 AND place > $2 ORDER BY place LIMIT $3',
        [saleId, afterPlace, count],
      );
      return rows.map(({ id, place }) => ({ orderId: id, place }));
    },

    /** Those of these sales whose refunded units are not to go back on sale. */
    async withholding(saleIds: readonly string[]): Promise<Set<string>> {
      if (saleIds.length === 0) return new Set();
      const { rows } = await pool.query<{ id: string }>('SELECT id FROM sales WHERE id = ANY($1) AND NOT restock', [
        saleIds,
      ]);
      return new Set(rows.map(({ id }) => id));
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
