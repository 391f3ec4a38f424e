/** Alipay's side of the trades of a test, in memory. Amounts are minor units. */
export type AlipayTrade = {
  outTradeNo: string;
  tradeNo: string;
  amount: number;
  subject: string;
  notifyUrl: string;
  status: 'WAIT_BUYER_PAY' | 'TRADE_SUCCESS' | 'TRADE_CLOSED';
  paidAtMs: number | null;
  refunds: Map<string, number>;
};
/** What a code or a page would make a trade of. */
export type AlipayOffer = Pick<AlipayTrade, 'outTradeNo' | 'amount' | 'subject' | 'notifyUrl'> & {
  expiresAtMs: number;
};

/** `code` is a sub_code of Alipay's. */
export type Refusal = { code: string; says: string };
const refusal = (code: string, says: string): Refusal => ({ code, says });
export const isRefusal = (outcome: object): outcome is Refusal => 'says' in outcome;

export function createAlipayTrades(now: () => number) {
  const offers = new Map<string, AlipayOffer>();
  const trades = new Map<string, AlipayTrade>();
  const unknown = refusal('ACQ.TRADE_NOT_EXIST', '交易不存在');
  let made = 0;

  const refunded = ({ refunds }: AlipayTrade) => [...refunds.values()].reduce((sum, amount) => sum + amount, 0);
  const find = (outTradeNo: string): AlipayTrade | Refusal => trades.get(outTradeNo) ?? unknown;

  return {
    find,
    refunded,

    /** precreate, or a page that a shopper has not opened yet. */
    offer(offer: AlipayOffer): AlipayOffer | Refusal {
      const trade = trades.get(offer.outTradeNo);
      if (trade?.status === 'TRADE_SUCCESS') return refusal('ACQ.TRADE_HAS_SUCCESS', '交易已被支付');
      if (trade?.status === 'TRADE_CLOSED') return refusal('ACQ.TRADE_HAS_CLOSE', '交易已经关闭');
      if (trade !== undefined && trade.amount !== offer.amount)
        return refusal('ACQ.CONTEXT_INCONSISTENT', '交易信息被篡改');
      offers.set(offer.outTradeNo, offer);
      return offer;
    },

    /** A shopper scans the code, or opens the page: from now on there is a trade. Null when Alipay no longer lets them. */
    begin(outTradeNo: string): AlipayTrade | null {
      const known = trades.get(outTradeNo);
      const offer = offers.get(outTradeNo);
      if (known !== undefined || offer === undefined || offer.expiresAtMs <= now()) return known ?? null;
      made += 1;
      const { amount, subject, notifyUrl } = offer;
      const tradeNo = `20261201220014${String(made).padStart(14, '0')}`;
      const trade: AlipayTrade = {
        ...{ outTradeNo, tradeNo, amount, subject, notifyUrl },
        ...{ status: 'WAIT_BUYER_PAY', paidAtMs: null, refunds: new Map() },
      };
      trades.set(outTradeNo, trade);
      return trade;
    },

    pay(trade: AlipayTrade): boolean {
      if (trade.status !== 'WAIT_BUYER_PAY') return false;
      trade.status = 'TRADE_SUCCESS';
      trade.paidAtMs = now();
      return true;
    },

    close(outTradeNo: string): AlipayTrade | Refusal {
      const trade = find(outTradeNo);
      if (isRefusal(trade)) return trade;
      if (trade.status !== 'WAIT_BUYER_PAY') return refusal('ACQ.TRADE_STATUS_ERROR', '交易状态不合法');
      trade.status = 'TRADE_CLOSED';
      return trade;
    },

    /** Ends what is open and gives back what was paid; says what it did. One that nobody has begun is done with, too. */
    cancel(outTradeNo: string): 'close' | 'refund' | null {
      offers.delete(outTradeNo);
      const trade = trades.get(outTradeNo);
      if (trade === undefined || trade.status === 'TRADE_CLOSED') return null;
      const did = trade.status === 'TRADE_SUCCESS' ? 'refund' : 'close';
      if (did === 'refund') trade.refunds.set(outTradeNo, trade.amount);
      trade.status = 'TRADE_CLOSED';
      return did;
    },

    /** `isNew`: money moved by this very call. */
    refund(outTradeNo: string, by: string, amount: number): { trade: AlipayTrade; isNew: boolean } | Refusal {
      const trade = find(outTradeNo);
      if (isRefusal(trade)) return trade;
      const before = trade.refunds.get(by);
      if (before === amount) return { trade, isNew: false };
      if (before !== undefined) return refusal('ACQ.DISCORDANT_REPEAT_REQUEST', '请求信息不一致');
      if (trade.paidAtMs === null) return refusal('ACQ.TRADE_STATUS_ERROR', '交易状态不合法');
      if (trade.status === 'TRADE_CLOSED') return refusal('ACQ.TRADE_HAS_CLOSE', '交易已经关闭');
      if (refunded(trade) + amount > trade.amount) return refusal('ACQ.REASON_TRADE_REFUND_FEE_ERR', '退款金额无效');
      trade.refunds.set(by, amount);
      if (refunded(trade) === trade.amount) trade.status = 'TRADE_CLOSED';
      return { trade, isNew: true };
    },
  };
}
