import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { outboxPair } from '#contract/outbox.ts';
import { relayGroup, saleKeys } from '#contract/redis-keys.ts';
import { shownOrdersChannel } from '#contract/shown-order.ts';
import { startStockRedis } from '#lab/servers/stock-redis.ts';
import { nextState } from './next-state.ts';

const own = await startStockRedis();
const { redis, probe, stock } = own;
let saleId = '';

/** A fresh sale for each test; `change` overrides what is loaded. */
const openSale = (units: number, change?: Parameters<typeof own.openSale>[2]) => own.openSale(saleId, units, change);
const order = () => own.order(saleId);
const equation = () => own.equation(saleId);

beforeEach(() => {
  saleId = own.newSaleId();
});
afterAll(() => own.stop());

test('many sales are read at once: each its numbers, null for none, the error where one cannot be read', async () => {
  await openSale(3);
  const [broken, nobody] = [own.newSaleId(), own.newSaleId()];
  await own.openSale(broken, 1);
  await probe.hset(saleKeys(broken).sale, 'state', 'odd');
  const many = Array.from({ length: 250 }, () => nobody);
  const found = await stock.eachSale([...many, saleId, broken]);
  expect([...found.keys()]).toEqual([nobody, saleId, broken]);
  expect(found.get(nobody)).toBeNull();
  expect(found.get(saleId)).toEqual(await stock.sale(saleId));
  expect(found.get(broken)).toMatchObject({ message: expect.stringContaining('odd') });
});

