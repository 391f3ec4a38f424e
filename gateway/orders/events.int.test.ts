import { connect } from 'node:net';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { follow, startOrdersServer } from '#lab/kits/order-routes.ts';
import { startTcpProxy } from '#lab/servers/tcp-proxy.ts';

vi.setConfig({ testTimeout: 180_000 });

const orders = await startOrdersServer();
/** For polls: an event has a few hops to go, and the machine may stand still on each of them. */
const patient = { timeout: 30_000 };
const open: { close?: () => Promise<unknown>; stop?: () => Promise<unknown> }[] = [];
let saleId = '';

afterAll(() => orders.close());
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await (part.stop ?? part.close)?.();
});
beforeEach(async () => {
  saleId = await orders.openSale(1000);
});

async function serve(options: Parameters<typeof orders.serve>[0] = {}) {
  const server = await orders.serve(options);
  open.push(server);
  return server;
}
async function stream(origin: string, orderId: string, userId = 'u', headers: Record<string, string> = {}) {
  const url = `${origin}/api/orders/${orderId}/events`;
  const following = await follow(url, { ...(await orders.bearer(userId)), ...headers });
  open.push(following);
  return following;
}

test('the owner hears of each change at once and in order; the stream ends with the order', async () => {
  const { origin, questions, errors } = await serve();
  const orderId = await orders.buy(saleId);
  const { response, views, seen, states } = await stream(origin, orderId);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  await expect.poll(states, patient).toEqual(['queued']);
  expect(views[0]).toMatchObject({ id: '0', orderId, place: 1, ahead: 0, payBy: null });
  const asked = questions.redis;
  await orders.show(saleId, orderId, 'awaiting_payment', 1);
  await expect.poll(states, patient).toEqual(['queued', 'awaiting_payment']);
  await orders.show(saleId, orderId, 'paid', 2);
  await orders.show(saleId, orderId, 'paid', 2); // told twice
  await orders.show(saleId, orderId, 'refunding', 3);
  await orders.show(saleId, orderId, 'refunded', 4);
  await expect.poll(() => seen.hasEnded, patient).toBe(true);
  expect(views.map(({ id, state }) => `${id} ${state}`)).toEqual([
    '0 queued',
    '1 awaiting_payment',
    '2 paid',
    '3 refunding',
    '4 refunded',
  ]);
  expect(seen.retries).toBe(2); // at its beginning and at its end
  expect(questions).toEqual({ redis: asked, postgres: 0 }); // news need no question
  expect(errors).toEqual([]);
});

test('the provider’s word about a payment is told at once, and again to a client that comes back', async () => {
  const { origin, questions, errors } = await serve();
  const orderId = await orders.buy(saleId);
  const payment = (paymentId: string, state: 'open' | 'declined', step: number) =>
    orders.show(saleId, orderId, 'awaiting_payment', 1, { step, payment: { paymentId, state } });
  await orders.show(saleId, orderId, 'awaiting_payment', 1);
  const { views } = await stream(origin, orderId);
  const told = () => views.map(({ id, payment: of }) => `${id} ${of?.paymentId ?? '-'} ${of?.state ?? '-'}`);
  await expect.poll(told, patient).toEqual(['1 - -']);
  const asked = questions.redis;
  await payment('pay_1', 'open', 1);
  await payment('pay_1', 'declined', 2);
  await payment('pay_1', 'open', 1); // told late
  await payment('pay_2', 'open', 3);
  await payment('pay_2', 'declined', 4);
  const all = ['1 - -', '1 pay_1 open', '1 pay_1 declined', '1 pay_2 open', '1 pay_2 declined'];
  await expect.poll(told, patient).toEqual(all);
  expect(questions.redis).toBe(asked); // news need no question
  const back = await stream(origin, orderId, 'u', { 'Last-Event-ID': '1' });
  await expect
    .poll(() => back.views[0]?.payment, patient)
    .toEqual({ paymentId: 'pay_2', state: 'declined', declined: null });
  await orders.show(saleId, orderId, 'paid', 2);
  await expect.poll(told, patient).toEqual([...all, '2 - -']);
  expect(errors).toEqual([]);
});

