import type { Pool } from '#runtime/postgres/connect.ts';
import { type PaymentProvider, ProviderFault } from '../provider/provider.ts';
import { findPayment, type Payment } from './payments.ts';
import type { TakePayment } from './settle-payment.ts';

/** Between two looks at one payment for its shopper. */
const restSeconds = 2;

/**
 * How a payment stands, by the provider's word where it is open and nothing was heard of it for two seconds: a shopper who
 * comes back from the provider's page may be faster than its webhook. A provider that gives no answer is no trouble here: what
 * is known is told.
 */
export type LookPayment = (payment: Payment) => Promise<Payment>;
/** The same by its id; null when that is no payment of this order. */
export type LookUpPayment = (orderId: string, paymentId: string) => Promise<Payment | null>;

export function createLookPayment(deps: {
  pool: Pool;
  provider: Pick<PaymentProvider, 'findPayment'>;
  /** Takes in what the provider says, in a transaction of its own. */
  takePayment: TakePayment;
}): { look: LookPayment; lookUp: LookUpPayment } {
  const { pool, provider, takePayment } = deps;

  /** True for one caller in two seconds, in whichever process. */
  async function mayLook(paymentId: string): Promise<boolean> {
    const { rowCount } = await pool.query(
      `UPDATE payments SET updated_at = now()
        WHERE id = $1 AND state = 'pending' AND updated_at < now() - make_interval(secs => $2)`,
      [paymentId, restSeconds],
    );
    return rowCount === 1;
  }

  const look: LookPayment = async (payment) => {
    const { paymentId, providerId, state } = payment;
    if (state !== 'pending' || providerId === null || !(await mayLook(paymentId))) return payment;
    try {
      const found = await provider.findPayment(payment);
      if (found === null) return payment;
      await takePayment(found);
      return (await findPayment(pool, paymentId)) ?? payment;
    } catch (error) {
      if (error instanceof ProviderFault) return payment;
      throw error;
    }
  };

  return {
    look,
    lookUp: async (orderId, paymentId) => {
      const payment = await findPayment(pool, paymentId);
      return payment?.orderId === orderId ? look(payment) : null;
    },
  };
}
