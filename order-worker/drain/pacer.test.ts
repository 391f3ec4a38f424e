import { expect, test } from 'vitest';
import type { Slowdown } from '#contract/drain.ts';
import { createPacer, pacerTickMs } from './pacer.ts';

/** A drain at a clock of its own: batches of `orders` that take `ms`, one after another, and a tick every half second. */
function pacedDrain(reference: number | null = 800) {
  let nowMs = 0;
  let nextTick = pacerTickMs;
  const told: (Slowdown['kind'] | 'full speed')[] = [];
  const pacer = createPacer({
    now: () => nowMs,
    onSlowdown: ({ kind }) => told.push(kind),
    onFullSpeed: () => told.push('full speed'),
  });
  function pass(ms: number): void {
    const until = nowMs + ms;
    while (nextTick <= until) {
      nowMs = nextTick;
      pacer.tick(reference);
      nextTick += pacerTickMs;
    }
    nowMs = until;
  }
  return {
    pacer,
    told,
    pass,
    run: (seconds: number, ms: number, orders = 8) => {
      const until = nowMs + seconds * 1000;
      while (nowMs < until) {
        const end = pacer.begin();
        pass(ms);
        end();
        pacer.stored(orders);
      }
    },
  };
}
const limit = (drain: ReturnType<typeof pacedDrain>) => drain.pacer.state().limitPerSecond;

test('while batches take what they usually take nothing is limited, and a single slow one changes nothing', () => {
  const drain = pacedDrain();
  drain.run(5, 10);
  drain.run(0.1, 600);
  drain.run(5, 10);
  expect(drain.told).toEqual([]);
  expect(limit(drain)).toBeNull();
  expect(drain.pacer.allowance()).toBe(Number.POSITIVE_INFINITY);
  expect(drain.pacer.state().storedPerSecond).toBeCloseTo(800, -2);
});

test('slow batches cut the limit again and again, down to a twentieth and no further, and the reason is told once', () => {
  const drain = pacedDrain();
  drain.run(5, 10);
  drain.run(20, 700);
  expect(drain.told).toEqual(['slow']);
  expect(limit(drain)).toBe(40);
  expect(drain.pacer.state().slowdown?.says).toMatch(/^a batch takes 700 ms in PostgreSQL, usual is 1\d ms$/);
});

test('a batch that does not come back at all counts with its age', () => {
  const drain = pacedDrain();
  drain.run(5, 10);
  drain.pacer.begin();
  drain.pass(2000);
  expect(drain.told).toEqual(['slow']);
  expect(limit(drain)).toBeLessThan(800);
});

test('when it is fast again the limit grows step by step to the set rate, and is gone then', () => {
  const drain = pacedDrain();
  drain.run(5, 10);
  drain.run(20, 700);
  const grown: number[] = [];
  for (let i = 0; i < 40 && limit(drain) !== null; i += 1) {
    drain.run(0.5, 10);
    grown.push(limit(drain) ?? 800);
  }
  expect(grown).toEqual([...grown].sort((a, b) => a - b));
  expect(grown.at(-1)).toBe(800);
  expect(Math.max(...grown.map((it, index) => it - (grown[index - 1] ?? 40)))).toBeLessThanOrEqual(40);
  expect(drain.told).toEqual(['slow', 'full speed']);
});

test('between slow and calm the limit stays where it is', () => {
  const drain = pacedDrain();
  drain.run(5, 10);
  drain.run(3, 700);
  drain.run(1, 200);
  const before = limit(drain);
  expect(before).toBeLessThan(800);
  drain.run(5, 200);
  expect(limit(drain)).toBe(before);
});

test('faults halve the limit, with what failed as the reason', () => {
  const drain = pacedDrain();
  drain.run(5, 10);
  for (let i = 0; i < 10; i += 1) {
    drain.pacer.fault('PostgreSQL fails: connect ECONNREFUSED');
    drain.pass(500);
  }
  expect(drain.told).toEqual(['errors']);
  expect(drain.pacer.state()).toMatchObject({
    limitPerSecond: 40,
    slowdown: { kind: 'errors', says: 'PostgreSQL fails: connect ECONNREFUSED' },
  });
});

test('what is allowed under a limit is the limit, with no more than a tenth of a second saved up', () => {
  const drain = pacedDrain();
  drain.run(5, 10);
  drain.run(20, 700);
  drain.pass(10); // 40 a second
  let taken = 0;
  for (let i = 0; i < 100; i += 1) {
    drain.pass(20);
    const now = drain.pacer.allowance();
    expect(now).toBeLessThanOrEqual(limit(drain) ?? 0);
    drain.pacer.took(now);
    taken += now;
  }
  expect(taken).toBeGreaterThan(60);
  expect(taken).toBeLessThan(2.2 * (limit(drain) ?? 800));
  drain.pass(60_000);
});

test('uncapped, the reference is the highest rate that was seen', () => {
  const drain = pacedDrain(null);
  drain.run(10, 20, 100); // 5,000 a second
  drain.run(20, 700);
  expect(limit(drain)).toBeGreaterThan(200);
  expect(limit(drain)).toBeLessThan(300);
});

test('an outage of a database that is slow from the first batch on is still one', () => {
  const drain = pacedDrain();
  drain.run(10, 3000);
  expect(drain.told).toEqual(['slow']);
});