test('a client that comes back is told what it missed, and 204 when there is nothing left to hear', async () => {
  const { origin } = await serve();
  const orderId = await orders.buy(saleId);
  await orders.show(saleId, orderId, 'awaiting_payment', 1);
  const known = await stream(origin, orderId, 'u', { 'Last-Event-ID': '1' });
  const behind = await stream(origin, orderId, 'u', { 'Last-Event-ID': '0' });
  await expect.poll(behind.states, patient).toEqual(['awaiting_payment']);
  await orders.show(saleId, orderId, 'expired', 2);
  await expect.poll(known.states, patient).toEqual(['expired']);
  const again = await stream(origin, orderId, 'u', { 'Last-Event-ID': '2' });
  expect(again.response.status).toBe(204);
  const late = await stream(origin, orderId, 'u', { 'Last-Event-ID': 'nonsense' });
  await expect.poll(late.states, patient).toEqual(['expired']);
});

test('a stream is for the owner of the order, and for nobody else', async () => {
  const { origin } = await serve();
  const orderId = await orders.buy(saleId, 'owner');
  const codes = async (headers: Record<string, string>, id = orderId) => {
    const response = await fetch(`${origin}/api/orders/${id}/events`, { headers });
    return [response.status, ((await response.json()) as { code: string }).code];
  };
  expect(await codes({})).toEqual([401, 'UNAUTHENTICATED']);
  expect(await codes({ Authorization: 'Bearer forged' })).toEqual([401, 'UNAUTHENTICATED']);
  expect(await codes(await orders.bearer('thief'))).toEqual([403, 'FORBIDDEN']);
  expect(await codes(await orders.bearer('owner'), `${saleId}-01hzzzzzzzzzzzzzzzzzzzzzzz`)).toEqual([
    404,
    'ORDER_UNKNOWN',
  ]);
  expect(await codes(await orders.bearer('owner'), 'nonsense')).toEqual([404, 'ORDER_UNKNOWN']);
  const head = await fetch(`${origin}/api/orders/${orderId}/events`, {
    method: 'HEAD',
    headers: await orders.bearer('owner'),
  });
  expect([head.status, await head.text()]).toEqual([200, '']);
});

test('a user and a process hold only so many streams open; the next is told so, and finds room when one ends', async () => {
  const { origin } = await serve({ limits: { perUser: 2, perProcess: 3 } });
  const [mine, other] = [await orders.buy(saleId, 'me'), await orders.buy(saleId, 'other')];
  const first = await stream(origin, mine, 'me');
  await stream(origin, mine, 'me');
  const third = await stream(origin, mine, 'me');
  expect([third.response.status, third.response.headers.get('retry-after')]).toEqual([429, '10']);
  await stream(origin, other, 'other');
  const fourth = await stream(origin, other, 'other');
  expect([fourth.response.status, fourth.response.headers.get('retry-after')]).toEqual([503, '10']);
  await first.stop();
  await expect.poll(async () => (await stream(origin, other, 'other')).response.status, patient).toBe(200);
});

test('whoever leaves while his order is looked up takes no place', async () => {
  let release = () => {};
  let asked = 0;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const beforeRead = async () => {
    asked += 1;
    if (asked === 1) await held;
  };
  const { origin, streams, port } = await serve({ limits: { perUser: 1 }, beforeRead });
  const orderId = await orders.buy(saleId);
  const socket = connect(port, '127.0.0.1');
  const { Authorization } = await orders.bearer('u');
  socket.write(`GET /api/orders/${orderId}/events HTTP/1.1\r\nhost: x\r\nauthorization: ${Authorization}\r\n\r\n`);
  await expect.poll(() => asked, patient).toBe(1);
  const gone = new Promise((resolve) => socket.once('close', resolve));
  socket.destroy();
  await gone;
  await fetch(`${origin}/api/orders/${orderId}`); // by then this process has heard of it
  release();
  await expect.poll(() => streams.room('u'), patient).toBe('open');
  expect((await stream(origin, orderId)).response.status).toBe(200);
});