describe('reserve', () => {
  test('a call that comes too late does nothing, but a yes that was given stays one (I4, I5)', async () => {
    await openSale(2);
    const orderId = order();
    const now = await stock.clock();
    expect((await stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 }, now + 60_000)).kind).toBe('accepted');
    expect(await stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 }, now)).toEqual({
      kind: 'replay',
      place: 1,
    });
    await expect(stock.reserve(saleId, { orderId: order(), userId: 'v', quantity: 1 }, now)).rejects.toMatchObject({
      kind: 'unavailable',
    });
    expect(await equation()).toEqual({ free: 1, held: 1, total: 2 });
  });

  test('never sells more units than stock when 1,000 buyers race (I1)', async () => {
    await openSale(100);
    const outcomes = await Promise.all(
      Array.from({ length: 1000 }, (_, index) =>
        stock.reserve(saleId, { orderId: order(), userId: `user-${index}`, quantity: 1 }),
      ),
    );
    const places = outcomes.flatMap((outcome) => (outcome.kind === 'accepted' ? [outcome.place] : []));
    expect(places.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(outcomes.filter((outcome) => outcome.kind === 'sold_out')).toHaveLength(900);
    expect(await equation()).toEqual({ free: 0, held: 100, total: 100 });
  });

  test('gives a replayed order the same place, takes no second unit, and does so after the sale is over (I5)', async () => {
    await openSale(3);
    const orderId = order();
    expect(await stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 })).toEqual({
      kind: 'accepted',
      place: 1,
      soldOutEpoch: null,
    });
    expect(await stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 })).toEqual({ kind: 'replay', place: 1 });
    for (const action of ['pause', 'resume', 'close'] as const) {
      await stock.setState(saleId, action);
      expect(await stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 })).toEqual({ kind: 'replay', place: 1 });
    }
    expect(await equation()).toEqual({ free: 2, held: 1, total: 3 });
  });

  test('a replay of an order whose unit came back does not buy again, and is told that it has ended, also when the limit is above one', async () => {
    await openSale(5, { limit: 3 });
    const orderId = order();
    await stock.reserve(saleId, { orderId, userId: 'u', quantity: 2 });
    await stock.release(saleId, orderId);
    // No units asked for: what a repeat with an expired ticket does.
    for (const quantity of [2, 0]) {
      expect(await stock.reserve(saleId, { orderId, userId: 'u', quantity })).toEqual({ kind: 'ended', place: 2 });
    }
    expect(await equation()).toEqual({ free: 5, held: 0, total: 5 });
  });

  test('holds the per-user limit over several orders and quantities, and a refusal costs the user nothing (I2)', async () => {
    await openSale(10, { limit: 3 });
    expect((await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 2 })).kind).toBe('accepted');
    expect(await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 2 })).toEqual({
      kind: 'limit_reached',
      limit: 3,
    });
    expect((await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 })).kind).toBe('accepted');
    expect(await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 })).toEqual({
      kind: 'limit_reached',
      limit: 3,
    });
    expect(await stock.reserve(saleId, { orderId: order(), userId: 'other', quantity: 4 })).toEqual({
      kind: 'limit_reached',
      limit: 3,
    });
    expect(await equation()).toEqual({ free: 7, held: 3, total: 10 });
    expect(await probe.hgetall(saleKeys(saleId).buyers)).toEqual({ u: '3' });
  });

  test('says how many are left when fewer are free than asked for, and leaves them', async () => {
    await openSale(2, { limit: 2 });
    await stock.reserve(saleId, { orderId: order(), userId: 'first', quantity: 1 });
    expect(await stock.reserve(saleId, { orderId: order(), userId: 'second', quantity: 2 })).toEqual({
      kind: 'not_enough',
      free: 1,
    });
    expect(await equation()).toEqual({ free: 1, held: 1, total: 2 });
    expect((await stock.reserve(saleId, { orderId: order(), userId: 'second', quantity: 1 })).kind).toBe('accepted');
  });

  test('the last unit ends the sale with a new epoch, a unit that comes back opens it with the next (I7)', async () => {
    await openSale(1);
    const orderId = order();
    expect(await stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 })).toEqual({
      kind: 'accepted',
      place: 1,
      soldOutEpoch: 3,
    });
    expect(await stock.reserve(saleId, { orderId: order(), userId: 'v', quantity: 1 })).toEqual({
      kind: 'sold_out',
      epoch: 3,
    });
    expect(await stock.release(saleId, orderId)).toEqual({ kind: 'released', openEpoch: 4 });
    expect(await stock.release(saleId, orderId)).toEqual({ kind: 'already' });
    expect(await stock.reserve(saleId, { orderId: order(), userId: 'v', quantity: 1 })).toEqual({
      kind: 'accepted',
      place: 2,
      soldOutEpoch: 5,
    });
  });

  test('is refused before the window, after it, in a pause, as a draft and without stock', async () => {
    expect(await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 })).toEqual({
      kind: 'sale_unknown',
    });
    await openSale(1, { opensInMs: 30_000 });
    const early = await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 });
    expect(early.kind === 'not_open' && early.opensInMs).toBeGreaterThan(25_000);
    saleId += '-b';
    await openSale(1, { opensInMs: -2000, closesInMs: -1000 });
    expect(await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 })).toEqual({ kind: 'closed' });
    saleId += '-c';
    await openSale(1);
    await stock.setState(saleId, 'pause');
    expect(await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 })).toEqual({ kind: 'paused' });
  });

  test.each(['{x}', 'a:b:c', "'; DROP", '张三', 'seckill:{other}:stock'])(
    'a user id is data wherever it goes: %s',
    async (userId) => {
      await openSale(1);
      const orderId = order();
      await stock.reserve(saleId, { orderId, userId, quantity: 1 });
      expect((await stock.reservation(orderId))?.userId).toBe(userId);
      await stock.release(saleId, orderId);
      expect(await probe.exists(saleKeys(saleId).buyers)).toBe(0);
    },
  );

  test('sells a sale that was loaded before places could be skipped', async () => {
    await openSale(2);
    await probe.hdel(saleKeys(saleId).sale, 'skipped');
    expect(await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 })).toEqual({
      kind: 'accepted',
      place: 1,
      soldOutEpoch: null,
    });
    expect((await stock.sale(saleId))?.free).toBe(1);
  });

  test('an error inside a script is told as unknown, never as "nothing was done"', async () => {
    await openSale(2);
    await probe.hset(saleKeys(saleId).sale, 'total', 'broken');
    await expect(stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 })).rejects.toMatchObject({
      kind: 'unknown',
    });
  });

  test('costs six commands on the way to a yes, three when the state refuses', async () => {
    await openSale(10);
    const callsDuring = async (work: () => Promise<unknown>) => {
      const before = await commandCalls();
      await work();
      return (await commandCalls()) - before;
    };
    await stock.reserve(saleId, { orderId: order(), userId: 'warm-up', quantity: 1 });
    expect(await callsDuring(() => stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 }))).toBe(6);
    await stock.setState(saleId, 'pause');
    expect(await callsDuring(() => stock.reserve(saleId, { orderId: order(), userId: 'late', quantity: 1 }))).toBe(3);
  });
});

