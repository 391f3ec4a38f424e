import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPaymentDesk } from '#lab/kits/payment-desk.ts';
import { type StripeStandIn, startStripeStandIn } from '#lab/kits/stripe-stand-in.ts';
import { poll } from '#lab/poll.ts';
import type { OpenProvider } from '../provider.ts';
import { createStripeProvider } from './stripe-provider.ts';

let stripe: StripeStandIn;
let provider: OpenProvider;
let desk: Awaited<ReturnType<typeof startPaymentDesk>>;
beforeAll(async () => {
  stripe = await startStripeStandIn({ mockUrl: null });
  const { secretKey, webhookSecret, url } = stripe;
  provider = createStripeProvider({ secretKey, secrets: [webhookSecret], apiUrl: new URL(url), now: Date.now });
  desk = await startPaymentDesk({ provider, publicUrl: 'https://sale.example', checkAfterMs: 50 });
});
afterAll(async () => {
  await desk.close();
  await provider.close();
  await stripe.close();
});

/** The session of the payment that a press begins, as the database knows it. */
async function pressed(saleId: string): Promise<{ orderId: string; sessionId: string }> {
  const orderId = await desk.bought(saleId);
  const { status, body } = await desk.pay(orderId);
  const sessionId = await providerIdOf(body.paymentId);
  expect([status, body.state, body.next]).toEqual([
    ...[201, 'pending', { kind: 'redirect', url: `https://checkout.stripe.com/c/pay/${sessionId}` }],
  ]);
  expect(decodeURIComponent(stripe.asked[0]?.text ?? '')).toContain('https://sale.example/orders/');
  return { orderId, sessionId };
}
async function providerIdOf(paymentId: unknown): Promise<string> {
  const { rows } = await desk.pool.query<{ provider_id: string }>('SELECT provider_id FROM payments WHERE id = $1', [
    paymentId,
  ]);
  return rows[0]?.provider_id ?? '';
}
/** Stripe's webhooks reach the route as they would through the edge. */
async function deliver(): Promise<number[]> {
  const answers = stripe.webhooks().map(async ({ headers, body }) => {
    const answer = await desk.request('/api/payments/webhook', { method: 'POST', headers, body });
    return answer.status;
  });
  return Promise.all(answers);
}

test('an order is paid on Stripe’s page and given back; one that ends closes its page; money that slips through goes back', async () => {
  const saleId = await desk.openSale(3);
  const paid = await pressed(saleId);
  stripe.pay(paid.sessionId);
  expect(await deliver()).toEqual([200]);
  expect(await desk.stateOf(paid.orderId)).toBe('paid');
  expect((await desk.refund(paid.orderId)).status).toBe(202);
  await poll('the refund', () => stripe.refundsOf(paid.sessionId).length === 1);
  await poll('the order is given back', async () => {
    await deliver();
    return (await desk.stateOf(paid.orderId)) === 'refunded';
  });

  const left = await pressed(saleId);
  await desk.expire(left.orderId);
  await poll('the session is ended', () => stripe.session(left.sessionId).status === 'expired');

  const late = await pressed(saleId);
  stripe.pay(late.sessionId);
  await desk.cancel(late.orderId);
  await deliver();
  await poll('the money goes back', () => stripe.refundsOf(late.sessionId).length === 1);
  expect(stripe.refundsOf(late.sessionId)).toMatchObject([{ amount: stripe.session(late.sessionId).amount_total }]);
});

test('money counts as back when it is, whatever Stripe tells before; a refund that fails after all is told to ops (I6)', async () => {
  const { orderId, sessionId } = await pressed(await desk.openSale(1));
  stripe.pay(sessionId);
  await deliver();
  stripe.refundsAre('pending');
  const { body } = await desk.refund(orderId);
  await poll('the refund', () => stripe.refundsOf(sessionId).length === 1);
  await deliver(); // refund.created and refund.updated, of one that is under way
  expect(await desk.stateOf(orderId)).toBe('refunding');
  const id = String(stripe.refundsOf(sessionId)[0]?.id);
  stripe.endRefund(id, 'succeeded');
  await deliver();
  expect(await desk.stateOf(orderId)).toBe('refunded');

  stripe.endRefund(id, 'failed');
  expect(await deliver()).toEqual([200]);
  const { rows } = await desk.pool.query('SELECT state, last_error FROM refunds WHERE id = $1', [body.refundId]);
  expect(rows).toEqual([{ state: 'succeeded', last_error: expect.stringContaining(`${id} is failed`) }]);
});
