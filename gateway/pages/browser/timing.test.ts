import { describe, expect, test } from 'vitest';
import type { PublicSale } from '#contract/sale.ts';
import { createCall, parseRetryAfter } from './api.ts';
import { backoffMs } from './backoff.ts';
import { createServerClock } from './clock.ts';
import { formatCountdown } from './countdown.ts';
import { formatMoney } from './money.ts';
import { nextPollMs, stateAt } from './sale-timing.ts';
import { testingWords } from './testing-words.ts';

const opensAtMs = Date.parse('2026-11-11T12:00:00Z');
const sale: PublicSale = {
  saleId: 'tea',
  title: 'Tea set',
  price: { amount: 1, currency: 'CNY' },
  state: 'upcoming',
  opensAt: '2026-11-11T12:00:00.000Z',
  closesAt: '2026-11-11T14:00:00.000Z',
  now: '2026-11-11T11:00:00.000Z',
  limitPerUser: 1,
  epoch: 1,
};

test('a sale opens and closes on the page at its instant, without a question to the server', () => {
  expect(stateAt(sale, opensAtMs - 1)).toBe('upcoming');
  expect(stateAt(sale, opensAtMs)).toBe('open');
  expect(stateAt({ ...sale, state: 'sold_out' }, opensAtMs + 1)).toBe('sold_out');
  expect(stateAt({ ...sale, state: 'paused' }, opensAtMs + 7_200_000)).toBe('closed');
  expect(stateAt({ ...sale, state: 'draft' }, opensAtMs)).toBe('draft');
});

test('asks seldom before the opening, never later than half a second after it, and never in step', () => {
  const poll = (leftMs: number, random: number) => nextPollMs(sale, opensAtMs - leftMs, 3, () => random);
  expect(poll(3_600_000, 0)).toBeGreaterThan(40_000);
  for (const leftMs of [100, 3000, 20_000, 70_000, 610_000]) expect(poll(leftMs, 1)).toBeLessThanOrEqual(leftMs + 500);
  expect(poll(30_000, 0.1)).not.toBe(poll(30_000, 0.9));
  for (const state of ['open', 'sold_out', 'paused'] as const) {
    expect(nextPollMs({ ...sale, state }, opensAtMs + 1, 3, () => 1)).toBeLessThan(6000);
  }
});

test('the first looks come a second apart, so that the clock has several answers to go by', () => {
  for (const looks of [0, 1, 2])
    expect(nextPollMs(sale, opensAtMs - 3_600_000, looks, () => 1)).toBeLessThanOrEqual(1300);
});

describe("the server's clock", () => {
  const server = (ms: number) => new Date(ms).toISOString();

  test('is off by at most half a round trip after one answer, and never runs by the visitor’s own clock', () => {
    let tick = 1000;
    const clock = createServerClock(() => tick, 0);
    clock.learn(server(opensAtMs), 900, 1000);
    expect(clock.now()).toBe(opensAtMs + 50);
    tick = 2000;
    expect(clock.now()).toBe(opensAtMs + 1050);
    clock.learn('not a time', 1000, 1001);
    expect([clock.now(), clock.samples()]).toEqual([opensAtMs + 1050, 1]);
  });

  test('goes by the best of several answers: slow ones and ones that a CDN kept for a second change nothing', () => {
    // Server time = tick + 500,000. Round trips of 40 to 900 ms, halves of unequal length, answers up to 1 s old.
    const truth = 500_000;
    const clock = createServerClock(() => 0, 0);
    const answers: [sent: number, got: number, age: number][] = [
      [0, 900, 0],
      [1000, 1200, 700],
      [2000, 2040, 20],
      [3000, 3300, 990],
      [4000, 4050, 350],
    ];
    for (const [sent, got, age] of answers) clock.learn(server(truth + (sent + got) / 2 - age), sent, got);
    expect(Math.abs(clock.now() - truth)).toBeLessThanOrEqual(40);
  });

  test('is right again at once after the machine slept', () => {
    const clock = createServerClock(() => 1000, 0);
    clock.learn(server(opensAtMs), 900, 1000);
    clock.learn(server(opensAtMs + 3_600_000), 950, 1000);
    expect(Math.abs(clock.now() - opensAtMs - 3_600_000)).toBeLessThan(60);
  });
});

const en = testingWords('en');
test('the countdown never reads zero before it is time', () => {
  expect(formatCountdown(1, en)).toBe('00:00:01');
  expect(formatCountdown(0, en)).toBe('00:00:00');
  expect(formatCountdown(-5000, en)).toBe('00:00:00');
  expect(formatCountdown(2 * 86_400_000 + 3_661_000, en)).toBe('2d 01:01:01');
});

test('money is shown with the digits of its currency', () => {
  expect(formatMoney({ amount: 199_900, currency: 'CNY' })).toBe('¥1,999.00');
  expect(formatMoney({ amount: 59_900, currency: 'JPY' })).toBe('¥59,900');
  expect(formatMoney({ amount: 1999, currency: 'EUR' })).toBe('€19.99');
});

test('backoff grows to eight seconds and keeps to Retry-After', () => {
  expect(backoffMs(0, null, () => 0)).toBe(250);
  expect(backoffMs(20, null, () => 1)).toBe(8000);
  expect(backoffMs(0, 30_000, () => 0)).toBe(30_000);
  expect(parseRetryAfter('2', 0)).toBe(2000);
  expect(parseRetryAfter('Wed, 11 Nov 2026 12:00:00 GMT', opensAtMs - 5000)).toBe(5000);
  expect(parseRetryAfter('soon', 0)).toBeNull();
});

test('a broken line, a bare 5xx and a body that is no JSON are lost answers; a code is a refusal', async () => {
  const answer = (body: string, status: number) => createCall(async () => new Response(body, { status }))('GET', '/');
  expect(await createCall(() => Promise.reject(new TypeError('reset')))('GET', '/')).toMatchObject({ kind: 'lost' });
  expect(await answer('<html>', 502)).toMatchObject({ kind: 'lost' });
  expect(await answer('<html>', 200)).toMatchObject({ kind: 'lost' });
  expect(await answer('', 429)).toMatchObject({ kind: 'refused', code: 'RATE_LIMITED' });
  expect(await answer('{"code":"BUSY"}', 503)).toMatchObject({ kind: 'refused', code: 'BUSY' });
  expect(await answer('{"a":1}', 200)).toEqual({ kind: 'ok', body: { a: 1 } });
});
