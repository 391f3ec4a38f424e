import type { DeclineReason, PaymentNext, PaymentState } from '#contract/payment.ts';
import type { PoolClient } from '#runtime/postgres/connect.ts';

/** A payment's row. `amount` in minor units. */
export type Payment = {
  paymentId: string;
  orderId: string;
  state: PaymentState;
  amount: number;
  currency: string;
  /** Null until the provider has answered. */
  providerId: string | null;
  /** What its shopper does next; null until the provider has said. */
  next: PaymentNext | null;
  declined: DeclineReason | null;
  reason: string | null;
};

type Row = {
  id: string;
  order_id: string;
  state: PaymentState;
  amount: number;
  currency: string;
  provider_id: string | null;
  next: PaymentNext | null;
  declined: DeclineReason | null;
  reason: string | null;
};
export const paymentFields = 'id, order_id, state, amount, currency, provider_id, next, declined, reason';

/** A connection, or a pool of them. */
export type Querier = Pick<PoolClient, 'query'>;

/** Runs a query that answers {@link paymentFields}. */
export async function readPayments(client: Querier, sql: string, values: readonly unknown[]): Promise<Payment[]> {
  const { rows } = await client.query<Row>(sql, [...values]);
  return rows.map((row) => ({
    paymentId: row.id,
    orderId: row.order_id,
    state: row.state,
    amount: row.amount,
    currency: row.currency,
    providerId: row.provider_id,
    next: row.next,
    declined: row.declined,
    reason: row.reason,
  }));
}

export async function findPayment(client: Querier, paymentId: string): Promise<Payment | null> {
  const [payment] = await readPayments(client, `SELECT ${paymentFields} FROM payments WHERE id = $1`, [paymentId]);
  return payment ?? null;
}
