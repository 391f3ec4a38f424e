import type { StoredOrderState } from '#contract/order-events.ts';
import type { PaymentState, RefundReason } from '#contract/payment.ts';
import type { Pool } from '#runtime/postgres/connect.ts';

type Sum = { amount: number; currency: string };
/** One payment of an order with its refund, or an order that must have a payment and has none. */
export type MoneyRow = {
  orderId: string;
  orderState: StoredOrderState;
  order: Sum;
  payment: (Sum & { paymentId: string; state: PaymentState; takenBy: 'provider' | 'shop' }) | null;
  refund: (Sum & { refundId: string; state: 'pending' | 'succeeded'; reason: RefundReason }) | null;
};

/**
 * The money of a sale, in minor units: `taken` is the sum of the others, or some of it lies about. `atTheShop`: what the shop's own
 * checkout took, by its word; none of it was ever with the payment provider.
 */
export type MoneySums = {
  taken: number;
  kept: number;
  goingBack: number;
  back: number;
  atTheShop: { taken: number; kept: number; back: number };
};
export type MoneyFinding = { orderId: string; explains: string };

/** States of orders that somebody has paid. */
const paidStates = ['paid', 'refunding', 'refunded'] as const satisfies StoredOrderState[];

/** Every order of a sale that has to do with money: one statement, so one instant. */
export function createMoneyBooks(pool: Pool): (saleId: string) => Promise<MoneyRow[]> {
  return async (saleId) => {
    const { rows } = await pool.query(
      `SELECT o.id, o.state, o.amount, o.currency,
              p.id AS p_id, p.state AS p_state, p.amount AS p_amount, p.currency AS p_currency, p.taken_by,
              r.id AS r_id, r.state AS r_state, r.amount AS r_amount, r.currency AS r_currency, r.reason
         FROM orders o LEFT JOIN payments p ON p.order_id = o.id LEFT JOIN refunds r ON r.payment_id = p.id
        WHERE o.sale_id = $1 AND (p.id IS NOT NULL OR o.state = ANY($2))`,
      [saleId, paidStates],
    );
    return rows.map((row) => ({
      orderId: row.id,
      orderState: row.state,
      order: { amount: row.amount, currency: row.currency },
      payment:
        row.p_id === null
          ? null
          : {
              ...{ paymentId: row.p_id, state: row.p_state, takenBy: row.taken_by },
              ...{ amount: row.p_amount, currency: row.p_currency },
            },
      refund:
        row.r_id === null
          ? null
          : {
              ...{ refundId: row.r_id, state: row.r_state, reason: row.reason },
              ...{ amount: row.r_amount, currency: row.r_currency },
            },
    }));
  };
}

/** What is wrong with the money of these orders (I6), and the sums of it. */
export function auditMoney(rows: readonly MoneyRow[]): { sums: MoneySums; findings: MoneyFinding[] } {
  const atTheShop = { taken: 0, kept: 0, back: 0 };
  const sums: MoneySums = { taken: 0, kept: 0, goingBack: 0, back: 0, atTheShop };
  const findings: MoneyFinding[] = [];
  const same = (a: Sum, b: Sum) => a.amount === b.amount && a.currency === b.currency;

  for (const { orderId, order, payment, refund } of rows) {
    const find = (explains: string) => findings.push({ orderId, explains });
    if (payment === null) continue;
    if (!same(payment, order)) find(`payment ${payment.paymentId} is not of the order's amount`);
    if (refund !== null && !same(refund, payment)) find(`refund ${refund.refundId} is not of the payment's amount`);
    if (payment.state !== 'succeeded') {
      if (refund !== null) find(`refund ${refund.refundId} is of a payment that is ${payment.state}`);
      continue;
    }
    if (payment.takenBy === 'shop') {
      atTheShop.taken += payment.amount;
      if (refund?.state === 'succeeded') atTheShop.back += refund.amount;
      if (refund?.state === 'pending')
        find(`refund ${refund.refundId} waits, but the shop took the money and gives it back`);
      continue;
    }
    sums.taken += payment.amount;
    if (refund?.state === 'pending') sums.goingBack += refund.amount;
    if (refund?.state === 'succeeded') sums.back += refund.amount;
  }

  for (const [orderId, ofOrder] of Map.groupBy(rows, (row) => row.orderId)) {
    const find = (explains: string) => findings.push({ orderId, explains });
    const state = ofOrder[0]?.orderState;
    const came = ofOrder.filter(({ payment }) => payment?.state === 'succeeded');
    const stays = came.filter(({ refund }) => refund === null);
    const asked = came.filter(({ refund }) => refund?.reason === 'requested');
    if (state === 'paid') {
      const kept = stays[0]?.payment;
      const side = kept?.takenBy === 'shop' ? atTheShop : sums;
      side.kept += kept?.amount ?? 0;
      if (stays.length === 0) find('it is paid, but no payment of it succeeded and stays');
      if (stays.length > 1) find(`it was paid ${stays.length} times, and all of the money stays`);
    } else if (stays.length > 0) {
      find(`money was taken, the order is ${state}, and no refund of it exists`);
    }
    if (state === 'refunding' && asked[0]?.refund?.state !== 'pending')
      find('it is refunding, but no refund is under way');
    if (state === 'refunded' && asked[0]?.refund?.state !== 'succeeded')
      find('it is refunded, but no refund went through');
    if (state !== 'refunding' && state !== 'refunded' && asked.length > 0) {
      find(`a refund was asked for, but it is ${state}`);
    }
  }
  return { sums, findings };
}
