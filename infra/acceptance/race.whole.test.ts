import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { edgeCounts } from '#contract/edge-counts.ts';
import { problems } from '#contract/problems.ts';
import { newSaleId, openSale, seckill, seckillJson } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { type Answer, buy, call, getTicket, type HeldTicket, type Shopper, signIn } from '#loadtest/crowd/shopper.ts';
import { type AuditReport, auditSale } from '#order-worker/audit/audit.ts';
import { createMoneyBooks } from '#order-worker/audit/money.ts';
import { createOrderStore } from '#order-worker/orders/order-store.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectPostgres } from '#runtime/postgres/connect.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { createStock } from '#stock/create-stock.ts';
import { readEdgeSamples } from '../cli/watch/funnel.ts';

// Ten thousand requests.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 600_000 });

const stack = inject('stack');
const units = 100;
const shoppers = 1000;
const ticketsPerUser = 3;
const saleId = newSaleId('race');

describe(`${units} units, ${shoppers} shoppers, ${ticketsPerUser} purchases at once by each`, () => {
  const pool = new Pool(stack.edgeUrl, { connections: 64 });
  const database = connectPostgres(
    stack.env.SECKILL_DATABASE_URL ?? '',
    createLogger({ service: 'test', instance: 'test', level: 'silent' }),
  );
  const pause = async (ms: number) => void (await wait(ms));
  const answers: { held: HeldTicket; answer: Answer }[] = [];
  const audits: (AuditReport | null)[] = [];
  const hasSold = (report: AuditReport | null) => report !== null && report.units.free < units;
  let isOver = false;
  const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
  const redis = connectRedis('patient', stack.env.SECKILL_STOCK_REDIS_URL ?? '', logger);
  const books = {
    stock: createStock(redis),
    store: createOrderStore(database),
    deadLetters: async () => [],
    money: createMoneyBooks(database),
  };

  beforeAll(async () => {
    await openSale(stack.env, { saleId, units });
    const people: Shopper[] = await batches(shoppers, () => signIn(pool));
    const tickets = await batches(shoppers * ticketsPerUser, async (index) => {
      const person = people[index % shoppers];
      if (person === undefined) throw new Error('no such person');
      const ticket = await getTicket(pool, saleId, person);
      if (!('ticket' in ticket)) throw new Error(`no ticket: ${JSON.stringify(ticket)}`);
      return ticket;
    });
    const buyAll = (some: HeldTicket[]) =>
      Promise.all(some.map(async (held) => answers.push({ held, answer: await buy(pool, saleId, held, pause, 20) })));
    // A few first, and everybody else once a look has seen units go: the sale is over sooner than a slow look.
    const seen = Promise.withResolvers<void>();
    const buying = buyAll(tickets.slice(0, units / 2))
      .then(() => seen.promise)
      .then(() => buyAll(tickets.slice(units / 2)))
      .finally(() => {
        isOver = true;
      });
    // The books must balance at any instant: look as often as one can while everybody buys.
    // A server that did not answer in time let nobody look.
    while (!isOver) {
      const report = await auditSale(books, saleId).catch(() => undefined);
      if (report === undefined) continue;
      audits.push(report);
      if (hasSold(report)) seen.resolve();
    }
    await buying;
    await poll('every accepted order to be stored', async () => {
      const report = await seckillJson<AuditReport>(stack.env, 'audit', saleId).catch(() => null);
      return report !== null && report.units.held === 0 && report.orders.rows === units;
    });
  });
  afterAll(async () => {
    await pool.close();
    await database.end();
    disconnectRedis(redis);
  });

  test('makes exactly as many orders as units, one for each yes, and no other (I1, I3, I4)', async () => {
    const { rows } = await database.query<{ id: string }>('SELECT id FROM orders WHERE sale_id = $1', [saleId]);
    const accepted = answers.filter(({ answer }) => answer.status === 202);
    expect(rows).toHaveLength(units);
    expect(new Set(rows.map(({ id }) => id))).toEqual(new Set(accepted.map(({ answer }) => answer.body.orderId)));
    expect(new Set(accepted.map(({ answer }) => answer.body.place)).size).toBe(units);
  });

  test('gives nobody more than the limit (I2)', async () => {
    const { rows } = await database.query<{ most: number }>(
      'SELECT max(count)::int AS most FROM (SELECT sum(quantity) AS count FROM orders WHERE sale_id = $1 GROUP BY user_id) t',
      [saleId],
    );
    expect(rows).toEqual([{ most: 1 }]);
  });

  test('refuses everybody else honestly, with a code of the contract', () => {
    const refused = answers.filter(({ answer }) => answer.status !== 202);
    expect(refused).toHaveLength(shoppers * ticketsPerUser - units);
    for (const { answer } of refused) {
      expect(['SOLD_OUT', 'LIMIT_REACHED', 'RATE_LIMITED', 'BUSY']).toContain(answer.body.code);
      expect(answer.status).toBe(problems[answer.body.code as keyof typeof problems].status);
    }
  });

  test('balances to the unit, by the audit', async () => {
    const { code, stdout } = await seckill(stack.env, 'audit', saleId, '--json');
    const report = JSON.parse(stdout) as AuditReport;
    expect(code).toBe(0);
    expect(report.units).toEqual({ total: units, free: 0, held: 0, unpaid: units, paid: 0, refunding: 0, withheld: 0 });
    expect(report.differences).toEqual([]);
  });

  test('balanced at every look that was taken while everybody bought', () => {
    const unbalanced = audits.filter((report) => report?.balanced !== true);
    expect(unbalanced).toEqual([]);
    expect(audits.filter(hasSold).length).toBeGreaterThan(0);
  });

  test('sheds at the edge from then on: no purchase reaches the service any more (I8)', async () => {
    const counts = async () =>
      edgeCounts(await poll("the edge's counters", () => readEdgeSamples(stack.edgeInnerUrl)), saleId);
    const passed = async () => (await counts()).passed;
    const shedSoFar = async () => (await counts()).shed.sold_out ?? 0;
    // Not for the second in which it only remembers an answer, but by the epoch that it was told.
    await poll('the edge to know', async () => {
      const { body } = await call(pool, 'GET', `/api/sales/${saleId}`);
      return body.state === 'sold_out' && body.epoch === (await books.stock.sale(saleId))?.epoch;
    });
    const [passedBefore, shedBefore] = [await passed(), await shedSoFar()];
    await Promise.all(
      answers.slice(0, 500).map(async ({ held }) => {
        const { status, body } = await call(pool, 'POST', `/api/sales/${saleId}/orders`, {
          ticket: held.ticket,
          body: { quantity: 1 },
        });
        expect([status, body.code]).toEqual([410, 'SOLD_OUT']);
      }),
    );
    await poll('the edge to have counted', async () => (await shedSoFar()) >= shedBefore + 500);
    expect(await passed()).toBe(passedBefore);
  });

  test('shows the winner the order, and nobody else', async () => {
    const winner = answers.find(({ answer }) => answer.status === 202)?.held;
    const stranger = answers.find(({ held }) => held.userId !== winner?.userId)?.held;
    if (winner === undefined || stranger === undefined) throw new Error('the race has no winner');
    const path = `/api/orders/${winner.orderId}`;
    const decided = (token: string) =>
      poll('an answer', async () => {
        const { status, body } = await call(pool, 'GET', path, { token });
        return status !== 503 && body;
      });
    expect(await decided(winner.token)).toMatchObject({
      saleId,
      state: 'awaiting_payment',
      amount: { amount: 1999, currency: 'CNY' },
    });
    expect((await decided(stranger.token)).code).toBe('FORBIDDEN');
    expect((await call(pool, 'GET', path)).body.code).toBe('UNAUTHENTICATED');
  });
});

/** `count` results, 64 at a time. */
async function batches<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let start = 0; start < count; start += 64) {
    const width = Math.min(64, count - start);
    results.push(...(await Promise.all(Array.from({ length: width }, (_, offset) => work(start + offset)))));
  }
  return results;
}
