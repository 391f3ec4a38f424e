import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ApiRoute } from '#contract/api/route.ts';
import { apiRoutes } from '#contract/api/routes.ts';
import { bearerChallenge, type ProblemCode, problemContentType, problems } from '#contract/problems.ts';
import { newSaleId, openSale, seckillJson, untilEdgesFollow } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { buy, getTicket, type HeldTicket, orderState, signIn } from '#loadtest/crowd/shopper.ts';
import { stackStatus } from '../stack/stack.ts';

vi.setConfig({ testTimeout: 180_000 });

/**
 * The document against a real stack: every answer that comes, of any route to any of the requests below, must be one
 * that the document tells of, in status, code, type and shape.
 */
const stack = stackUnderTest();
const saleId = newSaleId('api');
/** It opens in an hour, so a calendar has an entry of it. */
const laterId = newSaleId('later');
let pool: Pool;
let held: HeldTicket;

beforeAll(async () => {
  pool = new Pool(stack.edgeUrl, { connections: 4 });
  await openSale(stack.env, { saleId, units: 5, limitPerUser: 1 });
  const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
  await openSale(stack.env, { saleId: laterId, units: 1, opensAt: inHours(1), closesAt: inHours(2) });
  await seckillJson(stack.env, 'pages', 'publish');
  held = await ticket();
});
afterAll(async () => {
  await pool?.close();
});

async function ticket(): Promise<HeldTicket> {
  const found = await getTicket(pool, saleId, await signIn(pool));
  if (!('ticket' in found)) throw new Error(`no ticket: ${JSON.stringify(found)}`);
  return found;
}
async function bought(): Promise<HeldTicket> {
  const mine = await ticket();
  expect((await buy(pool, saleId, mine, async (ms) => void (await wait(ms)), 20)).status).toBe(202);
  await poll('the order to be stored', async () => (await orderState(pool, mine)) === 'awaiting_payment');
  return mine;
}

const route = (operation: string): ApiRoute => {
  const found = apiRoutes.find((it) => it.operation === operation);
  if (found === undefined) throw new Error(`no route ${operation}`);
  return found;
};
type Ask = { sale?: string; order?: string; headers?: Record<string, string>; body?: string };
type Answered = { status: number; code: ProblemCode | null; body: unknown };

/** Asks, and holds what comes against the document. */
async function askOnce(
  of: ApiRoute,
  { sale = saleId, order = held.orderId, headers = {}, body }: Ask = {},
): Promise<Answered> {
  const path = of.path.replace('{saleId}', sale).replace('{orderId}', order);
  const stop = new AbortController();
  const sends = of.method === 'GET' ? { headers } : { body: body ?? '', headers };
  const response = await fetch(stack.edgeUrl + path, { method: of.method, signal: stop.signal, ...sends });
  const type = response.headers.get('content-type')?.split(';')[0];
  if (type === 'text/event-stream') {
    const event = await firstEvent(response);
    stop.abort();
    of.answers[200]?.schema?.parse(JSON.parse(event));
    return { status: 200, code: null, body: event };
  }
  const text = await response.text();
  const seen = `${of.method} ${path}: ${response.status} ${text.slice(0, 200)}`;
  if (response.status < 400) {
    const answer = of.answers[response.status];
    expect(answer, seen).toBeDefined();
    if (answer?.schema !== undefined) answer.schema.parse(JSON.parse(text));
    expect(type, seen).toBe(text === '' ? undefined : (answer?.type ?? 'application/json'));
    for (const name of Object.keys(answer?.headers ?? {})) expect(response.headers.has(name), seen).toBe(true);
    return { status: response.status, code: null, body: text };
  }
  if (of.group === 'Pages' && type === 'text/html') {
    expect([response.status, of.refusals], seen).toEqual([404, expect.arrayContaining(['NOT_FOUND'])]);
    return { status: 404, code: 'NOT_FOUND', body: text };
  }
  const { code } = JSON.parse(text) as { code: ProblemCode };
  expect(type, seen).toBe(problemContentType);
  expect(of.refusals, seen).toContain(code);
  expect(problems[code].status, seen).toBe(response.status);
  expect(response.headers.get('www-authenticate'), seen).toBe(code === 'UNAUTHENTICATED' ? bearerChallenge : null);
  return { status: response.status, code, body: text };
}

