import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { beats, faultOfCall, longMs, startStockLink, units } from '#lab/kits/stock-link.ts';
import { startReplicatedRedis } from '#lab/servers/replicated-redis.ts';

const servers = await startReplicatedRedis(1);
const { url } = servers.primary;
const link = await startStockLink(url);
const { proxy, stock, probe, books, told, saleId, order, reserve, buy } = link;
const { ready, setDeadlines, runs, hasRun, isLost, taken } = link;

beforeEach(link.begin);
afterAll(async () => {
  await link.close();
  await servers.stop();
});

describe('a reply that is lost after Redis has run the script', () => {
  test('takes one unit, is unknown as soon as the link is cut, is not resent, and asked again is a replay (I5)', async () => {
    const orderId = order();
    setDeadlines(longMs);
    proxy.mode('drop-replies');
    const lost = faultOfCall(reserve(orderId));
    await hasRun(1);
    proxy.mode('cut');
    const { kind, afterMs } = await lost;
    expect(kind).toBe('unknown');
    expect(afterMs).toBeLessThan(longMs / 2); // the link's end, not the deadline of the command
    proxy.mode('pass');
    await ready();
    expect(await reserve(orderId)).toEqual({ kind: 'replay', place: 1 });
    expect(await runs()).toBe(2);
    expect(await taken()).toEqual({ free: units - 1, held: 1, outbox: 1 });
  });

  test('leaves the shopper with one answer, the true one, without asking him again (I5)', async () => {
    const orderId = order();
    setDeadlines(longMs);
    proxy.mode('drop-replies');
    const answer = buy(orderId, 'u', 'patient');
    await hasRun(1);
    proxy.mode('cut');
    await isLost('the link is seen as lost');
    proxy.mode('pass');
    expect(await answer).toEqual({ kind: 'replay', place: 1, orderId });
    expect(told).toEqual(['accepted']); // the first word of it that this process hears
    expect(await taken()).toEqual({ free: units - 1, held: 1, outbox: 1 });
  });

  test('ends as "unavailable" when the link stays away, and the retry of the shopper gets the truth (I5)', async () => {
    const orderId = order();
    proxy.mode('drop-replies');
    setDeadlines(longMs);
    const answer = buy(orderId);
    await hasRun(1);
    proxy.mode('cut');
    // `decideWithinMs`, and one more wait: the deadline of a command is far away.
    expect(await Promise.race([answer, beats(20)])).toEqual({ kind: 'unavailable' });
    proxy.mode('pass');
    await ready();
    expect(await buy(orderId)).toEqual({ kind: 'replay', place: 1, orderId });
    expect(await taken()).toEqual({ free: units - 1, held: 1, outbox: 1 });
  });
});

test('a question that arrives after its order was refused takes no unit that has come back since (I4)', async () => {
  const others = Array.from({ length: units }, order);
  for (const each of others) await reserve(each, each, books);
  await probe.config('RESETSTAT');
  const orderId = order();
  proxy.mode('held');
  const answer = buy(orderId, 'u', 'patient');
  await isLost('it is given up');
  proxy.mode('pass');
  expect(await answer).toMatchObject({ kind: 'sold_out' }); // asked over the next connection
  await books.release(saleId(), others[0] ?? '');
  const before = await runs();
  proxy.letGo();
  await hasRun(before + 1); // the late question
  expect(await taken()).toEqual({ free: 1, held: units - 1, outbox: units });
});

test('scripts that Redis has forgotten are loaded by themselves, also for a crowd in one pipeline', async () => {
  setDeadlines(longMs);
  await probe.script('FLUSH');
  const outcomes = await Promise.all(Array.from({ length: 3 * units }, (_, index) => reserve(order(), `u${index}`)));
  expect(outcomes.filter(({ kind }) => kind === 'accepted')).toHaveLength(units);
  expect(outcomes.filter(({ kind }) => kind === 'sold_out')).toHaveLength(2 * units);
  await probe.script('FLUSH');
  const [orderId = ''] = (await books.cut(saleId()))?.reservations.keys() ?? [];
  expect((await stock.release(saleId(), orderId)).kind).toBe('released');
  expect(await taken()).toEqual({ free: 1, held: units - 1, outbox: units });
});

test.each([
  ['each shopper of a crowd has one order or none, as told (I3–I5)', 0],
  ['and with a replica that comes and goes, the same holds of yeses that wait for it', 1],
])('through a link that breaks again and again, %s', async (_what, replicas) => {
  const way = await startStockLink(url, { replicas });
  onTestFinished(way.close);
  await way.begin();
  let isBreaking = true;
  const breaker = (async () => {
    for (let round = 0; isBreaking; round += 1) {
      const modes = ['drop-replies', 'cut', 'pass', 'half-open', 'cut', 'pass'] as const;
      way.proxy.mode(modes[round % modes.length] ?? 'pass');
      if (round % 4 === 0) servers.pauseReplicas();
      if (round % 4 === 2) servers.resumeReplicas();
      await wait(30);
    }
  })();
  const answers = new Map<string, string>();
  const shoppers = Array.from({ length: 40 }, async (_, index) => {
    await wait(index * 10);
    const orderId = way.order();
    for (;;) {
      const { kind } = await way.buy(orderId, `u${index}`);
      if (kind !== 'unavailable') {
        answers.set(orderId, kind);
        return;
      }
      await wait(20); // a shut gate answers at once
    }
  });
  await Promise.race([Promise.all(shoppers), wait(2000)]);
  isBreaking = false;
  await breaker;
  way.proxy.mode('pass');
  servers.resumeReplicas();
  await Promise.all(shoppers);
  const granted = [...((await books.cut(way.saleId()))?.reservations.keys() ?? [])];
  const yes = [...answers].flatMap(([orderId, kind]) => (kind === 'accepted' || kind === 'replay' ? [orderId] : []));
  expect(yes.sort()).toEqual(granted.sort());
  expect(new Set(answers.values())).toContain('sold_out');
  expect(await way.taken()).toEqual({ free: 0, held: units, outbox: units });
});
