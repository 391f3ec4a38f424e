import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newSaleId, openSale } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { buy, getTicket, signIn } from '#loadtest/crowd/shopper.ts';
import { parseSamples, type Sample } from '#runtime/prometheus-text.ts';
import { stackStatus } from '../stack/running-stack.ts';

// Counters of outcomes have no label of a sale: no other test may buy while they are compared.
const stack = stackUnderTest();
const saleId = newSaleId('metrics');
const pool = new Pool(stack.edgeUrl, { connections: 4 });
let before: Sample[] = [];
/** Answers of the edge to these two: it counts a "try again" too. */
let answers = 2;

async function samples(): Promise<Sample[]> {
  const { processes } = await stackStatus(stack.dir);
  const pages = processes.flatMap(({ innerUrl }) => innerUrl ?? []).map(async (url) => fetch(`${url}/metrics`));
  return parseSamples((await Promise.all((await Promise.all(pages)).map((page) => page.text()))).join('\n'));
}
const sum = (all: readonly Sample[], name: string, labels: Record<string, string> = {}) =>
  all
    .filter((it) => it.name === name && Object.entries(labels).every(([key, text]) => it.labels[key] === text))
    .reduce((total, { value }) => total + value, 0);

beforeAll(async () => {
  await openSale(stack.env, { saleId, units: 2 });
  before = await samples();
  for (let shopper = 0; shopper < 2; shopper += 1) {
    const held = await getTicket(pool, saleId, await signIn(pool));
    if (!('ticket' in held)) throw new Error(`no ticket: ${JSON.stringify(held)}`);
    const again = async (ms: number) => {
      answers += 1;
      await wait(ms);
    };
    expect((await buy(pool, saleId, held, again, 20)).status).toBe(202);
  }
});
afterAll(() => pool.close());

/** The growth of one series, or of several together. */
const grows = (name: string, by: number, ...series: Record<string, string>[]) =>
  poll(`${name} to grow by ${by}`, async () => {
    const now = await samples();
    const each = series.length === 0 ? [{}] : series;
    const grown = each.reduce((all, labels) => all + sum(now, name, labels) - sum(before, name, labels), 0);
    if (grown > by) throw new Error(`${name} grew by ${grown}`);
    return grown === by;
  });

test('each purchase is counted and timed once by the edge and once by the service', async () => {
  // A yes whose answer was lost is a replay when it is asked for again.
  await grows('seckill_purchases_total', 2, { outcome: 'accepted' }, { outcome: 'replay' });
  await grows('seckill_edge_upstream_total', answers, { sale: saleId });
  // What takes the time has no label of a sale: all that was counted is compared with all that was timed.
  await poll('each to have timed what it has counted', async () => {
    const now = await samples();
    const edge = sum(now, 'seckill_edge_upstream_total');
    return (
      sum(now, 'seckill_purchase_seconds_count') === sum(now, 'seckill_purchases_total') &&
      sum(now, 'seckill_edge_answer_seconds_count') === edge &&
      sum(now, 'seckill_edge_answer_seconds_bucket', { le: '+Inf' }) === edge
    );
  });
});

test('the last unit starts the clock of shedding, and the edge that obeys stops it', async () => {
  await grows('seckill_shed_seconds_count', 1);
  const after = await samples();
  const took = sum(after, 'seckill_shed_seconds_sum') - sum(before, 'seckill_shed_seconds_sum');
  expect(took).toBeGreaterThan(0);
  await poll('the gauge of the sale to follow', async () => {
    const now = await samples();
    const isSoldOut = sum(now, 'seckill_sale_state', { sale: saleId, state: 'sold_out' }) === 1;
    const epoch = sum(now, 'seckill_sale_epoch', { sale: saleId });
    const applied = now.filter(({ name, labels }) => name === 'seckill_edge_applied_epoch' && labels.sale === saleId);
    return isSoldOut && epoch > 0 && applied.map(({ value }) => value).join() === stack.edges.map(() => epoch).join();
  });
});

test('units, outbox and audit of the sale are told', async () => {
  await poll(
    'both orders to be stored',
    async () => sum(await samples(), 'seckill_sale_units', { sale: saleId, what: 'stored' }) === 2,
  );
  expect(sum(await samples(), 'seckill_sale_units', { sale: saleId, what: 'free' })).toBe(0);
  await poll(
    'the outbox to be told empty',
    async () => sum(await samples(), 'seckill_outbox_entries', { sale: saleId }) === 0,
  );
  await poll('every connection to be there', async () => sum(await samples(), 'seckill_connected') === 16);
});
