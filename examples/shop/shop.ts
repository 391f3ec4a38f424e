import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { checkoutPage } from './checkout-page.ts';
import type { ShopOrder } from './shop-order.ts';

type Word = 'paid' | 'cancelled' | 'refunded';
export type Shop = { url: string; stop: () => Promise<void> };

/**
 * A shop's own checkout, on 127.0.0.1: shoppers come from the sale at `sale` (an origin) with a token, pay here, and the sale is
 * told by calls that are signed with `secret` (`whsec_…`). A toy in what it keeps (memory) and takes (no money); the rest is the way.
 */
export async function startShop({
  sale,
  secret,
  port = 0,
}: {
  sale: string;
  secret: string;
  port?: number;
}): Promise<Shop> {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const keys = createRemoteJWKSet(new URL('/api/hand-over/keys', sale));
  const orders = new Map<string, ShopOrder>();
  /** Which browser an order's shopper sits at, and the tokens that came. */
  const browsers = new Map<string, string>();
  const used = new Set<string>();
  const app = new Hono();

  app.get('/checkout/:orderId', async (context) => {
    const orderId = context.req.param('orderId');
    const token = context.req.query('token');
    if (token === undefined) {
      const order = orderOf(context, orderId);
      return order === null ? refuse(context) : context.html(checkoutPage(order, sale));
    }
    // Of this sale, for this shop, not too old, of the order in the path, and not used before.
    const rules = { issuer: sale, audience: origin, algorithms: ['ES256'], requiredClaims: ['exp', 'jti'] };
    const claims = await jwtVerify<Claims>(token, keys, rules).then(
      ({ payload }) => payload,
      () => null,
    );
    if (claims === null || claims.order !== orderId || used.has(claims.jti)) return refuse(context);
    used.add(claims.jti);
    const { sub: userId, quantity, amount, payBy } = claims;
    const fresh = { id: orderId, userId, quantity, amount, payBy, payment: null, state: 'open', says: '' } as const;
    orders.set(orderId, orders.get(orderId) ?? fresh);
    const browser = randomUUID();
    browsers.set(browser, orderId);
    setCookie(context, `checkout-${orderId}`, browser, { path: '/checkout', httpOnly: true, sameSite: 'Lax' });
    return context.redirect(`/checkout/${orderId}`, 303); // the token is in no address bar, and in no Referer
  });

  app.post('/checkout/:orderId/:press{pay|cancel|refund}', async (context) => {
    const order = orderOf(context, context.req.param('orderId'));
    if (order === null) return refuse(context);
    const press = context.req.param('press');
    if (press === 'pay' && order.state === 'open') await pay(order);
    if (press === 'cancel' && order.state === 'open' && order.payment === null)
      await end(order, 'cancelled', 'cancelled');
    if (press === 'refund' && order.state === 'paid') await end(order, 'refunded', 'refunded');
    return context.redirect(`/checkout/${order.id}`, 303);
  });

  async function pay(order: ShopOrder): Promise<void> {
    order.payment ??= `ch_${randomUUID()}`; // here the money is taken, once
    const answer = await tell(order, 'paid');
    if (answer === null) order.says = 'Your money is here. The sale does not answer yet: press Pay again.';
    else if (answer.status === 200) Object.assign(order, { state: 'paid', says: '' });
    else Object.assign(order, { state: 'given back', says: `We gave your money back: ${answer.detail}` }); // nothing was recorded
  }

  async function end(order: ShopOrder, word: Word, state: ShopOrder['state']): Promise<void> {
    const answer = await tell(order, word);
    if (answer?.status === 200) Object.assign(order, { state, says: '' });
    else order.says = answer === null ? 'The sale does not answer: press again.' : answer.detail;
  }

  /** Says it until an answer comes; null when none does. In a real shop a job does this, for hours where it must. */
  async function tell({ id: orderId, amount, payment }: ShopOrder, word: Word) {
    const data = { orderId, ...amount, ...(payment === null ? {} : { reference: payment }) };
    const body = JSON.stringify({ type: `order.${word}`, timestamp: new Date().toISOString(), data });
    for (let tries = 1; tries <= 6; tries += 1) {
      const [id, seconds] = [`${orderId}-${word}`, Math.floor(Date.now() / 1000)];
      const signature = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64');
      const headers = { 'webhook-id': id, 'webhook-timestamp': `${seconds}`, 'webhook-signature': `v1,${signature}` };
      const url = new URL(`/api/hand-over/orders/${orderId}/${word}`, sale);
      const sent = { method: 'POST', body, headers, signal: AbortSignal.timeout(5000) };
      const answer = await fetch(url, sent).catch(() => null);
      if (answer !== null && answer.status < 500 && answer.status !== 429) {
        const { detail = '' } = (await answer.json()) as { detail?: string }; // RFC 9457
        return { status: answer.status, detail };
      }
      await wait(200 * 2 ** tries);
    }
    return null;
  }

  /** The order that this browser came with. */
  function orderOf(context: Context, orderId: string): ShopOrder | null {
    const browser = getCookie(context, `checkout-${orderId}`) ?? '';
    return browsers.get(browser) === orderId ? (orders.get(orderId) ?? null) : null;
  }
  const refuse = (context: Context) =>
    context.text('This way to the checkout is not valid any more. Go back to your order, and press Pay.', 403);

  const { server, origin } = await new Promise<{ server: ReturnType<typeof serve>; origin: string }>((resolve) => {
    const it = serve({ fetch: app.fetch, hostname: '127.0.0.1', port }, (at) =>
      resolve({ server: it, origin: `http://127.0.0.1:${at.port}` }),
    );
  });
  return { url: `${origin}/checkout/{orderId}`, stop: async () => void server.close() };
}

/** What the token says. */
type Claims = Pick<ShopOrder, 'quantity' | 'amount' | 'payBy'> & { sub: string; jti: string; order: string };
