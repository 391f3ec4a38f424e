import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ProblemCode, problemBody } from '#contract/problems.ts';
import { writePlainPages } from '#lab/kits/plain-pages.ts';
import { requestHead as head, sendRaw } from '#lab/kits/raw-request.ts';
import { poll } from '#lab/poll.ts';
import { saleOf, startEdge, type TestEdge, ticketFor } from '#lab/servers/edge.ts';

let edge: TestEdge;

beforeAll(async () => {
  edge = await startEdge();
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open')] });
  await writePlainPages(edge, 'index.html', 'sales/open.html');
});
afterAll(() => edge.stop());
beforeEach(() => edge.forgetSeen());

const order = '/api/orders/open-01h00000000000000000000000';
const json = 'content-type: application/json';
const raw = (text: string) => sendRaw(edge, text);

describe('cookies of 32 KB', () => {
  const cookie = `cookie: shop=${'c'.repeat(32 * 1024 - 5)}`;

  test('keep no shopper out, and end at the edge', async () => {
    for (const path of ['/', '/sales/open', '/api/sales/open', order, '/api/sales/open/challenge'])
      expect(await raw(head('GET', path, cookie))).toMatch(/^HTTP\/1\.1 200 /);
    const body = '{"quantity":1}';
    const length = `content-length: ${body.length}`;
    const ticket = `seckill-ticket: ${ticketFor('open')}`;
    const buying = head('POST', '/api/sales/open/orders', json, cookie, ticket, length) + body;
    expect(await raw(buying)).toMatch(/^HTTP\/1\.1 202 /);
    expect(await raw(head('POST', '/api/payments/webhook', json, cookie, 'x-signature: s', length) + body)).toMatch(
      / 200 /,
    );
    const seen = [...edge.gateway.seen, ...edge.service.seen].map(({ headers }) => headers);
    expect(seen).toHaveLength(4);
    for (const headers of seen) expect(headers).not.toHaveProperty('cookie');
    expect(edge.gateway.seen.at(-1)?.headers['x-signature']).toBe('s');
  });

  test('leave room for a second long line, and for a request that follows in the same packet', async () => {
    const long = `authorization: Bearer ${'x'.repeat(6900)}`;
    expect(await raw(head('GET', order, cookie, long, `user-agent: ${'u'.repeat(500)}`))).toMatch(/^HTTP\/1\.1 200 /);
    const last = head('GET', order, cookie);
    const first = last.replace('connection: close\r\n', '');
    expect((await raw(first.repeat(3) + last)).match(/HTTP\/1\.1 \d+ /g)).toEqual(Array(4).fill('HTTP/1.1 200 '));
  });

  test('make no room for what goes on to Node: that keeps its bound', async () => {
    const long = 'x'.repeat(7100);
    const refused = [
      head('GET', order, `authorization: Bearer ${long}`),
      head('GET', `${order}?x=${long}`),
      head('POST', '/api/payments/webhook', json, `x-a: ${long}`, `x-b: ${long}`, 'content-length: 0'),
      head('POST', '/api/payments/webhook', json, 'x-signature: s\u0007', 'content-length: 0'), // no text, to Node
      head(
        'POST',
        '/api/payments/webhook',
        json,
        ...Array.from({ length: 120 }, (_, nth) => `x-${nth}: y`),
        'content-length: 0',
      ),
      head(
        'POST',
        `/api/sales/open/orders?x=${long}`,
        json,
        `seckill-ticket: ${ticketFor('open')}`,
        'content-length: 0',
      ),
    ];
    for (const text of refused) expect(await raw(text)).toMatch(/^HTTP\/1\.1 400 [\s\S]*"BAD_REQUEST"/);
    expect([...edge.gateway.seen, ...edge.service.seen]).toEqual([]);
    // What is too long to mean anything does not go on.
    const odd = ['accept', 'last-event-id', 'content-type'].map((name) => `${name}: ${long}`);
    expect(await raw(head('GET', order, ...odd))).toMatch(/^HTTP\/1\.1 200 /);
    for (const name of ['accept', 'last-event-id', 'content-type'])
      expect(edge.gateway.seen[0]?.headers).not.toHaveProperty(name);
  });
});

