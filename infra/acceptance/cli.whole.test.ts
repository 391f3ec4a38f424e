import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, inject, onTestFinished, test, vi } from 'vitest';
import { newSaleId, openSale, seckill, seckillJson, untilEdgesFollow, writeSaleFile } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { startRefusingProxy } from '#lab/servers/refusing-proxy.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { runCrowd } from '#loadtest/crowd/crowd.ts';
import { buy, call, orderState } from '#loadtest/crowd/shopper.ts';
import type { AuditReport } from '#order-worker/audit/audit.ts';
import type { Funnel } from '../cli/watch/funnel.ts';

// A busy machine takes long for what is done in a moment elsewhere.
vi.setConfig({ testTimeout: 300_000 });
const aFewCommands = { timeout: 90_000 };

const stack = inject('stack');
const pool = new Pool(stack.edgeUrl, { connections: 8 });
const saleId = newSaleId('cli');
const units = 4;

/** How long this machine takes to open a sale, ms. */
let openingMs = 0;

beforeAll(async () => {
  const from = performance.now();
  await openSale(stack.env, { saleId, units });
  openingMs = performance.now() - from;
});
afterAll(() => pool.close());

type Status = { running: boolean; processes: { role: string; health: string; innerUrl: string | null }[] };
/** What `seckill status` says when all is well. Who does not answer within 2 s is down: maybe up at the next look. */
const stackIsUp = () =>
  poll('every process to be up', async () => {
    const { code, stdout } = await seckill({}, 'status', '--dir', stack.dir, '--json');
    return code === 0 && (JSON.parse(stdout) as Status);
  });

test('minted tickets buy, their file is private, and audit --units names the owners in the order of the grants', async () => {
  const out = join(temporaryDirectory('tickets'), 'minted.tickets');
  await seckillJson(stack.env, 'tickets', 'mint', saleId, '--count', '3', '--out', out);
  expect((await stat(out)).mode & 0o777).toBe(0o600);
  const minted = (await readFile(out, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { ticket: string; userId: string; token: string; orderId: string });
  expect(minted).toHaveLength(3);
  for (const held of minted) {
    const { status, body } = await buy(pool, saleId, held, async (ms) => void (await pause(ms)), 20);
    expect([status, body.orderId]).toEqual([202, held.orderId]);
    await poll('the order to be shown', async () => (await orderState(pool, held)) !== null);
  }
  const owners = async () =>
    (JSON.parse((await seckill(stack.env, 'audit', saleId, '--units', '--json')).stdout) as AuditReport).owners ?? [];
  const areStored = async () => (await owners()).every(({ where }) => where === 'unpaid');
  await poll('the orders to be stored', areStored, aFewCommands.timeout);
  expect((await owners()).map(({ orderId, userId }) => [orderId, userId])).toEqual(
    minted.map(({ orderId, userId }) => [orderId, userId]),
  );
});

test('watch shows the funnel as JSON, and the edge in step', async () => {
  const watched = async (...more: string[]) =>
    (await seckill(stack.env, 'watch', saleId, '--rounds', '1', ...more)).stdout;
  // What does not answer within a second is shown as unknown, and what was stored may still be in the outbox: again then.
  await expect
    .poll(async () => JSON.parse(await watched('--json')) as Funnel, aFewCommands)
    .toMatchObject({ saleId, state: 'open', epoch: 2, edgeEpoch: 2, units: { total: units }, outbox: 0 });
  await expect.poll(() => watched(), aFewCommands).toMatch(/^cli-\S+ open e2 \| edges 3 in step \| free/);
});

test('a pause reaches the edge before the command returns, a resume too', async () => {
  const state = async () => (await call(pool, 'GET', `/api/sales/${saleId}`)).body.state;
  await untilEdgesFollow(stack.env, 'sale', 'pause', saleId);
  expect(await state()).toBe('paused');
  const { status, body, retryAfterSeconds } = await call(pool, 'POST', `/api/sales/${saleId}/orders`, {
    body: { quantity: 1 },
  });
  expect([status, body.code, retryAfterSeconds > 0]).toEqual([503, 'PAUSED', true]);
  await untilEdgesFollow(stack.env, 'sale', 'resume', saleId);
  expect(await state()).toBe('open');
});

test('a change that no replica has is told to no one, and its command says so; the same command again makes it known', async () => {
  const own = newSaleId('cli-replicas');
  await openSale(stack.env, { saleId: own, units: 1 });
  // The stack's stock Redis stands alone.
  const { code, stdout, stderr } = await seckill({ ...stack.env, SECKILL_STOCK_REPLICAS: '1' }, 'sale', 'pause', own);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain('stock Redis has done it, but 0 of 1 replicas have it');
  expect(stderr).toContain('"seckill status" shows the replicas; when they are back, run the same');
  const again = await seckill(stack.env, 'sale', 'pause', own);
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining(`${own} was paused already`)]);
});

test('a sale that opens later says when, and opens by the clock without anybody’s doing', async () => {
  const later = newSaleId('later');
  // Time enough to be there before it.
  const opensInMs = 4000 + 4 * openingMs;
  const opensAt = new Date(Date.now() + opensInMs).toISOString();
  await openSale(stack.env, { saleId: later, units: 1, opensAt });
  const early = await call(pool, 'POST', `/api/sales/${later}/orders`, { body: { quantity: 1 } });
  expect([early.status, early.body.code]).toEqual([403, 'NOT_OPEN']);
  expect(early.retryAfterSeconds).toBeGreaterThan(0);
  const isOpen = async () => (await call(pool, 'GET', `/api/sales/${later}`)).body.state === 'open';
  await poll('the opening', isOpen, opensInMs + 20_000);
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(opensAt) - 50);
});

