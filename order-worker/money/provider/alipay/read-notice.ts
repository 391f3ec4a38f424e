import { z } from 'zod';
import type { EventVerdict, ProviderEvent } from '../provider.ts';
import type { AlipayGateway } from './alipay-gateway.ts';
import { amountSchema, idSchema, toPayment, tradeSchema } from './trade.ts';

const headSchema = z.object({ notify_id: z.string().regex(/^[\x21-\x7e]{1,128}$/), notify_type: z.string().max(128) });
const refundSchema = z.object({ out_biz_no: idSchema.optional(), refund_fee: amountSchema });

/**
 * Reads an asynchronous notice of Alipay's: a form, whose signature is one of its fields. A notice has no time that its
 * signature would make fresh (`notify_time` is when the event was, and Alipay repeats it for a day): an old one is taken in like a
 * new one, by its id once, and says what is true in any case.
 */
export function readNotice(body: string, gateway: Pick<AlipayGateway, 'isGenuine'>, appId: string): EventVerdict {
  // Of a field that comes twice both the check and all that follows see the last.
  const notice: Record<string, string> = Object.fromEntries(new URLSearchParams(body));
  if (!gateway.isGenuine(notice)) return { kind: 'refused', why: 'signature' };
  const head = headSchema.safeParse(notice);
  const id = head.data?.notify_id ?? 'a notice without a notify_id';
  const event = (rest: EventOf): EventVerdict => ({ kind: 'event', event: { id, ...rest } });
  if (!head.success || notice.app_id !== appId) return event({ kind: 'unreadable' });
  const type = head.data.notify_type;
  return event(type === 'trade_status_sync' ? ofTrade(notice) : { kind: 'other', type });
}

type EventOf = ProviderEvent extends infer E ? (E extends { id: string } ? Omit<E, 'id'> : never) : never;

function ofTrade(notice: Record<string, string>): EventOf {
  const trade = tradeSchema.safeParse(notice).data;
  if (trade === undefined) return { kind: 'unreadable' };
  const paymentId = trade.out_trade_no;
  const providerId = trade.trade_no;
  if (notice.refund_fee !== undefined) {
    const refund = refundSchema.safeParse(notice).data;
    if (refund === undefined) return { kind: 'unreadable' };
    // One that somebody made by hand, at Alipay, may have no out_biz_no: it is no refund of ours, and told of as that.
    const { out_biz_no: refundId = '', refund_fee: amount } = refund;
    return { kind: 'refund', refund: { refundId, paymentId, providerId, state: 'succeeded', amount, currency: 'CNY' } };
  }
  return { kind: 'payment', payment: toPayment(trade, notice.gmt_payment !== undefined) };
}
