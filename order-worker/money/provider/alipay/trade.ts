import { z } from 'zod';
import type { ProviderPayment } from '../provider.ts';
import { fromYuan } from './yuan.ts';

/** Ids go into rows, logs and metrics of ours: printable ASCII, which theirs are. */
export const idSchema = z.string().regex(/^[\x21-\x7e]{1,64}$/);
/** A string of Alipay's, or a number where an older interface of theirs answers. In minor units. */
export const amountSchema = z.union([z.string(), z.number()]).transform((value, context) => {
  const amount = fromYuan(String(value));
  if (amount !== null) return amount;
  context.addIssue({ code: 'custom', message: 'is no amount' });
  return z.NEVER;
});

/** What an answer (`alipay.trade.query`) and a notice say of a trade alike. */
export const tradeSchema = z.object({
  trade_no: idSchema,
  out_trade_no: idSchema,
  trade_status: z.enum(['WAIT_BUYER_PAY', 'TRADE_SUCCESS', 'TRADE_FINISHED', 'TRADE_CLOSED']),
  total_amount: amountSchema,
});
export type Trade = z.output<typeof tradeSchema>;

/**
 * A trade as the port knows it. `wasPaid` tells the two kinds of TRADE_CLOSED apart: one that was never paid in its time, and one
 * whose money came and went back.
 */
export function toPayment(trade: Trade, wasPaid: boolean): ProviderPayment {
  const { trade_no, out_trade_no, trade_status, total_amount } = trade;
  const isLate = trade_status === 'TRADE_CLOSED' && !wasPaid;
  const state = trade_status === 'WAIT_BUYER_PAY' ? 'pending' : isLate ? 'failed' : 'succeeded';
  return {
    paymentId: out_trade_no,
    providerId: trade_no,
    state,
    amount: total_amount,
    currency: 'CNY',
    next: { kind: 'none' },
    declined: isLate ? 'timed_out' : null,
    reason: isLate ? 'TRADE_CLOSED: it was closed before it was paid' : null,
  };
}
