import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiRoutes } from '#contract/api/routes.ts';
import { writePlainPages } from '#lab/kits/plain-pages.ts';
import { ask, refusal, saleOf, seenOf, startEdge, type TestEdge } from '#lab/servers/edge.ts';

const shop = 'https://www.shop.example';
const embedOrigins = [shop, 'http://localhost:3000'];
let open: TestEdge;
let closed: TestEdge;

beforeAll(async () => {
  [open, closed] = await Promise.all([startEdge({}, [], { values: { embedOrigins } }), startEdge()]);
  for (const edge of [open, closed]) {
    await edge.agent.send({ type: 'snapshot', sales: [saleOf('open')] });
    await writePlainPages(edge, 'index.html', 'order.html', 'orders.html', 'not-found.html', 'trouble.html');
    await writePlainPages(edge, 'sales/open.html', 'sales/open.ics', 'assets/page.0123abcd.js');
    await writeFile(join(edge.pagesDir, 'embed.js'), 'script');
    await writeFile(join(edge.pagesDir, 'embed.js.gz'), gzipSync('packed script'));
  }
});
afterAll(async () => void (await Promise.all([open.stop(), closed.stop()])));

const from = (edge: TestEdge, origin: string | null, path: string) =>
  ask(edge, path, { headers: { 'accept-encoding': 'identity', ...(origin === null ? {} : { origin }) } });
const allowed = ({ headers }: { headers: Headers }) => headers.get('access-control-allow-origin');
const publicPaths = ['/api/sales', '/api/sales/open', '/embed.js'];

test.each(publicPaths)(
  '%s may be read by a page of a named origin, and by no other; a cache keeps them apart',
  async (path) => {
    for (const origin of embedOrigins) expect(allowed(await from(open, origin, path))).toBe(origin);
    const strangers = ['https://evil.example', `${shop}.evil.example`, 'https://shop.example', `${shop}:8443`, 'null'];
    for (const origin of [...strangers, null]) {
      const answer = await from(open, origin, path);
      expect([origin, answer.status, allowed(answer)]).toEqual([origin, 200, null]);
      expect(answer.headers.get('vary')).toContain('Origin');
      expect(answer.headers.has('access-control-allow-credentials')).toBe(false);
    }
  },
);

test('that there is no such sale can be read as well', async () => {
  const answer = await from(open, shop, '/api/sales/none');
  expect([allowed(answer), seenOf(answer)]).toEqual([shop, refusal('SALE_UNKNOWN')]);
});

test('no other answer may be read by a page of another origin', async () => {
  const paths = ['/', '/sales/open', '/assets/page.0123abcd.js', '/none', '/api/orders', '/api/sales/open/challenge'];
  for (const path of paths) expect([path, allowed(await from(open, shop, path))]).toEqual([path, null]);
  const headers = { origin: shop, 'access-control-request-method': 'POST' };
  const preflight = await ask(open, '/api/sales/open/orders', { method: 'OPTIONS', headers });
  expect([allowed(preflight), seenOf(preflight)]).toEqual([null, refusal('METHOD_NOT_ALLOWED')]);
});

test('the script is kept for minutes and may be loaded by others; packed for whom that suits', async () => {
  const answer = await from(open, shop, '/embed.js');
  expect(answer.text).toBe('script');
  const documented = apiRoutes.find(({ operation }) => operation === 'loadElement')?.answers[200]?.type;
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': `${documented}; charset=utf-8`,
    'cache-control': 'public, max-age=300, s-maxage=60',
    'cross-origin-resource-policy': 'cross-origin',
    'x-content-type-options': 'nosniff',
  });
  expect((await ask(open, '/embed.js', { headers: { 'accept-encoding': 'gzip' } })).text).toBe('packed script');
  expect(seenOf(await ask(open, '/embed.js', { method: 'DELETE' }))).toEqual(refusal('METHOD_NOT_ALLOWED'));
});

const order = '/orders/open-01h00000000000000000000000';
test.each([
  ['/', 200],
  ['/sales/open', 200],
  ['/sales/open.ics', 200],
  ['/orders', 200],
  [order, 200],
  ['/sales/none', 404],
  ['/none', 404],
])('%s may be framed by the named origins; by default by nobody', async (path, status) => {
  const headers = { accept: 'text/html', 'accept-encoding': 'identity' };
  const framedBy = async (edge: TestEdge) => {
    const answer = await ask(edge, path, { headers });
    expect(answer.status).toBe(status);
    return /frame-ancestors (.*)$/.exec(answer.headers.get('content-security-policy') ?? '')?.[1];
  };
  expect([await framedBy(open), await framedBy(closed)]).toEqual([embedOrigins.join(' '), "'none'"]);
});

test('by default nothing tells of embedding', async () => {
  for (const path of publicPaths.slice(0, 2)) {
    const { headers } = await from(closed, shop, path);
    expect([headers.has('access-control-allow-origin'), headers.has('vary')]).toEqual([false, false]);
  }
  const program = { origin: shop, accept: 'application/json' };
  expect(seenOf(await ask(closed, '/embed.js', { headers: program }))).toEqual(refusal('NOT_FOUND'));
});
