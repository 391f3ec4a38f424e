import { mkdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ProblemCode, problemBody } from '#contract/problems.ts';
import { publicSaleSchema } from '#contract/sale.ts';
import { shadowSalePrefix } from '#contract/shadow-sale.ts';
import { poll } from '#lab/poll.ts';
import { ask, refusal, saleOf, seenOf, startEdge, type TestEdge, ticketFor } from '#lab/servers/edge.ts';

let edge: TestEdge;
const rehearsal = `${shadowSalePrefix}open-1`;

beforeAll(async () => {
  edge = await startEdge();
  await edge.agent.send({
    type: 'snapshot',
    sales: [
      saleOf('open'),
      saleOf('draft', { state: 'draft' }),
      saleOf('upcoming', { opensInMs: 1_800_000 }),
      saleOf('paused', { state: 'paused' }),
      saleOf('sold-out', { state: 'sold_out' }),
      saleOf('closed', { state: 'closed' }),
      saleOf(rehearsal),
      saleOf('shadowy'),
    ],
  });
  await mkdir(join(edge.pagesDir, 'assets'), { recursive: true });
  await mkdir(join(edge.pagesDir, 'sales'));
  for (const page of ['index.html', 'order.html', 'sales/open.html', 'assets/page.0123abcd.js']) {
    await writeFile(join(edge.pagesDir, page), `plain ${page}`);
  }
});
afterAll(() => edge.stop());
beforeEach(() => {
  edge.gateway.seen.length = 0;
  edge.service.seen.length = 0;
});

const order = '/api/orders/open-01h00000000000000000000000';
const plain = { headers: { 'accept-encoding': 'identity' } };

describe('pages', () => {
  test.each([
    ['/', 'plain index.html'],
    ['/sales/open', 'plain sales/open.html'],
    ['/orders/open-01h00000000000000000000000', 'plain order.html'],
  ])('%s is served from disk, cacheable by a CDN, under a strict policy', async (path, text) => {
    const answer = await ask(edge, path, plain);
    expect(answer).toMatchObject({ status: 200, text });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'public, max-age=1, s-maxage=10, stale-while-revalidate=60, stale-if-error=600',
      etag: expect.any(String),
      vary: 'Accept-Encoding',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'permissions-policy': expect.stringContaining('geolocation=()'),
    });
    const policy = answer.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'; script-src 'self'");
    expect(policy).not.toContain('unsafe');
    expect(answer.headers.has('content-encoding')).toBe(false);
    const again = await ask(edge, path, {
      headers: { ...plain.headers, 'if-none-match': answer.headers.get('etag') ?? '' },
    });
    expect(again.status).toBe(304);
  });

  test('an asset is kept for ever', async () => {
    const answer = await ask(edge, '/assets/page.0123abcd.js', plain);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(answer.headers.get('content-type')).toMatch(/^text\/javascript/);
  });

  test.each([
    '/sales/none',
    '/sales/',
    '/sales/open.html',
    '/order.html',
    '/assets/',
    '/assets/none.js',
    '/none',
    '/_problem',
    '/metrics',
    '/healthz',
    '/readyz',
  ])('%s is nothing here', async (path) => {
    const answer = await ask(edge, path);
    expect(seenOf(answer)).toEqual(refusal('NOT_FOUND'));
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });
});

/** One request as these bytes, on a connection of its own; its status line and what follows. */
async function raw(text: string): Promise<string> {
  const socket = connect(edge.port, '127.0.0.1');
  socket.on('error', () => {}); // nginx may hang up before it has read everything
  socket.write(text);
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  return answer;
}
const head = (method: string, target: string, ...headers: string[]) =>
  [`${method} ${target} HTTP/1.1`, 'host: x', 'connection: close', ...headers, '', ''].join('\r\n');
const json = 'content-type: application/json';

