import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { newSaleId, openSale, seckillJson } from '#lab/kits/command-line.ts';
import { sandboxControl } from '#lab/kits/payment-sandbox.ts';
import { kill, leaveHealthy, whileFrozen } from '#lab/kits/processes.ts';
import { poll } from '#lab/poll.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { type Answer, buy, call, getTicket, type HeldTicket, orderState, signIn } from '#loadtest/crowd/shopper.ts';
import type { AuditReport } from '#order-worker/audit/audit.ts';
import { parseWebhookSecrets, signWebhook } from '#runtime/standard-webhooks.ts';

// The one provider of the stack is told how to behave, and killed.
const stack = stackUnderTest();
const pool = new Pool(stack.edgeUrl, { connections: 8 });
const { SECKILL_PAYMENT_URL: url = '', SECKILL_PAYMENT_API_KEY: key = '' } = stack.env;
const sandbox = sandboxControl(url, key);
const atTheShop = { taken: 0, kept: 0, back: 0 };
let saleId: string;

afterAll(() => pool.close());
beforeEach(async () => {
  saleId = newSaleId('payment');
  await openSale(stack.env, { saleId, units: 1 });
});

/** The sale's only unit, bought through the edge; its order awaits payment. */
async function bought(): Promise<HeldTicket> {
  const held = await getTicket(pool, saleId, await signIn(pool));
  if (!('ticket' in held)) throw new Error(`no ticket: ${JSON.stringify(held)}`);
  const pause = async (ms: number) => void (await wait(ms));
  expect((await buy(pool, saleId, held, pause, 20)).status).toBe(202);
  await stateIs(held, 'awaiting_payment');
  return held;
}
const stateIs = (held: HeldTicket, state: string) =>
  poll(`the order to be ${state}`, async () => (await orderState(pool, held)) === state, 90_000);
/** As the page does: again while it is told to wait. */
const post = (held: HeldTicket, what: 'payment' | 'cancel' | 'refund') =>
  poll<Answer>(`an answer to ${what}`, async () => {
    const answer = await call(pool, 'POST', `/api/orders/${held.orderId}/${what}`, { token: held.token, body: {} });
    return answer.status !== 503 && answer;
  });
const started = (held: HeldTicket) =>
  poll('the payment to begin', async () => {
    const { status, body } = await post(held, 'payment');
    return status === 201 ? body : null;
  });
const edgeSays = (state: string) =>
  poll(`the edge to be ${state}`, async () => {
    const { body } = await call(pool, 'GET', `/api/sales/${saleId}`);
    return body.state === state;
  });
const balanced = () =>
  poll('balanced books', async () => {
    const report = await seckillJson<AuditReport>(stack.env, 'audit', saleId).catch(() => null);
    return report?.balanced === true ? report : null;
  });

test('buy, pay, refund: the shopper sees each state, and the unit is on sale again at the edge (I6, I7)', async () => {
  const held = await bought();
  await edgeSays('sold_out');
  expect(await started(held)).toMatchObject({ orderId: held.orderId, amount: 1999, currency: 'CNY' });
  await stateIs(held, 'paid');
  expect((await balanced()).money).toEqual({ taken: 1999, kept: 1999, goingBack: 0, back: 0, atTheShop });
  expect(await post(held, 'cancel')).toMatchObject({ status: 409, body: { code: 'ORDER_STATE' } });

  expect(await post(held, 'refund')).toMatchObject({ status: 202, body: { state: 'refunding' } });
  await stateIs(held, 'refunded');
  await edgeSays('open');
  const report = await balanced();
  expect(report.units).toMatchObject({ free: 1, paid: 0, refunding: 0 });
  expect(report.money).toEqual({ taken: 1999, kept: 0, goingBack: 0, back: 1999, atTheShop });
});

test('a cancelled order gives its unit back, and money that still comes goes back by itself (I6)', async () => {
  onTestFinished(async () => void (await sandbox.behave({})));
  await sandbox.behave({ rules: [{ orderStartsWith: saleId, behaviour: { linger: 1, unendable: 1 } }] });
  const held = await bought();
  const { paymentId } = await started(held);
  expect(await post(held, 'cancel')).toMatchObject({ status: 200, body: { state: 'cancelled' } });
  await edgeSays('open');
  await sandbox.settle(String(paymentId), 'succeeded');
  await poll('the money to be back', async () => (await sandbox.books(held.orderId)).returned === 1999);
  await poll('the audit to know', async () => (await balanced()).money.back === 1999);
});

test('a refund that is asked for while the provider is down completes after it is back (I6)', async () => {
  const held = await bought();
  await started(held);
  await stateIs(held, 'paid');
  leaveHealthy();
  await whileFrozen('payment-sandbox-1', async () => {
    expect(await post(held, 'refund')).toMatchObject({ status: 202 });
    await stateIs(held, 'refunding');
    expect((await balanced()).money).toMatchObject({ goingBack: 1999, back: 0 });
    // It does not come back from where it stood: it is killed, and a new one starts from its file.
    kill('payment-sandbox-1');
  });
  await stateIs(held, 'refunded');
  await edgeSays('open');
  expect(await sandbox.books(held.orderId)).toMatchObject({ taken: 1999, returned: 1999 });
});

test('a webhook that the edge lets through is not believed without its signature', async () => {
  const held = await bought();
  const body = JSON.stringify({ type: 'payment.succeeded', timestamp: new Date().toISOString(), data: {} });
  const send = async (headers: Record<string, string>) =>
    (await fetch(`${stack.edgeUrl}/api/payments/webhook`, { method: 'POST', headers, body })).status;
  const keys = parseWebhookSecrets(stack.env.SECKILL_PAYMENT_WEBHOOK_SECRET ?? '');
  const signed = signWebhook({ id: 'e', body, nowMs: Date.now() }, keys);
  expect(await send({})).toBe(400);
  expect(await send({ ...signed, 'webhook-signature': 'v1,AAAA' })).toBe(401);
  expect(await send(signed)).toBe(200); // genuine, and no event of this provider
  await stateIs(held, 'awaiting_payment');
});