test.each([
  '//api//sales/open/orders',
  '/api/sales/open//orders',
  '/api/./sales/open/orders',
  '/x/../api/sales/open/orders',
  '/%61pi/sales/open/orders',
  '/api/sales/%6fpen/orders',
  '/api/sales/open%2forders',
  '/API/sales/open/orders',
  '/api/sales/open/orders/',
  '/api/sales/open/orders%3fx',
])('nothing but the route’s own spelling reaches Node: a purchase at %s is nothing here', async (path) => {
  const body = '{"quantity":1}';
  const headers = [json, `seckill-ticket: ${ticketFor('open')}`, `content-length: ${body.length}`];
  expect(await raw(head('POST', path, ...headers) + body)).toMatch(/^HTTP\/1\.1 404 [\s\S]*"NOT_FOUND"/);
  const others = path.replace(/orders/, 'ticket');
  expect(await raw(head('POST', others, ...headers) + body)).toMatch(/^HTTP\/1\.1 404 [\s\S]*"NOT_FOUND"/);
  const own = path.replace(/sales\/(.*)\/?orders/, `orders/$1`);
  expect(await raw(head('POST', `${own}/cancel`, ...headers) + body)).toMatch(/^HTTP\/1\.1 40[04] /);
  expect([...edge.service.seen, ...edge.gateway.seen]).toEqual([]);
});

test('a version of HTTP that nginx has no name for is served as the newest that it has', async () => {
  const newer = (request: string) => request.replace('HTTP/1.1', 'HTTP/1.7');
  const buying = head('POST', '/api/sales/open/orders', json, `seckill-ticket: ${ticketFor('open')}`);
  expect(await raw(newer(head('GET', '/api/sales/open/challenge')))).toMatch(/^HTTP\/1\.1 200 /);
  expect(await raw(newer(buying))).toMatch(/^HTTP\/1\.1 202 /); // no body: what it asks for is the service's to judge
  expect(await raw(newer(buying.replace('\r\n\r\n', '\r\ncontent-length: 14\r\n\r\n{"quantity":1}')))).toMatch(
    /^HTTP\/1\.1 202 /,
  );
});

test('a query with a byte that no URI has ends at the edge: a purchase, an order, a ticket', async () => {
  const purchase = [json, `seckill-ticket: ${ticketFor('open')}`, 'content-length: 14'];
  const all = [
    `${head('POST', '/api/sales/open/orders?é', ...purchase)}{"quantity":1}`,
    head('GET', '/api/orders/open-1?a=b&手机'),
    head('POST', '/api/sales/open/ticket?\u0080', 'content-length: 0'),
  ];
  for (const request of all) expect(await raw(request)).toMatch(/^HTTP\/1\.1 400 [\s\S]*"BAD_REQUEST"/);
  expect([...edge.service.seen, ...edge.gateway.seen]).toEqual([]);
  expect(await raw(head('GET', '/api/orders/open-1?a=%c3%a9"<|>'))).toMatch(/^HTTP\/1\.1 200 /);
});

test.each<[string, string, ProblemCode]>([
  ['a request without a host', 'GET / HTTP/1.1\r\n\r\n', 'BAD_REQUEST'],
  ['a broken request line', 'BLAH\x01 / HTTP/1.1\r\nhost: x\r\n\r\n', 'BAD_REQUEST'],
  ['an endless URI', `GET /${'x'.repeat(40_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 'BAD_REQUEST'],
  ['an endless header', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`, 'BAD_REQUEST'],
  [
    'an unknown transfer coding',
    'POST /api/session HTTP/1.1\r\nhost: x\r\ntransfer-encoding: x\r\n\r\n',
    'BAD_REQUEST',
  ],
  ['a length that is none', 'POST /api/session HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n', 'BAD_REQUEST'],
  ['TRACE', 'TRACE / HTTP/1.1\r\nhost: x\r\n\r\n', 'METHOD_NOT_ALLOWED'],
  ['a path above the root', 'GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n', 'BAD_REQUEST'],
])('%s is a problem like every other', async (_, text, code) => {
  const socket = connect(edge.port, '127.0.0.1');
  socket.on('error', () => {}); // nginx may hang up before it has read everything
  socket.write(text);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  const body = JSON.stringify(problemBody(code));
  await poll('the problem arrives', () => answer.endsWith(body)).catch(() => expect(answer).toContain(body));
  socket.destroy();
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${problemBody(code).status} `));
  expect(answer).toMatch(/^Content-Type: application\/problem\+json\r$/m);
});

test('a body that is too long where no page is gets the words of the contract, not a page of nginx', async () => {
  const ask = (path: string, accept: string) =>
    raw(head('POST', path, accept, json, 'content-length: 5000') + 'x'.repeat(5000));
  for (const path of ['/_problem', '/no/such/page']) {
    for (const accept of ['accept: text/html', 'accept: */*']) {
      const answer = await ask(path, accept);
      expect(answer).toMatch(/^HTTP\/1\.1 4(?:04|13) /);
      expect(answer).toMatch(/content-type: application\/problem\+json/i);
      expect(answer).not.toContain('<center>');
    }
  }
});