/** The same, and again while it is told to come back: a busy machine may have no better answer for a moment. */
const ask = (of: ApiRoute, asked?: Ask): Promise<Answered> =>
  poll(`an answer to ${of.operation}`, async () => {
    const answer = await askOnce(of, asked);
    return answer.code !== 'UNAVAILABLE' && answer.code !== 'BUSY' && answer;
  });

/** The data of the first event. */
async function firstEvent(response: Response): Promise<string> {
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    const data = /^data: (.*)\n/m.exec(text)?.[1];
    if (data !== undefined) return data;
  }
  throw new Error(`the stream ended without an event: ${text}`);
}

const bearer = ({ token }: { token: string }) => ({ authorization: `Bearer ${token}` });
const json = { 'content-type': 'application/json' };

/** The stack allows no origin to embed, so the script is not there: where one may, nginx-lua/test/embed.int.test.ts asks for it. */
const there = apiRoutes.filter(({ operation }) => operation !== 'loadElement');

test.each(there.map((it) => [`${it.method} ${it.path}`, it] as const))(
  '%s is there, and answers bare, wrong and oversized requests only as the document says',
  async (_, of) => {
    const bare = await askOnce(of, of.operation === 'downloadOpening' ? { sale: laterId } : {});
    expect(bare.code).not.toBe('NOT_FOUND');
    await askOnce(of, {
      headers: { ...json, authorization: 'Bearer nonsense', 'seckill-ticket': 'nonsense' },
      body: '{}',
    });
    await askOnce(of, { headers: { ...json, ...bearer(held) }, body: 'no json' });
    await askOnce(of, {
      headers: { 'content-type': 'text/plain', ...bearer(held), 'seckill-ticket': held.ticket },
      body: 'x',
    });
    await askOnce(of, {
      sale: 'no-such-sale',
      order: 'no-such-order',
      headers: { ...json, ...bearer(held) },
      body: '{}',
    });
    if (of.method !== 'GET') {
      expect((await askOnce(of, { headers: json, body: 'x'.repeat(100_000) })).code).toBe('BODY_TOO_LARGE');
    }
    const other = of.method === 'POST' ? 'PUT' : 'DELETE';
    const path = of.path.replace('{saleId}', saleId).replace('{orderId}', held.orderId);
    const answer = await fetch(stack.edgeUrl + path, { method: other });
    expect(of.refusals).toContain(((await answer.json()) as { code: ProblemCode }).code);
    expect(answer.status).toBe(405);
  },
);

test('the element is not there where no origin may embed', async () => {
  expect((await askOnce(route('loadElement'))).code).toBe('NOT_FOUND');
});

test('a whole purchase gets each success of the document, in its shape', async () => {
  expect((await ask(route('listSales'))).status).toBe(200);
  expect((await ask(route('getSale'))).status).toBe(200);
  expect((await ask(route('signIn'))).status).toBe(201);
  expect((await ask(route('getChallenge'), { headers: bearer(held) })).status).toBe(200);
  const buying = { headers: { ...json, 'seckill-ticket': held.ticket }, body: '{"quantity":1}' };
  expect((await ask(route('buy'), buying)).status).toBe(202);
  expect((await ask(route('buy'), buying)).status).toBe(202);
  await poll('the order to be stored', async () => (await orderState(pool, held)) === 'awaiting_payment');
  expect((await ask(route('getOrder'), { headers: bearer(held) })).status).toBe(200);
  expect((await ask(route('followOrder'), { headers: bearer(held) })).status).toBe(200);
  expect((await ask(route('refund'), { headers: bearer(held) })).code).toBe('ORDER_STATE');
  expect((await ask(route('pay'), { headers: bearer(held) })).status).toBe(201);
  await poll('the order to be paid', async () => (await orderState(pool, held)) === 'paid');
  expect((await ask(route('cancel'), { headers: bearer(held) })).code).toBe('ORDER_STATE');
  expect((await ask(route('refund'), { headers: bearer(held) })).status).toBe(202);
  for (const operation of ['showSales', 'showSale', 'showOrder'])
    expect((await ask(route(operation))).status).toBe(200);

  const mine = await bought();
  const cancelled = { order: mine.orderId, headers: bearer(mine) };
  expect((await ask(route('cancel'), cancelled)).status).toBe(200);
  await poll('the order to be shown cancelled', async () => (await orderState(pool, mine)) === 'cancelled');
  const { version } = JSON.parse(String((await ask(route('getOrder'), cancelled)).body));
  const seen = { ...cancelled, headers: { ...bearer(mine), 'last-event-id': String(version) } };
  expect((await ask(route('followOrder'), seen)).status).toBe(204);
});