describe('an address of a page that was typed in another way', () => {
  test.each([
    ['/sales/open/', '/sales/open'],
    ['/sales/Open', '/sales/open'],
    ['/SALES/OPEN//?from=mail&x=1', '/sales/open?from=mail&x=1'],
    ['/orders/OPEN-01H00000000000000000000000/', '/orders/open-01h00000000000000000000000'],
    ['//sales/open/', '/sales/open'],
  ])('%s leads to %s', async (path, to) => {
    const answer = await raw(head('GET', path));
    expect(answer).toMatch(/^HTTP\/1\.1 308 /);
    expect(answer).toContain(`\r\nLocation: ${to}\r\n`);
    expect(answer).toContain('\r\nCache-Control: no-store\r\n');
  });

  test.each([
    '/sales/none/none',
    '/sales/',
    '/Sales/o_pen/',
    '/orders/',
    '//evil.example/',
    '/sales/%0d%0ax/',
    '/api/sales/open/',
  ])('%s leads nowhere', async (path) => expect(await raw(head('GET', path))).toMatch(/^HTTP\/1\.1 40[04] /));
});

describe('where nothing is', () => {
  beforeAll(async () => {
    for (const name of ['not-found', 'trouble']) await writeFile(join(edge.pagesDir, `${name}.html`), `page ${name}`);
  });
  afterAll(async () => {
    for (const name of ['not-found', 'trouble']) await rm(join(edge.pagesDir, `${name}.html`));
  });
  const html = { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } };

  test.each(['/none', '/sales/none', '/orders/zzz', '/metrics', '/sales/open.html', '/_trouble'])(
    '%s: a person gets a page, under the policy of pages and in no cache; a program that asks for JSON a problem',
    async (path) => {
      for (const init of [html, plain]) {
        const answer = await ask(edge, path, init);
        expect(answer).toMatchObject({ status: 404, text: 'page not-found' });
        expect(Object.fromEntries(answer.headers)).toMatchObject({
          'content-type': 'text/html; charset=utf-8',
          'cache-control': 'no-store',
          vary: 'Accept-Encoding',
          'x-content-type-options': 'nosniff',
          'content-security-policy': expect.stringContaining("default-src 'none'"),
        });
      }
      expect(seenOf(await ask(edge, path, { headers: { accept: 'application/json' } }))).toEqual(refusal('NOT_FOUND'));
      expect((await ask(edge, path, { method: 'HEAD' })).status).toBe(404);
    },
  );

  test.each(['/api', '/api/none', '//api//none', '/API/none', '/assets/none.js'])(
    '%s is a problem, whoever asks',
    async (path) =>
      expect(await raw(head('GET', path, 'accept: text/html'))).toMatch(/^HTTP\/1\.1 404 [\s\S]*"NOT_FOUND"/),
  );

  test('what else nginx has to say is a page for a browser, and a problem for everybody else', async () => {
    const posted = await ask(edge, '/', { method: 'POST', ...html });
    expect(posted).toMatchObject({ status: 405, text: 'page trouble' });
    expect(posted.headers.get('allow')).toBe('GET, HEAD');
    expect(seenOf(await ask(edge, '/', { method: 'POST' }))).toEqual(refusal('METHOD_NOT_ALLOWED'));
    const cookies = `cookie: ${'c'.repeat(40_000)}`;
    expect(await raw(head('GET', '/', 'accept: text/html', cookies))).toMatch(/^HTTP\/1\.1 400 [\s\S]*page trouble$/);
    expect(await raw(head('GET', '/', cookies))).toMatch(/^HTTP\/1\.1 400 [\s\S]*"BAD_REQUEST"/);
    expect(await raw(head('GET', '/api/sales', 'accept: text/html', cookies))).toMatch(/"BAD_REQUEST"/);
  });
});

