import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { startCdnBeforeEdge } from '#lab/servers/cdn-before-edge.ts';
import { ticketFor } from '#lab/servers/edge.ts';

let site: Awaited<ReturnType<typeof startCdnBeforeEdge>>;
let skipped = 0;

beforeAll(async () => {
  site = await startCdnBeforeEdge({ pageSeconds: 1 });
});
afterAll(() => site?.stop());
/** Those of this test alone: what the CDN asks for beside it, and lines that are written late, are others'. */
const originHits = async (of: RegExp) => (await site.originLines()).slice(skipped).filter((line) => of.test(line));
beforeEach(async () => {
  skipped = (await site.originLines()).length;
});

test('sale data is asked for once a second for everybody', async () => {
  const from = performance.now();
  for (let round = 0; round < 40; round += 1)
    await Promise.all(Array.from({ length: 25 }, () => site.get('/api/sales/open')));
  const seconds = (performance.now() - from) / 1000;
  expect((await originHits(/"GET \/api\/sales\/open /)).length).toBeLessThanOrEqual(2 + seconds);
});

test('how a client unpacks is no part of what a path of the API is, and no path looks like a packing', async () => {
  const packings = ['br', 'gzip', 'gzip, deflate, br', undefined];
  for (const [nth, packing] of packings.entries()) {
    const { status, headers } = await site.get(
      '/api/sales/s-sum',
      packing === undefined ? {} : { 'accept-encoding': packing },
    );
    expect([status, nth === 0 || headers['x-cache'] !== 'MISS']).toEqual([200, true]);
  }
  // A sale that is called like another one and a packing; and a page that is.
  expect((await site.get('/api/sales/s-sumbr')).status).toBe(404);
  await site.get('/sales/open', { 'accept-encoding': 'br' });
  for (const path of ['/sales/openbr', '/sales/open.br', '/br/sales/open'])
    expect((await site.get(path)).status).toBe(404);
});

test('what is one person’s own is never kept: every request of it reaches the origin', async () => {
  site.edge.gateway.answer = (_, response) => {
    // An upstream that forgets, or says the wrong thing.
    response.writeHead(200, { 'cache-control': 'public, max-age=600', 'content-type': 'application/json' }).end('{}');
  };
  const order = '/api/orders/open-01h00000000000000000000000';
  for (const path of [order, '/api/sales/open/challenge', `${order}/events`]) {
    for (let nth = 0; nth < 3; nth += 1) {
      const answer = await site.get(path, { authorization: `Bearer ${nth}` });
      expect(answer.headers['cache-control']).toBe('no-store');
    }
  }
  for (const path of [
    '/api/session',
    '/api/sales/open/ticket',
    `${order}/payment`,
    `${order}/cancel`,
    '/api/sales/open/orders',
  ]) {
    for (let nth = 0; nth < 2; nth += 1) {
      const headers = { 'content-type': 'application/json', 'seckill-ticket': ticketFor('open') };
      const answer = await site.pool.request({ method: 'POST', path, headers, body: '{"quantity":1}' });
      await answer.body.dump();
      expect([path, answer.headers['cache-control']]).toEqual([path, 'no-store']);
    }
  }
  const own = () => originHits(/ \/api\/(?:session|orders\/|sales\/open\/)/);
  await poll('all are written down', async () => (await own()).length >= 3 * 3 + 5 * 2);
  expect((await own()).length).toBe(3 * 3 + 5 * 2);
});

test('a refusal is not kept either', async () => {
  for (let nth = 0; nth < 3; nth += 1) {
    const { status, headers } = await site.get('/sales/none');
    expect([status, headers['cache-control']]).toEqual([404, 'no-store']);
  }
  const refused = () => originHits(/ \/sales\/none /);
  await poll('all are written down', async () => (await refused()).length >= 3);
  expect((await refused()).length).toBe(3);
});

test('the shopper’s address comes through the CDN, and what he says himself does not', async () => {
  site.edge.gateway.seen.length = 0;
  await site.pool.request({ method: 'GET', path: '/api/orders/x', headers: { 'x-forwarded-for': '1.2.3.4' } });
  expect(site.edge.gateway.seen[0]?.headers['x-forwarded-for']).toBe('127.0.0.1');
});

test('a page outlives its origin: the CDN shows what it has', async () => {
  await site.get('/sales/open');
  process.kill(site.edge.pid, 'SIGTERM');
  const isOldAndShown = async () => {
    const { status, headers } = await site.get('/sales/open');
    expect(status).toBe(200);
    return headers['x-cache'] === 'STALE' || headers['x-cache'] === 'UPDATING';
  };
  await poll('the page is old, and shown', isOldAndShown);
});