test('those in line are told how far it has come, by one read a sale however many they are', async () => {
  let nowMs = 0; // it stands still: the first second of measuring is not over before all are told
  const { origin, streams, questions } = await serve({ drainLimit: 5, now: () => nowMs });
  const ids = [];
  for (let index = 0; index < 20; index += 1) ids.push(await orders.buy(saleId));
  const waiting = await Promise.all(ids.slice(10).map((orderId) => stream(origin, orderId)));
  await expect.poll(() => waiting.every(({ views }) => views.length === 1), patient).toBe(true);
  const last = waiting.at(-1);
  expect(last?.views[0]).toMatchObject({ place: 20, ahead: 19, etaSeconds: 4 });
  for (const orderId of ids.slice(0, 10)) await orders.show(saleId, orderId, 'awaiting_payment', 1);
  const before = questions.redis;
  const told = () => waiting.filter(({ views }) => views.length > 1).length;
  nowMs += 300;
  streams.tick();
  await expect.poll(told, patient).toBe(10);
  expect(last?.views[1]).toMatchObject({ ahead: 9 });
  expect(questions.redis - before).toBeLessThan(10);
});

test('what the channel did not say is found by the next look, and every stream is kept alive', async () => {
  const link = await startTcpProxy({
    to: { host: '127.0.0.1', port: Number(new URL(orders.environment.SECKILL_STOCK_REDIS_URL ?? '').port) },
  });
  open.push(link);
  const { origin, streams } = await serve({ listeningUrl: `redis://127.0.0.1:${link.port}` });
  const orderId = await orders.buy(saleId);
  const following = await stream(origin, orderId);
  await expect.poll(following.states, patient).toEqual(['queued']);

  link.mode('cut');
  await orders.show(saleId, orderId, 'awaiting_payment', 1);
  for (let tick = 0; tick < 15; tick += 1) streams.tick();
  await expect.poll(following.states, patient).toEqual(['queued', 'awaiting_payment']);
  expect(following.seen.text).toContain('\n:\n');

  await orders.show(saleId, orderId, 'paid', 2);
  link.mode('pass'); // heard again: everything is read again, no tick needed
  await expect.poll(following.states, patient).toEqual(['queued', 'awaiting_payment', 'paid']);
});

test('a reader that does not read is cut off, the others hear on', async () => {
  const { origin, port, streams, dropped } = await serve();
  const orderId = await orders.buy(saleId);
  const socket = connect({ port, host: '127.0.0.1' });
  const { Authorization } = await orders.bearer('u');
  socket.write(`GET /api/orders/${orderId}/events HTTP/1.1\r\nHost: x\r\nAuthorization: ${Authorization}\r\n\r\n`);
  await new Promise((resolve) => socket.once('data', resolve));
  socket.pause();
  const following = await stream(origin, orderId);
  const shown = { state: 'awaiting_payment', payByMs: 1, amount: 1, currency: 'CNY' } as const;
  for (let version = 1; (await dropped()) === 0; version += 1) {
    expect(version).toBeLessThan(200_000);
    streams.shown(orderId, { ...shown, version });
    if (version % 20 === 0) await new Promise((resolve) => setImmediate(resolve)); // the other one reads
  }
  expect(await dropped()).toBe(1);
  const { length } = following.views;
  await orders.show(saleId, orderId, 'paid', 1_000_000);
  await expect.poll(() => following.views.slice(length).at(-1)?.state, patient).toBe('paid');
  socket.destroy();
});

test('a process that closes ends its streams at once and opens no new ones', async () => {
  const closing = async () => {
    const server = await orders.serve();
    const orderId = await orders.buy(saleId);
    const following = await Promise.all([1, 2, 3].map(() => stream(server.origin, orderId)));
    server.streams.close();
    await expect.poll(() => following.every(({ seen }) => seen.hasEnded), patient).toBe(true);
    expect((await stream(server.origin, orderId)).response.status).toBe(503);
    const from = performance.now();
    await server.close();
    return performance.now() - from;
  };
  let tookMs = await closing();
  // Slower only where the machine stands still: then another one.
  for (let nth = 0; nth < 5 && tookMs >= 1000; nth += 1) tookMs = await closing();
  expect(tookMs).toBeLessThan(1000);
});
