import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { beats, faultOfCall, longMs, shortMs, startStockLink, units } from '#lab/kits/stock-link.ts';
import { startRedis } from '#lab/servers/redis.ts';

const server = await startRedis();
const link = await startStockLink(server.url);
const { proxy, order, reserve, buy, ready, setDeadlines, runs, hasRun, isLost, taken } = link;

beforeEach(link.begin);
afterAll(async () => {
  await link.close();
  await server.stop();
});

describe('a link that is silent', () => {
  test('half-open: rejected by the deadline of the command, and what was swallowed is never sent again (I5)', async () => {
    const orderId = order();
    proxy.mode('half-open');
    const call = faultOfCall(reserve(orderId));
    expect(await Promise.race([call, beats(10)])).not.toBe('too late');
    const { kind, afterMs } = await call;
    expect(kind).toBe('unknown');
    expect(afterMs).toBeGreaterThan(0.9 * shortMs);
    proxy.mode('pass');
    await ready();
    expect(await reserve(orderId)).toEqual({ kind: 'accepted', place: 1, soldOutEpoch: null });
    expect(await runs()).toBe(1);
    expect(await taken()).toEqual({ free: units - 1, held: 1, outbox: 1 });
  });

  test('half-open: the dead link is given up by itself, so that the next connection can be a live one', async () => {
    proxy.mode('half-open');
    await faultOfCall(reserve(order()));
    await isLost('the dead link is given up');
  });

  test('half-open: every shopper of a crowd is answered within the deadline, also who came when others waited', async () => {
    proxy.mode('half-open');
    const crowd = Array.from({ length: 20 }, async (_, index) => {
      await wait(index * 10);
      // `decideWithinMs` and the deadline of one more command; one after the other they would take twenty times that.
      const answer = await Promise.race([buy(order(), `u${index}`), beats(20)]);
      return answer === 'too late' ? answer : answer.kind;
    });
    expect([...new Set(await Promise.all(crowd))]).toEqual(['unavailable']);
  });

  test('slow: a command that comes after its deadline runs once, and asking again is a replay (I5)', async () => {
    const orderId = order();
    proxy.mode('held');
    expect((await faultOfCall(reserve(orderId))).kind).toBe('unknown');
    expect(await runs()).toBe(0);
    proxy.letGo();
    await hasRun(1);
    proxy.mode('pass');
    await ready();
    expect(await reserve(orderId)).toEqual({ kind: 'replay', place: 1 });
    expect(await taken()).toEqual({ free: units - 1, held: 1, outbox: 1 });
  });
});

test('a link that is down before anything is sent is "unavailable" at once, and nothing is sent later', async () => {
  const orderId = order();
  proxy.mode('cut');
  await isLost('the link is seen as lost');
  setDeadlines(longMs);
  const { kind, afterMs } = await faultOfCall(reserve(orderId));
  expect(kind).toBe('unavailable');
  expect(afterMs).toBeLessThan(longMs / 2); // it waited for no deadline
  expect(await buy(orderId)).toEqual({ kind: 'unavailable' });
  proxy.mode('pass');
  await ready();
  expect(await runs()).toBe(0);
  expect(await taken()).toEqual({ free: units, held: 0, outbox: 0 });
});
