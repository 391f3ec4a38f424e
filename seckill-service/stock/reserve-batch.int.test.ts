import { afterAll, expect, test } from 'vitest';
import { startStockRedis } from '#lab/servers/stock-redis.ts';
import { reserveInBatches } from './reserve-batch.ts';

const own = await startStockRedis();
const { redis, stock } = own;
const reserve = reserveInBatches(stock);
afterAll(() => own.stop());

async function open(saleId: string, total: number) {
  await stock.preload(saleId, {
    ...{ total, limitPerUser: 2, lowestEpoch: 0 },
    ...{ opensAtMs: 0, closesAtMs: Date.now() + 60_000 },
  });
  await stock.setState(saleId, 'open');
}
/** How often Redis has run a script so far. */
const calls = async () => {
  const text = await redis.info('commandstats');
  return [...text.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
};

/** Numbers that the seed alone decides (mulberry32). */
function randomFrom(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

test('what is asked together is answered, and done, as if one had been asked after the other (I1, I2, I4, I5)', async () => {
  const firstSeed = Math.floor(Math.random() * 1e9);
  for (let seed = firstSeed; seed < firstSeed + 60; seed += 1) {
    const random = randomFrom(seed);
    const [together, alone] = [`together-${seed}`, `alone-${seed}`];
    const total = 1 + random(12);
    await Promise.all([open(together, total), open(alone, total)]);
    // Few orders and users: repeats, limits, the last unit and what comes after it, bad and late ones, all in one call.
    const asked = Array.from({ length: 1 + random(40) }, () => ({
      ...{ order: random(16), user: `u\0${random(6)}`, quantity: [1, 1, 1, 2, 3, 0, 1.5][random(7)] ?? 1 },
      notAfter: random(8) === 0 ? 1 : null,
    }));
    const ask = (by: typeof reserve, saleId: string) => (it: (typeof asked)[number]) =>
      by(saleId, { orderId: `${saleId}-${it.order}`, userId: it.user, quantity: it.quantity }, it.notAfter).then(
        (outcome) => JSON.stringify(outcome),
        (error: unknown) => String(error),
      );
    const before = await calls();
    const first = await Promise.all(asked.map(ask(reserve, together)));
    expect((await calls()) - before).toBe(1);
    const second: string[] = [];
    for (const each of asked) second.push(await ask(stock.reserve.bind(stock), alone)(each));
    expect(first, `seed ${seed}`).toEqual(second);
    const books = async (saleId: string) => {
      const { sale, reservations, buyers } = (await stock.cut(saleId)) ?? {};
      const orders = [...(reservations ?? [])].map(([id, { acceptedAt: _, ...rest }]) => ({
        ...{ id: id.slice(saleId.length), ...rest },
      }));
      return { ...sale, opensAtMs: 0, closesAtMs: 0, orders, buyers, outbox: await stock.outboxLength(saleId) };
    };
    expect(await books(together), `seed ${seed}`).toEqual(await books(alone));
  }
});

test('sales that are asked in one turn have a call each, and a broken one does not touch the other', async () => {
  await Promise.all([open('one', 5), open('two', 5)]);
  await redis.hset('seckill:{two}:sale', 'total', 'rubbish');
  const ask = (saleId: string) => reserve(saleId, { orderId: `${saleId}-1`, userId: 'u', quantity: 1 });
  const [one, two, unknown] = await Promise.allSettled([ask('one'), ask('two'), ask('three')]);
  expect(one).toMatchObject({ value: { kind: 'accepted', place: 1 } });
  expect(two).toMatchObject({ reason: { kind: 'unknown' } });
  expect(unknown).toMatchObject({ value: { kind: 'sale_unknown' } });
});

test('more than a hundred in one turn are more than one call, and each buyer has an answer', async () => {
  await open('crowd', 1000);
  const before = await calls();
  const outcomes = await Promise.all(
    Array.from({ length: 250 }, (_, nth) =>
      reserve('crowd', { orderId: `crowd-${nth}`, userId: `u${nth}`, quantity: 1 }),
    ),
  );
  expect((await calls()) - before).toBe(3);
  expect(new Set(outcomes.map((outcome) => (outcome.kind === 'accepted' ? outcome.place : outcome.kind))).size).toBe(
    250,
  );
});
