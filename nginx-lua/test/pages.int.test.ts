import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writePlainPages } from '#lab/kits/plain-pages.ts';
import { requestHead as head, sendRaw } from '#lab/kits/raw-request.ts';
import { ask, refusal, saleOf, seenOf, startEdge, type TestEdge } from '#lab/servers/edge.ts';

let edge: TestEdge;

beforeAll(async () => {
  edge = await startEdge();
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open')] });
  await writePlainPages(
    edge,
    'index.html',
    'order.html',
    'orders.html',
    'sales/open.html',
    'sales/open.ics',
    'assets/page.0123abcd.js',
  );
});
afterAll(() => edge.stop());

const raw = (text: string) => sendRaw(edge, text);
const plain = { headers: { 'accept-encoding': 'identity' } };

describe('pages', () => {
  test.each([
    ['/', 'plain index.html'],
    ['/sales/open', 'plain sales/open.html'],
    ['/orders', 'plain orders.html'],
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

  test('the opening of a sale is an entry of a calendar, kept as a page is', async () => {
    const answer = await ask(edge, '/sales/open.ics', plain);
    expect(answer).toMatchObject({ status: 200, text: 'plain sales/open.ics' });
    expect(answer.headers.get('content-type')).toBe('text/calendar; charset=utf-8');
    expect(answer.headers.get('cache-control')).toMatch(/^public, max-age=1, s-maxage=10/);
    expect((await ask(edge, '/sales/none.ics', plain)).status).toBe(404);
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

describe('an address of a page that was typed in another way', () => {
  test.each([
    ['/sales/open/', '/sales/open'],
    ['/sales/Open', '/sales/open'],
    ['/SALES/OPEN//?from=mail&x=1', '/sales/open?from=mail&x=1'],
    ['/orders/OPEN-01H00000000000000000000000/', '/orders/open-01h00000000000000000000000'],
    ['/Orders/', '/orders'],
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
    '/orders/x_/',
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
    '%s is a problem for every client',
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
