import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { PaymentProvider } from '../provider/provider.ts';
import { type Payment, paymentFields, readPayments } from './payments.ts';
import type { TakePayment } from './settle-payment.ts';

/** Longest wait between two questions, in waits before the first one. */
const longest = 20;
const eventDays = 7;

/**
 * Asks the provider about payments that are open for too long: a webhook may have been lost, and one that never calls
 * must not keep an order from being paid. A bounded look along an index, each payment less and less often. A payment whose
 * order awaits none any more (it has expired, was cancelled, is paid by another) is due at once, and is ended at the provider,
 * so that its shopper cannot pay it; money that was faster goes back (settle-payment.ts). A payment that
 * the provider has never heard of is continued by the shopper's next press. It ends when no request for it can be on its
 * way any more, `graceMs` after its order's time to pay: one that arrives later is refused by the provider. The order may
 * have been cancelled long before; money that comes for it is found, and goes back.
 */
export function startPaymentSweep(deps: {
  pool: Pool;
  provider: Pick<PaymentProvider, 'findPayment' | 'endPayment'>;
  /** Takes in what the provider says, in a transaction of its own. */
  takePayment: TakePayment;
  checkAfterMs: number;
  graceMs?: number | undefined;
  logger: Logger;
  everyMs?: number;
  most?: number;
}): Loop {
  const { pool, provider, takePayment, checkAfterMs, graceMs = 60_000, logger, everyMs = 1000, most = 20 } = deps;

  /** Those whose time has come; each is put off first, so that no other process asks for it too. */
  const take = () =>
    readPayments(
      pool,
      `UPDATE payments SET checks = checks + 1, check_at = now() + make_interval(secs => $1 * least($3, 2 ^ least(checks, 10)))
        WHERE id = ANY(ARRAY(
          SELECT id FROM payments WHERE state = 'pending' AND taken_by = 'provider' AND check_at <= now()
           ORDER BY check_at LIMIT $2 FOR UPDATE SKIP LOCKED))
       RETURNING ${paymentFields}`,
      [checkAfterMs / 1000, most, longest],
    );

  /** Those of these payments whose orders await them. One that stops to do so from now on is due again. */
  async function awaited(payments: readonly Payment[]): Promise<Set<string>> {
    const sql = "SELECT id FROM orders WHERE id = ANY($1) AND state = 'awaiting_payment'";
    const { rows } = await pool.query<{ id: string }>(sql, [payments.map(({ orderId }) => orderId)]);
    return new Set(rows.map(({ id }) => id));
  }

  async function mayStillCome(orderId: string): Promise<boolean> {
    const { rowCount } = await pool.query(
      'SELECT FROM orders WHERE id = $1 AND pay_by + make_interval(secs => $2) > now()',
      [orderId, graceMs / 1000],
    );
    return rowCount === 1;
  }

  async function check(payment: Payment, isAwaited: boolean): Promise<void> {
    const { paymentId, orderId, amount, currency } = payment;
    const found = await (isAwaited ? provider.findPayment(payment) : provider.endPayment(payment));
    if (found === null && (await mayStillCome(orderId))) return;
    const never = {
      paymentId,
      providerId: null,
      state: 'failed' as const,
      amount,
      currency,
      next: null,
      declined: null,
    };
    const outcome = await takePayment(found ?? { ...never, reason: 'the provider never heard of it' });
    if (outcome.kind === 'mismatch') {
      logger.error({ paymentId, says: outcome.says }, 'the payment provider knows another amount than ours');
    }
  }

  /** Ids of events are kept for longer than any provider repeats one. */
  const forgetEvents = () =>
    pool.query(
      `DELETE FROM payment_events WHERE id = ANY(ARRAY(
         SELECT id FROM payment_events WHERE received_at < now() - make_interval(days => $1)
          ORDER BY received_at LIMIT 1000))`,
      [eventDays],
    );

  return startLoop({
    name: 'payment sweep',
    everyMs,
    logger,
    pass: async () => {
      const due = await take();
      if (due.length === 0) {
        await forgetEvents();
        return 'idle';
      }
      const wanted = await awaited(due);
      const checks = due.map((payment) => check(payment, wanted.has(payment.orderId)));
      const failed = (await Promise.allSettled(checks)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
      return due.length < most ? 'idle' : 'more';
    },
  });
}