test('the refusals that a shopper meets are those of the document', async () => {
  const other = await ticket();
  const order = { order: held.orderId, headers: bearer(other) };
  expect((await ask(route('getChallenge'))).code).toBe('UNAUTHENTICATED');
  expect((await ask(route('getOrder'))).code).toBe('UNAUTHENTICATED');
  expect((await ask(route('getOrder'), order)).code).toBe('FORBIDDEN');
  expect((await ask(route('pay'), order)).code).toBe('FORBIDDEN');
  expect((await ask(route('getOrder'), { ...order, order: 'no-such-order' })).code).toBe('ORDER_UNKNOWN');
  expect((await ask(route('getSale'), { sale: 'no-such-sale' })).code).toBe('SALE_UNKNOWN');
  const answer = { headers: { ...json, ...bearer(other) }, body: '{"challengeId":"x","answer":"7"}' };
  expect((await ask(route('getTicket'), answer)).code).toBe('WRONG_ANSWER');
  expect((await ask(route('getTicket'), { ...answer, body: '{}' })).code).toBe('BAD_REQUEST');
  expect((await ask(route('getTicket'), { ...answer, headers: bearer(other) })).code).toBe('UNSUPPORTED_MEDIA_TYPE');
  const buying = (quantity: string, text = other.ticket) =>
    ask(route('buy'), { headers: { ...json, 'seckill-ticket': text }, body: `{"quantity":${quantity}}` });
  expect((await ask(route('buy'), { headers: json, body: '{}' })).code).toBe('TICKET_MISSING');
  expect((await buying('1', 'nonsense')).code).toBe('TICKET_INVALID');
  expect((await buying('"one"')).code).toBe('BAD_REQUEST');
  expect((await buying('0')).code).toBe('QUANTITY_INVALID');
  expect((await buying('2')).code).toBe('LIMIT_REACHED');
  await seckillJson(stack.env, 'sale', 'pause', saleId);
  expect((await buying('1')).code).toBe('PAUSED');
  await untilEdgesFollow(stack.env, 'sale', 'close', saleId, '--yes');
  expect((await buying('1')).code).toBe('SALE_CLOSED');
  expect((await ask(route('getChallenge'))).code).toBe('SALE_CLOSED');
});

test('the gateway serves page and document on its inner port; from outside they are not there', async () => {
  const { processes } = await stackStatus(stack.dir);
  const inner = processes.find(({ role }) => role === 'gateway')?.innerUrl;
  const page = await fetch(`${inner}/reference`);
  expect(page.headers.get('content-type')).toMatch(/^text\/html/);
  const document = (await (await fetch(`${inner}/reference/openapi.json`)).json()) as { paths: object };
  expect(Object.keys(document.paths)).toEqual([...new Set(apiRoutes.map(({ path }) => path))]);
  expect((await fetch(`${inner}/healthz`)).status).toBe(200);
  for (const path of ['/reference', '/reference/openapi.json']) {
    expect((await fetch(stack.edgeUrl + path)).status).toBe(404);
  }
});
