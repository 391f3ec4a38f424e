import {
  type LedgerFile,
  type PaymentRow,
  paymentFields,
  type RefundRow,
  refundFields,
  shownPayment,
  shownRefund,
} from './ledger-file.ts';
import type { SandboxBooks } from './sandbox-routes.ts';

/** What was taken and given back for the orders whose ids begin with `prefix`. */
export function booksOf({ all }: LedgerFile, prefix: string, origin: string): SandboxBooks {
  const payments = all<PaymentRow>(
    `SELECT ${paymentFields} FROM payments WHERE substr(orderId, 1, length(?)) = ?`,
    ...[prefix, prefix],
  );
  const refunds = all<RefundRow>(
    `SELECT ${refundFields
      .split(', ')
      .map((field) => `r.${field}`)
      .join(', ')}
       FROM refunds r JOIN payments p ON p.reference = r.payment WHERE substr(p.orderId, 1, length(?)) = ?`,
    ...[prefix, prefix],
  );
  const sum = (rows: readonly { state: string; amount: number }[]) =>
    rows.reduce((total, { state, amount }) => total + (state === 'succeeded' ? amount : 0), 0);
  return {
    payments: payments.map((row) => shownPayment(row, origin)),
    refunds: refunds.map(shownRefund),
    taken: sum(payments),
    returned: sum(refunds),
  };
}