/** Commands that scripts have run so far: all, less the script's own call and our reading of the statistics. */
async function commandCalls(): Promise<number> {
  const text = await probe.info('commandstats');
  const calls = [...text.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)];
  return calls.reduce(
    (sum, [, name = '', count]) => (/^(evalsha|eval|info)/.test(name) ? sum : sum + Number(count)),
    0,
  );
}

describe('the other scripts', () => {
  test('preload loads a draft again, and never touches a sale that is live or has orders', async () => {
    const plan = { total: 5, opensAtMs: 0, closesAtMs: Date.now() + 60_000, limitPerUser: 1, lowestEpoch: 7 };
    expect(await stock.preload(saleId, plan)).toEqual({ kind: 'done', epoch: 8 });
    expect(await stock.preload(saleId, { ...plan, total: 9 })).toEqual({ kind: 'done', epoch: 9 });
    await stock.setState(saleId, 'open');
    await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 });
    const before = await equation();
    expect(await stock.preload(saleId, { ...plan, total: 100 })).toEqual({ kind: 'live' });
    await stock.setState(saleId, 'close');
    expect(await stock.preload(saleId, { ...plan, total: 100 })).toEqual({ kind: 'live' });
    expect(await equation()).toEqual(before);
  });

  test('commit and release answer an unknown, a finished and a foreign order each in its way, and change nothing', async () => {
    await openSale(5);
    const [kept, back] = [order(), order()];
    await stock.reserve(saleId, { orderId: kept, userId: 'u', quantity: 1 });
    await stock.reserve(saleId, { orderId: back, userId: 'v', quantity: 1 });
    await stock.release(saleId, back);
    expect(await stock.commit(saleId, [kept, order(), back])).toEqual(['committed', 'unknown', 'released']);
    expect(await stock.commit(saleId, [kept])).toEqual(['already']);
    expect(await stock.release(saleId, order())).toEqual({ kind: 'unknown' });
    // The one that came back before anyone stored it waits in no queue: it counts as passed.
    expect((await stock.sale(saleId))?.committed).toBe(2);
    expect(await equation()).toEqual({ free: 4, held: 1, total: 5 });
  });

  test('what is stored is committed once and shown at one instant, and an older picture changes nothing (I1, I4)', async () => {
    await openSale(9, { limit: 2 });
    const [one, two, three, back] = [order(), order(), order(), order()];
    for (const orderId of [one, two, three, back])
      await stock.reserve(saleId, { orderId, userId: orderId, quantity: orderId === two ? 2 : 1 });
    await stock.release(saleId, back);
    const shown = { version: 1, state: 'awaiting_payment', payByMs: 5, amount: 100, currency: 'CNY' } as const;
    const paid = { ...shown, version: 2, state: 'paid' } as const;
    await stock.show(saleId, [{ orderId: three, ...paid }]);
    const heard: string[] = [];
    const listener = probe.duplicate();
    onTestFinished(() => listener.disconnect());
    listener.on('message', (_channel, message) => heard.push(message));
    await listener.subscribe(shownOrdersChannel);

    const double = { ...shown, amount: 200 };
    const stored = [one, three, one, back, order()].map((orderId) => ({ orderId, shown }));
    const outcomes = await stock.commitShown(saleId, [...stored, { orderId: two, shown: double }]);
    const kinds = ['committed', 'committed', 'already', 'released', 'unknown', 'committed'];
    expect(outcomes.map(([, outcome]) => outcome)).toEqual(kinds);
    // With what came back before it was stored.
    expect((await stock.sale(saleId))?.committed).toBe(4 + 1);
    expect(await equation()).toEqual({ free: 5, held: 4, total: 9 });
    const pictures = await stock.pictures(saleId, [one, two, three]);
    expect([one, two, three].map((orderId) => pictures.get(orderId))).toEqual([shown, double, paid]);
    await expect.poll(() => heard.length).toBe(2);
    expect(heard.map((message) => message.split(' ').filter((word) => [one, two, three].includes(word)))).toEqual([
      [one, one],
      [two],
    ]);
    expect(await stock.commitShown(saleId, [{ orderId: one, shown }])).toEqual([[one, 'already']]);
    expect(await stock.commitShown(saleId, [])).toEqual([]);
  });

  test('a unit that is withheld leaves its buyer and does not come back on sale, once; the places go on (I1, I6)', async () => {
    await openSale(2);
    const [kept, withheld] = [order(), order()];
    await stock.reserve(saleId, { orderId: withheld, userId: 'u', quantity: 1 });
    await stock.reserve(saleId, { orderId: kept, userId: 'v', quantity: 1 });
    await stock.commit(saleId, [kept, withheld]);
    expect(await stock.release(saleId, withheld, 'withheld')).toEqual({ kind: 'withheld' });
    for (const where of ['withheld', 'shelf'] as const) {
      expect(await stock.release(saleId, withheld, where)).toEqual({ kind: 'already' });
    }
    expect(await stock.sale(saleId)).toMatchObject({ state: 'sold_out', free: 0, withheld: 1, returned: 0 });
    expect(await probe.hgetall(saleKeys(saleId).buyers)).toEqual({ v: '1' });
    await stock.release(saleId, kept);
    expect(await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 })).toMatchObject({
      kind: 'accepted',
      place: 3,
    });
  });

  test('every change of state has a new epoch, a repeated one keeps it, an impossible one is refused', async () => {
    expect(await stock.setState(saleId, 'open')).toEqual({ kind: 'sale_unknown' });
    await openSale(1);
    const steps = [];
    for (const action of ['open', 'resume', 'pause', 'pause', 'open', 'resume', 'close', 'close', 'resume'] as const) {
      steps.push(await stock.setState(saleId, action));
    }
    expect(steps).toEqual([
      { kind: 'already', state: 'open', epoch: 2 },
      { kind: 'already', state: 'open', epoch: 2 },
      { kind: 'done', state: 'paused', epoch: 3 },
      { kind: 'already', state: 'paused', epoch: 3 },
      { kind: 'not_allowed', state: 'paused', epoch: 3 },
      { kind: 'done', state: 'open', epoch: 4 },
      { kind: 'done', state: 'closed', epoch: 5 },
      { kind: 'already', state: 'closed', epoch: 5 },
      { kind: 'not_allowed', state: 'closed', epoch: 5 },
    ]);
  });

  test('a sale that is resumed without a free unit is sold out, not open', async () => {
    await openSale(1);
    await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 });
    await stock.setState(saleId, 'pause');
    expect(await stock.setState(saleId, 'resume')).toEqual({ kind: 'done', state: 'sold_out', epoch: 5 });
  });

  test('an accepted order stands in the outbox, and only an accepted one', async () => {
    await openSale(1);
    const orderId = order();
    const userId = 'tea\u0000: 1'; // what joins the fields of an entry, and what ends a text in C
    await stock.reserve(saleId, { orderId, userId, quantity: 1, origin: { requestId: 'request-1' } });
    await stock.reserve(saleId, { orderId, userId, quantity: 1, origin: { requestId: 'request-2' } });
    await stock.reserve(saleId, { orderId: order(), userId: 'v', quantity: 1 });
    const entries = await redis.xreadgroup('GROUP', relayGroup, 'me', 'STREAMS', saleKeys(saleId).outbox, '>');
    const [, ofSale] = (entries as [string, [string, string[]][]][])[0] ?? [];
    const accepted = { orderId, userId, quantity: 1, place: 1, origin: 'request-1' };
    expect(ofSale?.map(([, fields]) => fields)).toEqual([outboxPair(accepted)]);
  });
});