describe('cookies of 32 KB', () => {
  const cookie = `cookie: shop=${'c'.repeat(32 * 1024 - 5)}`;

  test('keep nobody out, and end at the edge', async () => {
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

describe('sales from memory', () => {
  test.each([
    ['open', 'open'],
    ['draft', 'draft'],
    ['upcoming', 'upcoming'],
    ['paused', 'paused'],
    ['sold-out', 'sold_out'],
    ['closed', 'closed'],
  ])('GET /api/sales/%s shows the sale as the contract says, state %s', async (saleId, state) => {
    const before = Date.now();
    const answer = await ask(edge, `/api/sales/${saleId}`);
    const sale = publicSaleSchema.strict().parse(JSON.parse(answer.text));
    expect(sale).toMatchObject({ saleId, state, epoch: 1, title: `Sale "${saleId}" 手机` });
    // nginx keeps the time of its last event: it may be a few ms behind.
    expect(Date.parse(sale.now)).toBeGreaterThan(before - 200);
    expect(Date.parse(sale.now)).toBeLessThanOrEqual(Date.now());
    expect(answer.headers.get('cache-control')).toBe('public, max-age=0, s-maxage=1');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(edge.gateway.seen).toEqual([]);
  });

  test('GET /api/sales lists every sale but the drafts and those of load tests', async () => {
    const list = JSON.parse((await ask(edge, '/api/sales')).text);
    expect(list.sales.map((sale: unknown) => publicSaleSchema.parse(sale).saleId)).toEqual([
      'closed',
      'open',
      'paused',
      'shadowy',
      'sold-out',
      'upcoming',
    ]);
    expect(Number.isNaN(Date.parse(list.now))).toBe(false);
  });

  test("a load test's sale, in no list, is told of by its id", async () => {
    const answer = await ask(edge, `/api/sales/${rehearsal}`);
    expect(publicSaleSchema.parse(JSON.parse(answer.text))).toMatchObject({ saleId: rehearsal, state: 'open' });
  });

  test('an unknown sale is a problem', async () => {
    expect(seenOf(await ask(edge, '/api/sales/none'))).toEqual(refusal('SALE_UNKNOWN'));
  });
});

describe('the ticket office', () => {
  test.each(['open', 'upcoming', 'paused', 'sold-out'])('is open for the sale %s', async (saleId) => {
    await ask(edge, `/api/sales/${saleId}/challenge`);
    await ask(edge, `/api/sales/${saleId}/ticket`, {
      method: 'POST',
      body: '{}',
      headers: { authorization: 'Bearer x' },
    });
    expect(edge.gateway.seen).toMatchObject([
      { method: 'GET', url: `/api/sales/${saleId}/challenge` },
      { method: 'POST', url: `/api/sales/${saleId}/ticket`, body: '{}', headers: { authorization: 'Bearer x' } },
    ]);
  });

  test.each<[string, ProblemCode]>([
    ['none', 'SALE_UNKNOWN'],
    ['draft', 'NOT_OPEN'],
    ['closed', 'SALE_CLOSED'],
  ])('is closed for the sale %s, and the gateway is not asked', async (saleId, code) => {
    expect(seenOf(await ask(edge, `/api/sales/${saleId}/challenge`))).toEqual(refusal(code));
    expect(seenOf(await ask(edge, `/api/sales/${saleId}/ticket`, { method: 'POST' }))).toEqual(refusal(code));
    expect(edge.gateway.seen).toEqual([]);
  });
});

const routes: [method: string, path: string, allow: string][] = [
  ['GET', '/api/sales', 'GET, HEAD'],
  ['GET', '/api/sales/open', 'GET, HEAD'],
  ['POST', '/api/sales/open/orders', 'POST'],
  ['GET', '/api/sales/open/challenge', 'GET, HEAD'],
  ['POST', '/api/sales/open/ticket', 'POST'],
  ['POST', '/api/session', 'POST'],
  ['GET', order, 'GET, HEAD'],
  ['GET', `${order}/events`, 'GET, HEAD'],
  ['POST', `${order}/payment`, 'POST'],
  ['POST', `${order}/cancel`, 'POST'],
  ['POST', `${order}/refund`, 'POST'],
  ['POST', '/api/payments/webhook', 'POST'],
  ['GET', '/', 'GET, HEAD'],
  ['GET', '/sales/open', 'GET, HEAD'],
];

test.each(routes)(
  '%s %s: every other method is refused and names those that are allowed',
  async (method, path, allow) => {
    for (const other of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', method === 'GET' ? 'POST' : 'GET']) {
      const answer = await ask(edge, path, { method: other });
      expect(seenOf(answer)).toEqual(refusal('METHOD_NOT_ALLOWED'));
      expect(answer.headers.get('allow')).toBe(allow);
    }
    expect([...edge.gateway.seen, ...edge.service.seen]).toEqual([]);
  },
);

test.each(routes.filter(([, path]) => /session|orders\/open|webhook/.test(path)))(
  '%s %s goes to the gateway',
  async (method, path) => {
    expect((await ask(edge, path, { method })).text).toBe('{"from":"gateway"}');
    expect(edge.gateway.seen).toMatchObject([{ method, url: path }]);
  },
);

test('the gateway too gets an allow-list of headers; the webhook gets all, but no spoofed ones', async () => {
  const headers = {
    'seckill-user': 'root',
    'x-forwarded-for': '10.0.0.1',
    'x-request-id': 'spoofed',
    'provider-signature': 's',
  };
  await ask(edge, '/api/session', { method: 'POST', headers });
  await ask(edge, '/api/payments/webhook', { method: 'POST', headers });
  const [session, webhook] = edge.gateway.seen.map((seen) => seen.headers);
  expect(session).not.toHaveProperty('seckill-user');
  expect(session).not.toHaveProperty('provider-signature');
  expect(webhook).toHaveProperty('provider-signature', 's');
  for (const seen of [session, webhook]) {
    expect(seen?.['x-forwarded-for']).toBe('127.0.0.1');
    expect(seen?.['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
  }
});

test('an edge that trusts nobody believes nobody', async () => {
  await ask(edge, '/api/orders/x', { headers: { 'x-forwarded-for': '198.51.100.1' } });
  expect(edge.gateway.seen[0]?.headers['x-forwarded-for']).toBe('127.0.0.1');
});

test('an event is with the shopper while the stream is still open', async () => {
  const { answer } = edge.gateway;
  let say = (_: string) => {};
  let end = () => {};
  edge.gateway.answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    say = (text) => response.write(text);
    end = () => response.end();
  };
  const stream = await fetch(`${edge.url}${order}/events`);
  const reader = stream.body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: 1\n\n');
  say('data: 2\n\n');
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: 2\n\n');
  end();
  expect((await reader?.read())?.done).toBe(true);
  edge.gateway.answer = answer;
});

test.each([
  '/api',
  '/api/',
  '/api/none',
  '/api/sales/open/none',
  '/api/orders',
  '/api/sales/open/orders/',
  '/api/metrics',
])('%s is nothing here, whatever the method', async (path) => {
  expect(seenOf(await ask(edge, path))).toEqual(refusal('NOT_FOUND'));
  expect(seenOf(await ask(edge, path, { method: 'POST' }))).toEqual(refusal('NOT_FOUND'));
});

test('the inner endpoints live on the inner address only, whatever host is named', async () => {
  for (const path of ['/healthz', '/readyz', '/metrics']) {
    expect((await fetch(`${edge.innerUrl}${path}`)).status).toBe(200);
    const { host } = new URL(edge.innerUrl);
    const status = await new Promise((resolve, reject) => {
      request(`${edge.url}${path}`, { headers: { host } }, (answer) => resolve(answer.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(404);
  }
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

test('a gateway that is away is UNAVAILABLE, and pages and sales are still served', async () => {
  await edge.gateway.stop();
  const answer = await ask(edge, '/api/session', { method: 'POST' });
  expect(seenOf(answer)).toEqual(refusal('UNAVAILABLE'));
  expect(answer.headers.get('retry-after')).toBe('1');
  expect((await ask(edge, '/')).status).toBe(200);
  expect((await ask(edge, '/api/sales')).status).toBe(200);
});
