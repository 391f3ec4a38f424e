import { expect, test } from 'vitest';
import { drawHistory } from './draw.ts';
import { type Figure, figures, isReached, pointOf } from './figures.ts';

const when = { commit: 'abcdef0123', date: '2026-11-28T14:20:14.157Z' };
const named = (name: string): Figure => {
  const found = figures.find((figure) => figure.name === name);
  if (found === undefined) throw new Error(`no figure ${name}`);
  return found;
};

test('a result says a figure with its range; one that did not have it yet says nothing', () => {
  const bytes = named('bytes of stock Redis an order');
  expect(pointOf(bytes, JSON.stringify({ ...when, bytesPerOrder: 206 }))).toEqual({
    ...when,
    ...{ median: 206, min: 206, max: 206 },
  });
  for (const text of [when, { bytesPerOrder: 206 }, { ...when, bytesPerOrder: null }])
    expect(pointOf(bytes, JSON.stringify(text))).toBeNull();
  for (const figure of figures) expect(pointOf(figure, JSON.stringify(when))).toBeNull();
});

test('the p99 at half the rate is found in results from before the bare side had one, and after', () => {
  const p99 = named('p99 at half of that rate, ms');
  const ours = { median: 28, min: 11, max: 43 };
  for (const p99Ms of [ours, { ours, bare: { median: 35, min: 24, max: 73 } }])
    expect(pointOf(p99, JSON.stringify({ ...when, atHalfTheRate: { p99Ms } }))).toMatchObject(ours);
  expect([25, 28].map((median) => isReached(p99, { median }))).toEqual([true, false]);
});

test('a shopper is found by sign-in and challenge, and of several nginx workers the one that grew most', () => {
  const sum = { median: 46, min: 34, max: 55 };
  const ways = [
    { signIn: 'HS256', challenge: 'pow', beforeAndPress: { sum: { ...sum, median: 57 } } },
    { signIn: 'HS256', challenge: 'sum', beforeAndPress: { sum } },
  ];
  expect(pointOf(named('µs of a shopper: HS256, sum'), JSON.stringify({ ...when, ways }))).toMatchObject(sum);
  const memory = named('memory of an nginx worker, after 10 × as many tickets');
  expect(pointOf(memory, JSON.stringify({ ...when, growth: [1.01, 1.04] }))).toMatchObject({ median: 1.04 });
});

test('every figure is drawn, names and numbers as text that XML can hold', () => {
  const point = { ...when, median: 0.5, min: 0.25, max: 2 };
  const svg = drawHistory(figures.map((figure) => ({ figure, points: [point, { ...point, median: 6127 }] })));
  expect(svg.match(/class="title"/g)).toHaveLength(figures.length);
  expect(svg).toContain('GET /api/sales/&lt;id&gt;');
  expect(svg).toContain('>6,127<');
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
});