test('nextState foretells what set-state answers, for every state and action', async () => {
  const actions = ['open', 'pause', 'resume', 'close'] as const;
  const roads: (readonly ('open' | 'pause' | 'close' | 'sell' | 'fault')[])[] = [
    [],
    ['open'],
    ['open', 'sell'],
    ['open', 'pause'],
    ['open', 'sell', 'pause'],
    ['open', 'fault'],
    ['close'],
  ];
  for (const road of roads) {
    for (const [action, openNow] of [...actions.map((it) => [it, false] as const), ['open', true] as const]) {
      saleId = `next-${crypto.randomUUID().slice(0, 8)}`;
      const window = { opensAtMs: Date.now() - 1000, closesAtMs: Date.now() + 60_000 };
      await stock.preload(saleId, { total: 1, ...window, limitPerUser: 1, lowestEpoch: 0 });
      for (const step of road) {
        if (step === 'sell') await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 });
        else if (step === 'fault') await stock.pauseForFault(saleId, 'a test', 0);
        else await stock.setState(saleId, step);
      }
      const sale = await stock.sale(saleId);
      if (sale === null) throw new Error('the sale is gone');
      const foretold = nextState(sale, action, openNow);
      expect([road, action, openNow, await stock.setState(saleId, action, openNow)]).toMatchObject([
        road,
        action,
        openNow,
        foretold,
      ]);
    }
  }
});
