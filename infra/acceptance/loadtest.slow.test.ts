import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { newSaleId, openSale, seckill, seckillJson, seckillProcess, writeSaleFile } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import type { Report } from '#loadtest/report/report.ts';
import { findK6 } from '#loadtest/run/find-k6.ts';
import { checkoutDir } from '../stack/host/run-directory.ts';

// Loads of many seconds; a busy machine takes long for everything around them.
vi.setConfig({ testTimeout: 300_000 });

const stack = inject('stack');
// The other files' sales are on sale on this stack, too.
const beside = '--beside-live-sales';
const k6 = await findK6({ named: process.env.SECKILL_K6, checkout: checkoutDir, searchPath: process.env.PATH ?? '' });

let out = '';
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'loadtest-'));
});
afterAll(() => rm(out, { recursive: true }));

/** Refused with these words and that code. */
async function refused(code: number, words: RegExp, environment: Record<string, string>, ...args: string[]) {
  // Before anything else a process that answers no health check within 2 s is called down: once more then.
  const result = await poll('a refusal', async () => {
    const given = await seckill(environment, 'loadtest', ...args);
    return !given.stderr.includes('the stack is not up') && given;
  });
  expect(result.stderr).toMatch(words);
  expect(result.code).toBe(code);
}

/** The sales that load tests have made. */
async function madeByLoadTests(): Promise<string[]> {
  const sales = await seckillJson<{ saleId: string }[]>(stack.env, 'sale', 'list');
  return sales.map(({ saleId }) => saleId).filter((saleId) => /^(shadow|smoke)-/.test(saleId));
}

describe('before anything is sent, a load test is refused', () => {
  let before: string[] = [];
  beforeAll(async () => {
    before = await madeByLoadTests();
  });
  afterAll(async () => expect(await madeByLoadTests()).toEqual(before));

  test('without k6, with how to get it', () =>
    refused(78, /k6.*npm run setup:k6/, { ...stack.env, SECKILL_K6: join(out, 'k6') }, 'peak', beside));

  test('without a stack', () => refused(78, /no stack is running/, {}, 'smoke', '--dir', out));

  test('on a sale that is live, by its name or as a rehearsal, and on one that others have', async () => {
    const saleId = newSaleId('live');
    await openSale(stack.env, { saleId, units: 1 });
    await refused(2, /is live \(open\).*Nothing was sent/, stack.env, 'rehearsal', saleId, beside);
    await refused(2, /is live \(open\).*Nothing was sent/, stack.env, 'peak', '--sale', saleId, beside);
    await seckillJson(stack.env, 'sale', 'create', await writeSaleFile({ saleId: `${saleId}-b`, units: 1 }));
    await refused(2, /sells only sales of its own/, stack.env, 'peak', '--sale', `${saleId}-b`, beside);
    await refused(2, /there is no sale/, stack.env, 'rehearsal', 'no-such-sale', beside);
  });

  test('of a sale that opens before it could be over', async () => {
    const saleId = newSaleId('soon');
    const opensAt = new Date(Date.now() + 200_000).toISOString();
    await openSale(stack.env, { saleId, units: 1, opensAt });
    await refused(2, /opens in [123] min/, stack.env, 'rehearsal', saleId, beside); // less of them on a slow machine
  });

  test('beside a sale that people are buying in', async () => {
    await openSale(stack.env, { saleId: newSaleId('others'), units: 1 });
    await refused(2, /is live: its shoppers would feel the load/, stack.env, 'peak');
  });

  test('with no shoppers, and for longer than its bound', async () => {
    await refused(2, /from 1 to 1000000/, stack.env, 'peak', '--shoppers', '0', beside);
    await refused(2, /from 20 to 1800 seconds/, stack.env, 'peak', '--duration', '31m', beside);
    await refused(2, /from 5 to 300 seconds/, stack.env, 'smoke', '--duration', '0', beside);
    await refused(
      2,
      /lower the rate or the duration/,
      stack.env,
      'soak',
      '--rate',
      '5000',
      '--duration',
      '24h',
      beside,
    );
    await refused(2, /must end in \.html/, stack.env, 'smoke', '--out', 'report.pdf', beside);
  });

  test("on somebody else's host", () =>
    refused(
      2,
      /is an attack.*--i-own-this-host/,
      { ...stack.env, SECKILL_EDGE_URL: 'http://203.0.113.7' },
      'peak',
      beside,
    ));
});

test('a sale cannot be given the name of a shadow sale by hand', async () => {
  const file = await writeSaleFile({ saleId: `shadow-${crypto.randomUUID().slice(0, 8)}`, units: 1 });
  const { code, stderr } = await seckill(stack.env, 'sale', 'create', file);
  expect([code, stderr]).toEqual([2, expect.stringContaining('load test')]);
});

// Without k6 (npm run setup:k6) these are reported as skipped: the refusals above hold all the same.
// The command is a process of its own: it is one of those whose load it measures.
describe.runIf(k6.kind === 'found')('with k6', () => {
  test('smoke passes every route, balances its books and writes one page that stands alone', async () => {
    const html = join(out, 'smoke.html');
    const result = await seckillProcess(
      stack.env,
      'loadtest',
      'smoke',
      '--duration',
      '5',
      '--out',
      html,
      beside,
      '--json',
    );
    const said = JSON.parse(result.stdout) as { saleId: string; thresholds: Report['thresholds'] };
    // Whatever the machine is busy with, the answers are right; how quick they are is for `npm run bench` to say.
    expect(said.thresholds.filter(({ name, holds }) => !holds && !name.endsWith('p99'))).toEqual([]);
    const report = JSON.parse(await readFile(join(out, 'smoke.json'), 'utf8')) as Report;
    const routes = report.routes.map(({ route }) => route);
    for (const route of ['page', 'ticket', 'buy', 'order', 'events', 'payment', 'refund', 'cancel']) {
      expect(routes).toContain(route);
    }
    expect(report.audit?.balanced).toBe(true);
    // k6 counts its question at the gate, too.
    expect(report.totals.requestsByK6).toBe(report.totals.requests + 1);
    expect(await readFile(html, 'utf8')).toContain('<title>smoke of');
    const sale = await seckillJson<{ state: string }>(stack.env, 'sale', 'show', said.saleId);
    expect(sale.state).toBe('closed');
  });

  test('in a rehearsal every shopper gets a ticket through the edge, the shadow is sold to the last unit, and the sale stays as it was', async () => {
    const saleId = newSaleId('coming');
    const file = await writeSaleFile({
      saleId,
      units: 50,
      opensAt: new Date(Date.now() + 3_000_000).toISOString(),
    });
    await seckillJson(stack.env, 'sale', 'create', file);
    const before = await seckillJson(stack.env, 'sale', 'show', saleId);
    const args = ['--shoppers', '300', '--spike', '50', '--duration', '20', '--out', join(out, 'rehearsal.html')];
    const result = await seckillProcess(stack.env, 'loadtest', 'rehearsal', saleId, ...args, beside, '--json');
    const said = JSON.parse(result.stdout) as Pick<Report, 'totals' | 'phases' | 'audit' | 'saleId'>;
    expect(said.phases.map(({ name }) => name)).toEqual(['tickets', 'press']);
    expect(said.phases[0]?.shoppers).toMatchObject({ asked: 300, got: 300, missed: {} });
    expect(said.saleId).toBe(`shadow-${saleId}-1`);
    expect([said.totals.sold, said.totals.stored, said.audit?.balanced]).toEqual([50, 50, true]);
    expect(await seckillJson(stack.env, 'sale', 'show', saleId)).toEqual(before);
  });
});
