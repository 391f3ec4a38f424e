import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isRsa2, noticeText, requestText, signRsa2 } from './alipay-signature.ts';
import { type AlipayTrade, createAlipayTrades, isRefusal, type Refusal } from './alipay-trades.ts';

type Node = Record<string, string>;
type Parameters = ReadonlyMap<string, string>;

/** What Alipay's clocks show: UTC+8, wherever this runs. */
const clock = (ms: number) => new Date(ms + 28_800_000).toISOString().slice(0, 19).replace('T', ' ');
const clockMs = (text: string) => Date.parse(`${text.replace(' ', 'T')}+08:00`);
const yuan = (amount: number) => (amount / 100).toFixed(2);
const minute = 60_000;

/**
 * Stands in for Alipay's gateway: a server of the methods that the adapter calls, over HTTP on loopback. It checks every request
 * as Alipay says that it does, and signs its answers and its notices with a key of its own. `appKey` is the app's public key.
 */
export async function startAlipayGateway(options: { appId: string; appKey: KeyObject; now?: () => number }) {
  const { appId, appKey, now = Date.now } = options;
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const trades = createAlipayTrades(now);
  const calls: { method: string; content: Record<string, string>; parameters: Parameters }[] = [];
  const codes = new Map<string, string>();
  let isAway = false;
  let isDeclining = false;
  let change: ((text: string) => string) | null = null;
  const beforeNext: (() => void)[] = [];
  const notices: Promise<string>[] = [];

  /** Tells the app of a trade, and hears what it answers. Alipay repeats it until that is `success`. */
  function notify(trade: AlipayTrade, more: Node = {}): void {
    const { tradeNo, outTradeNo, amount, subject, status, paidAtMs } = trade;
    const notice = signNotice({
      ...{ notify_time: clock(now()), notify_type: 'trade_status_sync', notify_id: randomUUID().replaceAll('-', '') },
      ...{ trade_no: tradeNo, out_trade_no: outTradeNo, trade_status: status, total_amount: yuan(amount), subject },
      ...{ seller_id: '2088000000000001', buyer_logon_id: '159****5620', body: '' },
      ...(paidAtMs === null ? {} : { gmt_payment: clock(paidAtMs) }),
      ...more,
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    const sent = fetch(trade.notifyUrl, { method: 'POST', headers, body: notice }).then(
      (answer) => answer.text(),
      (error: unknown) => String(error),
    );
    notices.push(sent);
  }
  /** The body of a notice with these parameters, signed. */
  function signNotice(parameters: Node): string {
    const all = { app_id: appId, charset: 'utf-8', version: '1.0', sign_type: 'RSA2', ...parameters };
    const sign = signRsa2(noticeText(new Map(Object.entries(all))), privateKey);
    return new URLSearchParams({ ...all, sign }).toString();
  }

  function offerOf(content: Record<string, string>, parameters: Parameters) {
    const { out_trade_no = '', total_amount = '', subject = '', time_expire = '' } = content;
    const expiresAtMs = clockMs(time_expire);
    const isGood =
      /^\w{1,64}$/.test(out_trade_no) &&
      /^\d{1,9}\.\d\d$/.test(total_amount) &&
      /^[^/=&\p{Cc}\u{10000}-\u{10ffff}]{1,128}$/u.test(subject) &&
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(time_expire) &&
      expiresAtMs >= now() + minute - 1000 &&
      expiresAtMs <= now() + 15 * 24 * 60 * minute;
    if (!isGood) return { code: 'ACQ.INVALID_PARAMETER', says: '参数无效' };
    const amount = Number(total_amount.replace('.', ''));
    return trades.offer({
      outTradeNo: out_trade_no,
      amount,
      subject,
      notifyUrl: parameters.get('notify_url') ?? '',
      expiresAtMs,
    });
  }

  type Method = (content: Record<string, string>, parameters: Parameters) => Node | Refusal;
  const methods: Record<string, Method> = {
    'alipay.trade.precreate': (content, parameters) => {
      const offer = offerOf(content, parameters);
      if (isRefusal(offer)) return offer;
      const code = `https://qr.alipay.com/bax${randomUUID().replaceAll('-', '').slice(0, 20)}`;
      codes.set(code, offer.outTradeNo);
      return { out_trade_no: offer.outTradeNo, qr_code: code };
    },
    'alipay.trade.query': ({ out_trade_no = '' }) => {
      const trade = trades.find(out_trade_no);
      if (isRefusal(trade)) return trade;
      return {
        ...{ trade_no: trade.tradeNo, out_trade_no, buyer_logon_id: '159****5620', trade_status: trade.status },
        ...{ total_amount: yuan(trade.amount), buyer_pay_amount: '0.00' },
        ...(trade.paidAtMs === null ? {} : { send_pay_date: clock(trade.paidAtMs) }),
      };
    },
    'alipay.trade.close': ({ out_trade_no = '' }) => {
      const trade = trades.close(out_trade_no);
      return isRefusal(trade) ? trade : { trade_no: trade.tradeNo, out_trade_no };
    },
    'alipay.trade.cancel': ({ out_trade_no = '' }) => {
      const action = trades.cancel(out_trade_no);
      return { out_trade_no, retry_flag: 'N', ...(action === null ? {} : { action }) };
    },
    'alipay.trade.refund': ({ out_trade_no = '', out_request_no = '', refund_amount = '' }) => {
      const outcome = trades.refund(out_trade_no, out_request_no, Number(refund_amount.replace('.', '')));
      if (isRefusal(outcome)) return outcome;
      const { trade, isNew } = outcome;
      const fee = yuan(trades.refunded(trade));
      if (isNew) notify(trade, { out_biz_no: out_request_no, refund_fee: fee, gmt_refund: `${clock(now())}.000` });
      return { trade_no: trade.tradeNo, out_trade_no, fund_change: isNew ? 'Y' : 'N', refund_fee: fee };
    },
    'alipay.trade.fastpay.refund.query': ({ out_trade_no = '', out_request_no = '' }) => {
      const trade = trades.find(out_trade_no);
      if (isRefusal(trade)) return trade;
      const amount = trade.refunds.get(out_request_no);
      if (amount === undefined) return {};
      const { tradeNo } = trade;
      return {
        trade_no: tradeNo,
        out_trade_no,
        out_request_no,
        refund_amount: yuan(amount),
        refund_status: 'REFUND_SUCCESS',
      };
    },
  };

  /** What is wrong with a request before its content is looked at. */
  function problemOf(parameters: Parameters): string | null {
    const is = (name: string, value: string) => parameters.get(name) === value;
    if (!is('app_id', appId)) return 'isv.invalid-app-id';
    if (!is('charset', 'utf-8') || !is('version', '1.0') || !is('sign_type', 'RSA2')) return 'isv.invalid-parameter';
    const drift = Math.abs(clockMs(parameters.get('timestamp') ?? '') - now());
    if (!(drift < 15 * minute)) return 'isv.invalid-timestamp';
    const isSigned = isRsa2(requestText(parameters), parameters.get('sign') ?? '', appKey);
    return isSigned ? null : 'isv.invalid-signature';
  }

  function answerTo(parameters: Parameters): string {
    const method = parameters.get('method') ?? '';
    const run = methods[method];
    const problem = run === undefined ? 'isv.invalid-method' : problemOf(parameters);
    const contentOf = (): Record<string, string> => JSON.parse(parameters.get('biz_content') ?? '{}');
    const outcome: Node | Refusal | null = run === undefined || problem !== null ? null : run(contentOf(), parameters);
    if (problem === null) calls.push({ method, content: contentOf(), parameters });
    const node =
      outcome === null
        ? {
            code: '40002',
            msg: 'Invalid Arguments',
            sub_code: problem,
            sub_msg: `验签字符串为：${requestText(parameters)}`,
          }
        : isRefusal(outcome)
          ? { code: '40004', msg: 'Business Failed', sub_code: outcome.code, sub_msg: outcome.says }
          : { code: '10000', msg: 'Success', ...outcome };
    // Its slashes are escaped, and the signature is of the text as it stands.
    const text = JSON.stringify(node).replaceAll('/', '\\/');
    return `{"${method.replaceAll('.', '_')}_response":${text},"sign":"${signRsa2(text, privateKey)}"}`;
  }

  /** A shopper opens the page: Alipay checks its address as it checks a request. */
  function openPage(parameters: Parameters): number {
    if (parameters.get('method') !== 'alipay.trade.page.pay' || problemOf(parameters) !== null) return 400;
    const content: Record<string, string> = JSON.parse(parameters.get('biz_content') ?? '{}');
    if (content.product_code !== 'FAST_INSTANT_TRADE_PAY' || !parameters.has('return_url')) return 400;
    const offer = offerOf(content, parameters);
    return isRefusal(offer) || trades.begin(offer.outTradeNo) === null ? 409 : 200;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (isAway) return void request.socket.destroy();
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://gateway');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const parameters = new Map([...searchParams, ...form]);
    if (pathname !== '/gateway.do') return void response.writeHead(404).end();
    if (request.method === 'GET') return void response.writeHead(openPage(parameters)).end();
    const text = answerTo(parameters);
    response.setHeader('content-type', 'text/html;charset=utf-8'); // as Alipay's has
    response.end(change === null ? text : change(text));
  }

  const server = createServer((request, response) => {
    beforeNext.shift()?.();
    handle(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a TCP server's

  return {
    url: `http://127.0.0.1:${port}/gateway.do`,
    /** Alipay's public key, as its console shows it. */
    alipayKey: publicKey,
    /** Every request that was well signed, by `alipay.…` methods. */
    calls,
    trades,
    signNotice,
    /** What the app answered to each notice. */
    answers: () => Promise.all(notices),
    /** A shopper scans a code; null when Alipay says that it is of no use any more. */
    scan: (code: string): AlipayTrade | null => trades.begin(codes.get(code) ?? ''),
    /** The shopper pays, or leaves it until Alipay closes it. Alipay tells the app. */
    finish(trade: AlipayTrade): void {
      const isPaid = isDeclining ? !isRefusal(trades.close(trade.outTradeNo)) : trades.pay(trade);
      if (isPaid) notify(trade);
    },
    decline: (value: boolean): void => {
      isDeclining = value;
    },
    away: (value: boolean): void => {
      isAway = value;
    },
    /** Every answer is sent as this makes it; null ends that. */
    answerAs: (how: typeof change): void => {
      change = how;
    },
    /** What happens before the next request is looked at, one for each. */
    beforeNext: (...what: (() => void)[]): void => void beforeNext.push(...what),
    close: async (): Promise<void> => {
      await Promise.all(notices);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