test('the published page is served by the edge with headers for a CDN, and a title with signs is only text', async () => {
  const marked = newSaleId('page');
  const file = await writeSaleFile({ saleId: marked, units: 1, ...{ title: 'Cups & "saucers", 5 < 6' } });
  await seckillJson(stack.env, 'sale', 'create', file);
  await seckillJson(stack.env, 'stock', 'preload', marked);
  await seckillJson(stack.env, 'pages', 'publish', marked);
  // It looks at everything first, clocks and all: on a busy machine one of them may answer too late.
  await poll('it to be opened', async () => (await seckill(stack.env, 'sale', 'open', marked)).code === 0, 120_000);
  const { statusCode, headers, body } = await pool.request({ method: 'GET', path: `/sales/${marked}` });
  const html = await body.text();
  expect(statusCode).toBe(200);
  expect(headers['cache-control']).toContain('s-maxage');
  expect(headers['content-security-policy']).toContain("script-src 'self'");
  expect(html).toContain('Cups &amp; &quot;saucers&quot;, 5 &lt; 6');
  // A shop's folder with a mistake in it leaves the pages as they are.
  const refused = await seckill({ ...stack.env, SECKILL_BRAND_DIR: join(file, 'gone') }, 'pages', 'publish', marked);
  expect([refused.code, refused.stderr]).toEqual([78, expect.stringContaining('SECKILL_BRAND_DIR must name a folder')]);
});

test('status lists every process with role, pid, address and health', async () => {
  const status = await stackIsUp();
  expect(status.running).toBe(true);
  expect(status.processes.map(({ role }) => role).sort()).toEqual([
    'cdc',
    ...['edge', 'edge', 'edge'],
    ...['gateway', 'gateway', 'gateway'],
    'order-worker',
    'payment-sandbox',
    'postgres',
    'queue-redis',
    'seckill-service',
    'stock-redis',
    'zookeeper',
  ]);
  expect(status.processes.every(({ health }) => health === 'up')).toBe(true);
});

test('a demo crowd is counted, shed and audited', async () => {
  const demo = newSaleId('crowd');
  await openSale(stack.env, { saleId: demo, units: 20 });
  const { code, stdout } = await seckill(
    stack.env,
    'demo',
    'crowd',
    demo,
    '--shoppers',
    '300',
    '--pay',
    '50',
    '--json',
  );
  const report = JSON.parse(stdout) as {
    accepted: number;
    stored: number;
    paid: number;
    refused: Record<string, number>;
    audit: AuditReport;
  };
  expect(code).toBe(0);
  expect(report).toMatchObject({ accepted: 20, stored: 20, paid: 10, refused: { SOLD_OUT: 280 } });
  expect(report.audit.balanced).toBe(true);
});

test('a demo crowd that is refused once at every step, and cut off once, asks again as a page does', async () => {
  const demo = newSaleId('patient');
  await openSale(stack.env, { saleId: demo, units: 2 });
  let signIns = 0;
  const proxy = await startRefusingProxy(stack.edgeUrl, ({ method, path, before }) => {
    // The first of all sign-ins, and the first request of each shopper for anything else.
    const isFirst = path === '/api/session' ? signIns++ < 2 : before === 0;
    if (!isFirst) return null;
    return method === 'GET' || path.endsWith('/ticket') ? 'cut' : '503';
  });
  onTestFinished(proxy.close);
  const environment = { ...stack.env, SECKILL_EDGE_URL: proxy.url };
  const { code, stdout, stderr } = await seckill(environment, 'demo', 'crowd', demo, '--shoppers', '4', '--pay', '100');
  expect([code, stdout, stderr]).toEqual([0, expect.stringContaining('got in          2; orders stored 2'), stderr]);
  expect(stdout).toMatch(/^paid {12}2 /m);
  expect(stdout).toMatch(/^refused {9}SOLD_OUT 2$/m);
  expect(stdout).toMatch(/^gave up {9}none; \d\d requests were repeated$/m);
});

test('a crowd tells who gave up after a minute, by the step, and goes on with the others', async () => {
  const demo = newSaleId('gave-up');
  await openSale(stack.env, { saleId: demo, units: 5 });
  let signIns = 0;
  const proxy = await startRefusingProxy(stack.edgeUrl, ({ path }) => {
    if (path === '/api/session') return signIns++ > 2 ? 'cut' : null;
    return path.endsWith('/payment') ? '503' : null;
  });
  onTestFinished(proxy.close);
  // The minute passes as fast as it is asked for.
  let atMs = 0;
  const report = await runCrowd({
    edgeUrl: proxy.url,
    saleId: demo,
    shoppers: 5,
    payShare: 1,
    onProgress: () => {},
    wait: async (ms) => {
      atMs += ms;
      await pause(1);
    },
    nowMs: () => atMs / 100 + performance.now(),
  });
  expect(report).toMatchObject({ tickets: 3, accepted: 3, stored: 3, paid: 0, refused: {} });
  expect(report.gaveUp).toEqual({ 'sign-in': 2, payment: 3 });
  expect(report.repeated).toBeGreaterThan(10);
});
