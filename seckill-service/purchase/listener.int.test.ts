import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { closeServer } from '#runtime/listen.ts';
import { createLogger } from '#runtime/logger.ts';
import { createDecide } from './decide.ts';
import { createPurchaseListener } from './listener.ts';
import type { PurchaseOutcome } from './purchase.ts';

const asked: unknown[][] = [];
const counted: string[] = [];
let outcome: PurchaseOutcome | Error = { kind: 'accepted', orderId: 'tea-1', place: 7, soldOutEpoch: null };
const decide = createDecide({
  purchase: async (...question) => {
    asked.push(question);
    if (outcome instanceof Error) throw outcome;
    return outcome;
  },
  logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }),
  onAnswer: (kind) => counted.push(kind),
});
const server = createServer(createPurchaseListener(decide)).listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
const port = typeof address === 'object' && address !== null ? address.port : 0;
afterAll(() => closeServer(server));

const json = { 'Content-Type': 'application/json' };
const post = (
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = json,
  path = '/api/sales/tea/orders',
) => fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body });
const codeOf = async (response: Promise<Response>) => {
  const { status, headers, body } = await response.then(async (it) => ({
    status: it.status,
    headers: it.headers,
    body: z.object({ status: z.number(), code: z.string() }).parse(await it.json()),
  }));
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(body.status).toBe(status);
  return `${status} ${body.code}`;
};

test('a yes: 202, where the order is, and what was asked reaches the purchase as it came', async () => {
  const headers = { ...json, 'Seckill-Ticket': 'a.ticket', 'X-Request-Id': 'request-1' };
  const response = await post('\uFEFF{"quantity": 2}', headers, '/api/sales/te%61/orders?utm=1');
  expect(response.status).toBe(202);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'application/json',
    'cache-control': 'no-store',
    location: '/api/orders/tea-1',
  });
  expect(await response.json()).toEqual({ orderId: 'tea-1', state: 'queued', place: 7 });
  expect(asked.at(-1)).toEqual(['tea', 'a.ticket', { quantity: 2 }, { requestId: 'request-1' }]);
  expect(counted.at(-1)).toBe('accepted');
});

test('what cannot be a purchase is refused and asks nobody', async () => {
  asked.length = 0;
  expect(await codeOf(post('{"quantity":1'))).toBe('400 BAD_REQUEST');
  expect(await codeOf(post(''))).toBe('400 BAD_REQUEST');
  expect(await codeOf(post(Buffer.from('7b22c4e3223a312c227175616e74697479223a317d', 'hex'), json))).toBe(
    '400 BAD_REQUEST',
  );
  expect(await codeOf(post('{}', { 'Content-Type': 'text/plain' }))).toBe('415 UNSUPPORTED_MEDIA_TYPE');
  expect(await codeOf(post(new Uint8Array([0x7b, 0x7d]), {}))).toBe('415 UNSUPPORTED_MEDIA_TYPE');
  expect(await codeOf(post(JSON.stringify({ quantity: 1, note: 'x'.repeat(1025) })))).toBe('413 BODY_TOO_LARGE');
  expect(await codeOf(post(JSON.stringify('茶'.repeat(1023))))).toBe('413 BODY_TOO_LARGE');
  expect(await codeOf(post('x'.repeat(1_000_000)))).toBe('413 BODY_TOO_LARGE');
  for (const path of [
    '/api/sales/tea/order',
    '/api/sales//orders',
    '/api/sales/a%2Fb/orders',
    '/api/sales/%/orders',
    '/',
  ])
    expect(await codeOf(post('{}', json, path))).toBe('404 NOT_FOUND');
  expect(await codeOf(fetch(`http://127.0.0.1:${port}/api/sales/tea/orders`))).toBe('404 NOT_FOUND');
  expect(asked).toEqual([]);
});

test('1,024 characters are read, however many bytes they take', async () => {
  const text = JSON.stringify({ quantity: 1, note: '茶'.repeat(1000) });
  expect(text.length).toBeLessThanOrEqual(1024);
  expect((await post(text)).status).toBe(202);
});

test('a body that comes in pieces is one body; one that breaks off is no purchase, and the next is served', async () => {
  asked.length = 0;
  const head =
    'POST /api/sales/tea/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n';
  const broken = connect(port, '127.0.0.1');
  broken.write(`${head}{"quan`, () => broken.destroy());
  await once(broken, 'close');
  const slow = connect(port, '127.0.0.1');
  slow.setNoDelay(true);
  for (const piece of [head, '{"quan', 'tity":', '1}']) {
    slow.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [answer] = (await once(slow, 'data')) as [Buffer];
  slow.destroy();
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 202 /);
  expect(asked).toEqual([['tea', undefined, { quantity: 1 }, {}]]);
});

test.each([
  [{ kind: 'sold_out', epoch: 4 }, '410 SOLD_OUT', '5'],
  [{ kind: 'closed' }, '410 SALE_CLOSED', null],
  [{ kind: 'paused' }, '503 PAUSED', '2'],
  [{ kind: 'not_open', opensInMs: null }, '403 NOT_OPEN', '5'],
  [{ kind: 'not_open', opensInMs: 1200 }, '403 NOT_OPEN', '2'],
  [{ kind: 'not_open', opensInMs: 1e9 }, '403 NOT_OPEN', '3600'],
  [{ kind: 'limit_reached', limit: 2 }, '409 LIMIT_REACHED', null],
  [{ kind: 'not_enough', free: 1 }, '422 QUANTITY_INVALID', null],
  [{ kind: 'quantity_invalid' }, '422 QUANTITY_INVALID', null],
  [{ kind: 'quantity_missing' }, '400 BAD_REQUEST', null],
  [{ kind: 'ticket_missing' }, '401 TICKET_MISSING', null],
  [{ kind: 'ticket_invalid' }, '401 TICKET_INVALID', null],
  [{ kind: 'ticket_expired' }, '401 TICKET_EXPIRED', null],
  [{ kind: 'sale_unknown' }, '404 SALE_UNKNOWN', null],
  [{ kind: 'unavailable' }, '503 UNAVAILABLE', '1'],
] as [PurchaseOutcome, string, string | null][])('%o is answered %s', async (refused, code, retryAfter) => {
  outcome = { ...refused, orderId: 'tea-1' } as PurchaseOutcome;
  const response = await post('{"quantity":1}');
  expect(response.headers.get('retry-after')).toBe(retryAfter);
  expect(await codeOf(Promise.resolve(response))).toBe(code);
});

test('a fault of ours is told as UNAVAILABLE, and the connection lives on', async () => {
  outcome = new Error('a bug');
  expect(await codeOf(post('{"quantity":1}'))).toBe('503 UNAVAILABLE');
});
