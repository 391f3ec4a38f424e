import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ProblemCode } from '#contract/problems.ts';
import { publicSaleSchema } from '#contract/sale.ts';
import { shadowSalePrefix } from '#contract/shadow-sale.ts';
import { writePlainPages } from '#lab/kits/plain-pages.ts';
import { ask, refusal, saleOf, seenOf, startEdge, type TestEdge } from '#lab/servers/edge.ts';

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
  await writePlainPages(edge, 'index.html', 'sales/open.html');
});
afterAll(() => edge.stop());
beforeEach(() => edge.forgetSeen());

const order = '/api/orders/open-01h00000000000000000000000';
const handedOver = '/api/hand-over/orders/open-01h00000000000000000000000';

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
  ['GET', '/api/orders', 'GET, HEAD'],
  ['GET', order, 'GET, HEAD'],
  ['GET', `${order}/events`, 'GET, HEAD'],
  ['POST', `${order}/payment`, 'POST'],
  ['POST', `${order}/cancel`, 'POST'],
  ['POST', `${order}/refund`, 'POST'],
  ['PUT', `${order}/details`, 'PUT'],
  ['POST', '/api/payments/webhook', 'POST'],
  ['GET', '/api/hand-over/keys', 'GET, HEAD'],
  ['POST', `${handedOver}/paid`, 'POST'],
  ['POST', `${handedOver}/cancelled`, 'POST'],
  ['POST', `${handedOver}/refunded`, 'POST'],
  ['POST', `${handedOver}/details`, 'POST'],
  ['GET', '/', 'GET, HEAD'],
  ['GET', '/sales/open', 'GET, HEAD'],
];

test.each(routes)(
  '%s %s: every other method is refused and names those that are allowed',
  async (method, path, allow) => {
    const others = ['PUT', 'DELETE', 'PATCH', 'OPTIONS', method === 'GET' ? 'POST' : 'GET'];
    for (const other of others.filter((each) => each !== method)) {
      const answer = await ask(edge, path, { method: other });
      expect(seenOf(answer)).toEqual(refusal('METHOD_NOT_ALLOWED'));
      expect(answer.headers.get('allow')).toBe(allow);
    }
    expect([...edge.gateway.seen, ...edge.service.seen]).toEqual([]);
  },
);

test.each(routes.filter(([, path]) => /session|api\/orders|webhook|hand-over/.test(path)))(
  '%s %s goes to the gateway',
  async (method, path) => {
    expect((await ask(edge, path, { method })).text).toBe('{"from":"gateway"}');
    expect(edge.gateway.seen).toMatchObject([{ method, url: path }]);
  },
);

test('a payment provider’s form goes on byte for byte, with its type: the signature is of its fields', async () => {
  const type = 'application/x-www-form-urlencoded; charset=utf-8';
  const body = 'subject=%E6%89%8B%E6%9C%BA+1&fund_bill_list=%5B%7B%22amount%22%3A%220.10%22%7D%5D&sign=a%2Bb%2Fc%3D%3D';
  await ask(edge, '/api/payments/webhook', { method: 'POST', headers: { 'content-type': type }, body });
  expect(edge.gateway.seen).toMatchObject([{ body, headers: { 'content-type': type } }]);
});

test('the gateway too gets an allow-list of headers; what servers call gets all, but no spoofed ones', async () => {
  const headers = {
    'seckill-user': 'root',
    'x-forwarded-for': '10.0.0.1',
    'x-request-id': 'spoofed',
    'provider-signature': 's',
  };
  await ask(edge, '/api/session', { method: 'POST', headers });
  await ask(edge, '/api/payments/webhook', { method: 'POST', headers });
  await ask(edge, `${handedOver}/paid`, { method: 'POST', headers });
  const [session, webhook, paid] = edge.gateway.seen.map((seen) => seen.headers);
  expect(session).not.toHaveProperty('seckill-user');
  expect(session).not.toHaveProperty('provider-signature');
  expect(webhook).toHaveProperty('provider-signature', 's');
  expect(paid).toHaveProperty('provider-signature', 's');
  for (const seen of [session, webhook, paid]) {
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
  '/api/orders/',
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

test('a gateway that is away is UNAVAILABLE, and pages and sales are still served', async () => {
  await edge.gateway.stop();
  const answer = await ask(edge, '/api/session', { method: 'POST' });
  expect(seenOf(answer)).toEqual(refusal('UNAVAILABLE'));
  expect(answer.headers.get('retry-after')).toBe('1');
  expect((await ask(edge, '/')).status).toBe(200);
  expect((await ask(edge, '/api/sales')).status).toBe(200);
});
