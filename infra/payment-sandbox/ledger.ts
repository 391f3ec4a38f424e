import type { DeclineReason } from '#contract/payment.ts';
import type {
  NewProtocolPayment,
  NewProtocolRefund,
  ProtocolPayment,
  ProtocolRefund,
} from '#contract/payment-protocol.ts';
import { behaviourFor, draw } from './behaviour.ts';
import { booksOf } from './books.ts';
import { keepBehaviour } from './kept-behaviour.ts';
import {
  ended,
  newId,
  openLedgerFile,
  type PaymentRow,
  paymentFields,
  type RefundRow,
  refundFields,
  shownPayment,
  shownRefund,
} from './ledger-file.ts';
import { createWebhookLine } from './webhook-line.ts';

/** A request that contradicts what is there. */
export type Conflict = { kind: 'conflict'; says: string };
export type Ledger = ReturnType<typeof openLedger>;

/** What a shopper does on the page of a payment. */
export type PageAct = 'pay' | DeclineReason;

/**
 * The provider's money, in one SQLite file: every change is on disk before it is answered, so a kill forgets nothing. `origin`:
 * where the pages are on which shoppers pay.
 */
export function openLedger(file: string, options: { now: () => number; newPageId: () => string; origin: string }) {
  const { now, newPageId, origin } = options;
  const ledgerFile = openLedgerFile(file);
  const { all, run, atOnce } = ledgerFile;
  const { tell, ...webhooks } = createWebhookLine(ledgerFile, now);
  const { behaviour, behave } = keepBehaviour(ledgerFile);

  const paymentRow = (reference: string) =>
    all<PaymentRow>(`SELECT ${paymentFields} FROM payments WHERE reference = ?`, reference)[0] ?? null;
  const rowOfPage = (pageId: string) =>
    all<PaymentRow>(`SELECT ${paymentFields} FROM payments WHERE pageId = ?`, pageId)[0] ?? null;
  const shown = (row: PaymentRow) => shownPayment(row, origin);
  const refundRow = (reference: string) =>
    all<RefundRow>(`SELECT ${refundFields} FROM refunds WHERE reference = ?`, reference)[0] ?? null;

  const of = ({ amount, orderId }: PaymentRow) => behaviourFor(behaviour(), { amount, order: orderId });

  function findPayment(reference: string): ProtocolPayment | null {
    const row = paymentRow(reference);
    return row === null ? null : shown(row);
  }

  function settle(row: PaymentRow, state: 'succeeded' | 'failed', failure: string | null): void {
    run('UPDATE payments SET state = ?, failure = ? WHERE reference = ?', state, failure, row.reference);
    tell(`payment.${state}`, shown({ ...row, state, failure }), of(row));
  }

  return {
    behaviour,
    behave,
    payment: findPayment,

    addPayment(wanted: NewProtocolPayment): ProtocolPayment | Conflict {
      const { reference, order, amount, currency, expiresAt, title = null, returnUrl = null } = wanted;
      const there = paymentRow(reference);
      if (there !== null) {
        const isSame = there.amount === amount && there.currency === currency && there.orderId === order;
        return isSame ? shown(there) : { kind: 'conflict', says: `${reference} is another payment` };
      }
      if (now() >= Date.parse(expiresAt)) return { kind: 'conflict', says: `${reference} comes too late` };
      const own = behaviourFor(behaviour(), wanted);
      const { interaction } = own;
      const lingers = interaction !== 'none' || draw(own, 'linger', reference) < own.linger;
      const isDeclined = interaction === 'none' && draw(own, 'decline', reference) < own.decline;
      const row: PaymentRow = {
        reference,
        id: newId('sbp', now()),
        orderId: order,
        amount,
        currency,
        state: 'pending',
        failure: isDeclined ? 'declined' : lingers ? 'expired' : null,
        fate: isDeclined || lingers ? 'failed' : 'succeeded',
        interaction,
        pageId: interaction === 'none' ? null : newPageId(),
        title,
        returnUrl,
      };
      atOnce(() => {
        const dueAt = lingers ? Date.parse(expiresAt) : now() + own.settleAfterMs;
        run(
          `INSERT INTO payments (${paymentFields}, dueAt) VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?)`,
          ...[reference, row.id, order, amount, currency, row.failure, row.fate],
          ...[interaction, row.pageId, title, returnUrl, dueAt],
        );
        tell('payment.created', shown({ ...row, failure: null }), own);
      });
      return shown({ ...row, failure: null });
    },

    addRefund({ reference, payment, amount, currency }: NewProtocolRefund): ProtocolRefund | Conflict {
      const there = refundRow(reference);
      if (there !== null) {
        const isSame = there.payment === payment && there.amount === amount && there.currency === currency;
        return isSame ? shownRefund(there) : { kind: 'conflict', says: `${reference} is another refund` };
      }
      const paid = paymentRow(payment);
      if (paid === null) return { kind: 'conflict', says: `there is no payment ${payment}` };
      if (paid.state !== 'succeeded') return { kind: 'conflict', says: `payment ${payment} is ${paid.state}` };
      if (paid.amount !== amount || paid.currency !== currency) {
        return { kind: 'conflict', says: `payment ${payment} is of ${paid.amount} ${paid.currency}` };
      }
      if (all('SELECT 1 FROM refunds WHERE payment = ?', payment).length > 0) {
        return { kind: 'conflict', says: `payment ${payment} was refunded already` };
      }
      const row: RefundRow = { reference, id: newId('sbr', now()), payment, amount, currency, state: 'pending' };
      run(
        `INSERT INTO refunds (${refundFields}, dueAt) VALUES (?, ?, ?, ?, ?, 'pending', ?)`,
        ...[reference, row.id, payment, amount, currency, now() + of(paid).settleAfterMs],
      );
      return shownRefund(row);
    },

    /** Its order has ended: it can be paid no more, where the behaviour lets that happen. */
    end(reference: string): ProtocolPayment | null {
      const row = paymentRow(reference);
      if (row?.state === 'pending') {
        const own = of(row);
        const mayEnd = draw(own, 'unendable', reference) >= own.unendable;
        if (mayEnd) atOnce(() => settle(row, 'failed', ended));
      }
      return findPayment(reference);
    },

    /** The payment of a page, as its row is. */
    paymentOfPage: rowOfPage,

    /** What the shopper did on a page. Once it is paid or declined it stays so. */
    act(pageId: string, act: PageAct): void {
      const row = rowOfPage(pageId);
      if (row?.state !== 'pending') return;
      atOnce(() => settle(row, act === 'pay' ? 'succeeded' : 'failed', act === 'pay' ? null : act));
    },

    /** By hand, as when a person pays late or calls the bank. */
    settle(reference: string, state: 'succeeded' | 'failed'): ProtocolPayment | null {
      const row = paymentRow(reference);
      if (row !== null && row.state === 'pending') {
        atOnce(() => settle(row, state, state === 'failed' ? 'declined' : null));
      }
      return findPayment(reference);
    },

    /** Lets what is due go through. */
    settleDue(): void {
      const payments = all<PaymentRow>(
        `SELECT ${paymentFields} FROM payments WHERE state = 'pending' AND dueAt <= ? ORDER BY dueAt LIMIT 500`,
        now(),
      );
      const refunds = all<RefundRow>(
        `SELECT ${refundFields} FROM refunds WHERE state = 'pending' AND dueAt <= ? ORDER BY dueAt LIMIT 500`,
        now(),
      );
      if (payments.length + refunds.length === 0) return;
      atOnce(() => {
        for (const row of payments) settle(row, row.fate, row.failure);
        for (const row of refunds) {
          run("UPDATE refunds SET state = 'succeeded' WHERE reference = ?", row.reference);
          const paid = paymentRow(row.payment);
          if (paid !== null) tell('refund.succeeded', shownRefund({ ...row, state: 'succeeded' }), of(paid));
        }
      });
    },

    ...webhooks,
    books: (prefix: string) => booksOf(ledgerFile, prefix, origin),
    close: ledgerFile.close,
  };
}
