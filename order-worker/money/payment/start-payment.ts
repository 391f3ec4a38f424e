import { orderReturnUrl } from '#contract/payment.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { OrderRow } from '../../orders/find-order.ts';
import type { PaymentProvider } from '../provider/provider.ts';
import type { LookPayment } from './look-payment.ts';
import type { OpenOutcome } from './open-payment.ts';
import { findPayment, type Payment } from './payments.ts';
import type { TakePayment } from './settle-payment.ts';

export type StartOutcome =
  | { kind: 'payment'; payment: Payment; order: OrderRow }
  | Exclude<OpenOutcome, { kind: 'open' }>;

/**
 * Begins to pay an order, or says how far that is. The payment's row is written before the provider is asked, and its id
 * is the provider's idempotency key: when the provider gives no answer (a ProviderFault is thrown) nothing is lost, and
 * the next call continues the same payment. No transaction and no connection is held while the provider is asked.
 */
export function createStartPayment(deps: {
  pool: Pool;
  /** Each a transaction of its own. */
  open: (orderId: string) => Promise<OpenOutcome>;
  takePayment: TakePayment;
  /** How the provider says that an open payment stands. */
  look: LookPayment;
  provider: Pick<PaymentProvider, 'createPayment'>;
  /** The origin that shoppers see, without a slash at its end. */
  publicUrl: string | null;
}): (orderId: string) => Promise<StartOutcome> {
  const { pool, open, takePayment, look, provider, publicUrl } = deps;

  return async (orderId) => {
    const opened = await open(orderId);
    if (opened.kind !== 'open') return opened;
    const { payment, order } = opened;
    const { paymentId, amount, currency, providerId } = payment;
    if (providerId !== null) return { kind: 'payment', payment: await look(payment), order };
    const answer = await provider.createPayment({
      ...{ paymentId, orderId, amount, currency, expiresAtMs: order.payByMs },
      title: await titleOf(pool, orderId),
      returnUrl: publicUrl === null ? null : orderReturnUrl(publicUrl, orderId),
    });
    const news =
      answer.kind === 'payment'
        ? answer.payment
        : {
            ...{ paymentId, providerId: null, state: 'failed' as const, amount, currency },
            ...{ next: null, declined: 'other' as const, reason: answer.reason },
          };
    const outcome = await takePayment(news);
    if (outcome.kind === 'mismatch')
      throw new Error(`the provider has another payment as ${paymentId}: ${outcome.says}`);
    return { kind: 'payment', payment: (await findPayment(pool, paymentId)) ?? payment, order };
  };
}

async function titleOf(pool: Pool, orderId: string): Promise<string> {
  const { rows } = await pool.query<{ title: string }>(
    'SELECT title FROM sales WHERE id = (SELECT sale_id FROM orders WHERE id = $1)',
    [orderId],
  );
  return rows[0]?.title ?? orderId;
}
