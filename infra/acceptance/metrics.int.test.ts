import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buy, getTicket, signIn } from '#loadtest/crowd/shopper.ts';
import { parseSamples, type Sample } from '#runtime/prometheus-text.ts';
import { stackStatus } from '../stack/running-stack.ts';
import { stackUnderTest } from '../stack/testing/stack-under-test.ts';
import { newSaleId, openSale, until } from './seckill.ts';

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
  await openSale(stack.env, stack.dir, { saleId, units: 2 });
  before = await samples();
  for (let shopper = 0; shopper < 2; shopper += 1) {
    const held = await getTicket(pool, saleId, await signIn(pool));
    if (!('ticket' in held)) throw new Error(`no ticket: ${JSON.stringify(held)}`);
    const again = async () => {
      answers += 1;
    };
    expect((await buy(pool, saleId, held, again)).status).toBe(202);
  }
});
afterAll(() => pool.close());

const grows = (name: string, by: number, labels: Record<string, string> = {}) =>
  until(`${name} to grow by ${by}`, async () => {
    const grown = sum(await samples(), name, labels) - sum(before, name, labels);
    if (grown > by) throw new Error(`${name} grew by ${grown}`);
    return grown === by;
  });

test('each purchase is counted and timed once by the edge and once by the service', async () => {
  await grows('seckill_purchases_total', 2, { outcome: 'accepted' });
  await grows('seckill_purchase_seconds_count', 2);
  await grows('seckill_edge_answer_seconds_count', answers);
  await grows('seckill_edge_answer_seconds_bucket', answers, { le: '+Inf' });
});

test('the last unit starts the clock of shedding, and the edge that obeys stops it', async () => {
  await grows('seckill_shed_seconds_count', 1);
  const after = await samples();
  const took = sum(after, 'seckill_shed_seconds_sum') - sum(before, 'seckill_shed_seconds_sum');
  expect(took).toBeGreaterThan(0);
  const epoch = sum(after, 'seckill_edge_applied_epoch', { sale: saleId });
  await until('the gauge of the sale to follow', async () => {
    const now = await samples();
    const isSoldOut = sum(now, 'seckill_sale_state', { sale: saleId, state: 'sold_out' }) === 1;
    return isSoldOut && sum(now, 'seckill_sale_epoch', { sale: saleId }) === epoch;
  });
});

test('units, outbox and audit of the sale are told', async () => {
  await until(
    'both orders to be stored',
    async () => sum(await samples(), 'seckill_sale_units', { sale: saleId, what: 'stored' }) === 2,
  );
  const now = await samples();
  expect(sum(now, 'seckill_sale_units', { sale: saleId, what: 'free' })).toBe(0);
  expect(sum(now, 'seckill_outbox_entries', { sale: saleId })).toBe(0);
  expect(sum(now, 'seckill_connected')).toBe(9);
});
