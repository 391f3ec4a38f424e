import { inTransaction, type Pool, type PoolClient } from '#runtime/postgres/connect.ts';
import { type CancelOutcome, cancelOrder } from '../orders/cancel-order.ts';
import { judgeNext } from './payment/judge-next.ts';
import { type OpenOutcome, openPayment } from './payment/open-payment.ts';
import { type PaymentNews, type SettleOutcome, settlePayment } from './payment/settle-payment.ts';
import type { FailedRefund, ProviderEvent } from './provider/provider.ts';
import { noteFailedRefund } from './refund/note-failed-refund.ts';
import { type RequestOutcome, requestRefund } from './refund/request-refund.ts';
import { type RefundNews, type SettleRefundOutcome, settleRefund } from './refund/settle-refund.ts';

export type EventOutcome =
  | SettleOutcome
  | SettleRefundOutcome
  /** Noted at the refund. `says`: how it stands here, and why the money did not go back. */
  | { kind: 'refund_failed'; orderId: string; says: string }
  /** Of no interest to us, nothing that we can read, or taken in before by its id. */
  | { kind: 'passed_over' | 'unreadable' | 'already_taken' };

const rememberEvent = (client: Pick<PoolClient, 'query'>, eventId: string) =>
  client.query('INSERT INTO payment_events (id) VALUES ($1) ON CONFLICT DO NOTHING', [eventId]);

/** Every decision about an order's money: each one transaction of its own, with what must follow at once. */
export type MoneyDesk = ReturnType<typeof createMoneyDesk>;

export function createMoneyDesk(deps: {
  pool: Pool;
  now: () => number;
  checkAfterMs: number;
  /** An order has moved, or its payment: that waits in the outbox. */
  onMoved: () => void;
  /** A refund has begun. */
  onRefund: (refundId: string) => void;
  /** Something became of a payment or a refund; for the metrics. */
  onSettled: (what: SettleOutcome['kind'] | SettleRefundOutcome['kind']) => void;
  /** The provider would send a shopper where none shall go: no shopper is told of that. */
  onStrangeNext: (what: { paymentId: string; why: string }) => void;
}) {
  const { pool, now, checkAfterMs, onMoved, onRefund, onSettled, onStrangeNext } = deps;

  /** Only after the transaction has committed: a job must not overtake its row. */
  function follow(outcome: SettleOutcome | SettleRefundOutcome): void {
    onSettled(outcome.kind);
    if (
      outcome.kind === 'paid' ||
      outcome.kind === 'failed' ||
      (outcome.kind === 'returned' && outcome.isOrderRefunded)
    )
      onMoved();
    if (outcome.kind === 'goes_back') onRefund(outcome.refundId);
  }
  /** The one place by which a provider's word comes in, an answer's or a webhook's: what it would have a shopper do is judged. */
  const takeIn = (client: PoolClient, news: PaymentNews) =>
    settlePayment(client, { ...news, next: nextOf(news) }, now());
  function nextOf({ paymentId, state, next }: PaymentNews): PaymentNews['next'] {
    if (next === null || state !== 'pending') return null; // nothing is left to do
    const verdict = judgeNext(next);
    if (verdict.kind === 'good') return verdict.next;
    onStrangeNext({ paymentId, why: verdict.why });
    return null;
  }
  async function settled<T extends SettleOutcome | SettleRefundOutcome>(
    work: (client: PoolClient) => Promise<T>,
  ): Promise<T> {
    const outcome = await inTransaction(pool, work);
    follow(outcome);
    return outcome;
  }

  const takeFailedRefund = (eventId: string, refund: FailedRefund) =>
    inTransaction(pool, async (client): Promise<EventOutcome> => {
      const outcome = await noteFailedRefund(client, refund);
      if (outcome.kind === 'refund_failed') await rememberEvent(client, eventId);
      return outcome;
    });

  return {
    open: (orderId: string): Promise<OpenOutcome> =>
      inTransaction(pool, (client) => openPayment(client, { orderId, nowMs: now(), checkAfterMs })),

    takePayment: (news: PaymentNews): Promise<SettleOutcome> => settled((client) => takeIn(client, news)),

    takeRefund: (news: RefundNews): Promise<SettleRefundOutcome> => settled((client) => settleRefund(client, news)),

    /** Takes in an event of the provider's, once by its id. One that changed nothing here is not remembered. */
    async takeEvent(event: ProviderEvent): Promise<EventOutcome> {
      if (event.kind === 'other') return { kind: 'passed_over' };
      if (event.kind === 'unreadable') return { kind: 'unreadable' };
      // Under way: the refund worker waits for its end. Only money that is back counts as back.
      if (event.kind === 'refund' && event.refund.state !== 'succeeded') return { kind: 'passed_over' };
      const { rowCount } = await pool.query('SELECT FROM payment_events WHERE id = $1', [event.id]);
      if (rowCount === 1) return { kind: 'already_taken' };
      if (event.kind === 'refund_failed') return takeFailedRefund(event.id, event.refund);
      return settled<SettleOutcome | SettleRefundOutcome>(async (client) => {
        const outcome =
          event.kind === 'payment' ? await takeIn(client, event.payment) : await settleRefund(client, event.refund);
        if (outcome.kind !== 'unknown' && outcome.kind !== 'mismatch') {
          await rememberEvent(client, event.id);
        }
        return outcome;
      });
    },

    async cancel(orderId: string): Promise<CancelOutcome> {
      const outcome = await inTransaction(pool, (client) => cancelOrder(client, orderId));
      if (outcome.kind === 'cancelled') onMoved();
      return outcome;
    },

    async requestRefund(orderId: string): Promise<RequestOutcome> {
      const outcome = await inTransaction(pool, (client) => requestRefund(client, orderId, now()));
      if (outcome.kind === 'refunding') {
        onMoved();
        onRefund(outcome.refundId);
      }
      return outcome;
    },
  };
}
