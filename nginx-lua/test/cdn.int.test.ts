import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Pool } from 'undici';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { publishPages } from '#gateway/pages/publish.ts';
import { testingSale } from '#gateway/pages/testing-sale.ts';
import { poll } from '#lab/poll.ts';
import { startCdn } from '#lab/servers/cdn.ts';
import { saleOf, startEdge, type TestEdge, ticketFor } from '#lab/servers/edge.ts';

let edge: TestEdge;
let cdn: Awaited<ReturnType<typeof startCdn>>;
let pool: Pool;
let accessLog: string;
let dir: string;
let assets: string[];
let skipped = 0;

beforeAll(async () => {
  edge = await startEdge({}, [], {
    values: { trustedProxies: ['127.0.0.1'] },
    // The origin writes down what reaches it, for this test only.
    beforeStart: async (config) => {
      accessLog = join(dirname(config), '../access.log');
      const logging = join(dirname(config), 'conf.d/logging.conf');
      const text = await readFile(logging, 'utf8');
      await writeFile(logging, `${text}\naccess_log "${accessLog}";\n`);
    },
  });
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open')] });
  const now = new Date();
  const { files } = await publishPages({ sales: [testingSale('open', now)], pagesDir: edge.pagesDir, now });
  assets = files.filter((file) => file.startsWith('assets/')).map((file) => `/${file}`);
  dir = await mkdtemp(join(tmpdir(), 'cdn-'));
  cdn = await startCdn(dir, `127.0.0.1:${edge.port}`);
  pool = new Pool(cdn.url, { connections: 32 });
});
afterAll(async () => {
  await pool?.close();
  await cdn?.stop();
  await edge?.stop();
  await rm(dir, { recursive: true, force: true });
});
const originLines = async () => (await readFile(accessLog, 'utf8')).split('\n').filter((line) => line !== '');
/** Those of this test alone: what the CDN asks for beside it, and lines that are written late, are others'. */
const originHits = async (of = /./) => (await originLines()).slice(skipped).filter((line) => of.test(line));
beforeEach(async () => {
  skipped = (await originLines()).length;
});

const get = async (path: string, headers: Record<string, string> = {}) => {
  const answer = await pool.request({ method: 'GET', path, headers });
  await answer.body.dump();
  return { status: answer.statusCode, headers: answer.headers };
};

test('10,000 page views through a CDN cost the origin a handful of requests', { timeout: 300_000 }, async () => {
  const paths = ['/', '/sales/open', '/orders/open-01h00000000000000000000000', ...assets];
  const spellings = ['gzip, deflate, br, zstd', 'br;q=1.0, gzip;q=0.8', 'gzip, deflate', 'gzip', 'identity'];
  const from = performance.now();
  let next = 0;
  const statuses = new Set<number>();
  const visitor = async () => {
    while (next < 10_000) {
      const nth = next++;
      const path = paths[nth % paths.length] ?? '/';
      const accept = spellings[Math.floor(nth / paths.length) % spellings.length] ?? '';
      statuses.add((await get(`${path}?visitor=${nth}`, { 'accept-encoding': accept })).status);
    }
  };
  await Promise.all(Array.from({ length: 32 }, visitor));
  const seconds = (performance.now() - from) / 1000;
  expect([...statuses]).toEqual([200]);
  // Each file in each of three packings once, and the pages again when their ten seconds are over.
  const fills = paths.length * 3 + 3 * 3 * Math.ceil(seconds / 10);
  expect((await originHits()).length).toBeLessThanOrEqual(fills);
  expect(fills).toBeLessThan(150);
});

test('sale data is asked for once a second for everybody', async () => {
  const from = performance.now();
  for (let round = 0; round < 40; round += 1)
    await Promise.all(Array.from({ length: 25 }, () => get('/api/sales/open')));
  const seconds = (performance.now() - from) / 1000;
  expect((await originHits(/"GET \/api\/sales\/open /)).length).toBeLessThanOrEqual(2 + seconds);
});

test('what is one person’s own is never kept: every request of it reaches the origin', async () => {
  edge.gateway.answer = (_, response) => {
    // An upstream that forgets, or says the wrong thing.
    response.writeHead(200, { 'cache-control': 'public, max-age=600', 'content-type': 'application/json' }).end('{}');
  };
  const order = '/api/orders/open-01h00000000000000000000000';
  for (const path of [order, '/api/sales/open/challenge', `${order}/events`]) {
    for (let nth = 0; nth < 3; nth += 1) {
      const answer = await get(path, { authorization: `Bearer ${nth}` });
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
      const answer = await pool.request({ method: 'POST', path, headers, body: '{"quantity":1}' });
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
    const { status, headers } = await get('/sales/none');
    expect([status, headers['cache-control']]).toEqual([404, 'no-store']);
  }
  const refused = () => originHits(/ \/sales\/none /);
  await poll('all are written down', async () => (await refused()).length >= 3);
  expect((await refused()).length).toBe(3);
});

test('the shopper’s address comes through the CDN, and what he says himself does not', async () => {
  edge.gateway.seen.length = 0;
  await pool.request({ method: 'GET', path: '/api/orders/x', headers: { 'x-forwarded-for': '1.2.3.4' } });
  expect(edge.gateway.seen[0]?.headers['x-forwarded-for']).toBe('127.0.0.1');
});

test('a page outlives its origin: the CDN shows what it has', { timeout: 90_000 }, async () => {
  await get('/sales/open');
  process.kill(edge.pid, 'SIGTERM');
  const isOldAndShown = async () => {
    const { status, headers } = await get('/sales/open');
    expect(status).toBe(200);
    return headers['x-cache'] === 'STALE' || headers['x-cache'] === 'UPDATING';
  };
  await poll('the page is old, and shown', isOldAndShown, 45_000);
});
