import { expect, test } from 'vitest';
import { Answers } from '../run/answers.ts';
import type { Sample } from '../run/sampler.ts';
import { makeAxis, rateSeries } from './axis.ts';
import { buildReport, hasPassed, readSummary } from './build-report.ts';
import { growthOf } from './growth.ts';
import { percentile } from './percentile.ts';
import { renderHtml } from './render-html.ts';

const startedAtMs = 1_800_000_000_000;
const second = startedAtMs / 1000;

const sample = (at: number, counters: Record<string, number>, gauges: Record<string, number> = {}): Sample => ({
  atMs: startedAtMs + at * 1000,
  counters,
  gauges,
});

function run(changes: Partial<Parameters<typeof buildReport>[0]> = {}) {
  const answers = new Answers();
  for (let at = 0; at < 10; at += 1) answers.take(`buy,ACCEPTED,${second + at},10.0;buy,SOLD_OUT,${second + at},2.0`);
  return buildReport({
    kind: 'peak',
    saleId: 'shadow-peak-1',
    tickets: 'minted',
    shoppers: 11,
    parameters: { units: 10 },
    machine: { cores: 2 },
    commit: 'abc',
    startedAtMs,
    loadEndedAtMs: startedAtMs + 10_000,
    answers,
    samples: Array.from({ length: 12 }, (_, at) =>
      sample(at, { 'orders.sold': Math.min(10, at) }, { 'units.free': 10 - at }),
    ),
    summary: { requests: 20, dropped: 0 },
    books: { units: 10, sold: 10, stored: 10 },
    audit: { balanced: true, checks: [{ invariant: 'I1', holds: true, says: 'total 10' }] },
    marks: [{ atMs: startedAtMs + 3000, label: 'opens' }],
    notes: ['a note'],
    ...changes,
  });
}

const failed = (report: ReturnType<typeof run>) =>
  report.thresholds.filter(({ holds }) => !holds).map(({ name }) => name);

test('totals, routes and charts say what was told', () => {
  const report = run();
  expect(report.totals).toMatchObject({ requests: 20, accepted: 10, perSecondMean: 2, perSecondMost: 2, sold: 10 });
  expect(report.routes).toEqual([
    { route: 'buy', count: 20, p50: 2, p90: 10, p99: 10, max: 10, outcomes: { ACCEPTED: 10, SOLD_OUT: 10 } },
  ]);
  const outcomes = report.charts.find(({ title }) => title === 'Requests by outcome');
  expect(outcomes?.series.map(({ label }) => label)).toEqual(['ACCEPTED', 'SOLD_OUT']);
  expect(outcomes?.series[0]?.values.slice(0, 10)).toEqual(Array(10).fill(1));
  expect(report.charts.find(({ title }) => title === 'Sold and stored')?.series[0]?.values[5]).toBe(1);
  expect(report.marks).toEqual([{ at: 3, label: 'opens' }]);
  expect(hasPassed(report)).toBe(true);
});

test.each([
  ['the books', { audit: { balanced: false, checks: [] } }],
  ['the books', { audit: null }],
  ['stored', { books: { units: 10, sold: 10, stored: 9 } }],
  ['sold', { books: { units: 11, sold: 10, stored: 10 } }],
  ['work that k6 could not begin', { summary: { requests: 20, dropped: 20 } }],
] satisfies [string, Parameters<typeof run>[0]][])('a run is not passed when %s does not hold', (name, changes) => {
  const report = run(changes);
  expect(failed(report)).toEqual([name]);
  expect(hasPassed(report)).toBe(false);
});

/** Ten shoppers ask in the first two seconds, and press in the fifth. */
function wholeWay(...more: string[]): Answers {
  const answers = new Answers();
  for (let number = 0; number < 10; number += 1) {
    const at = second + (number % 2);
    answers.take(`challenge,200,${at},2.0;ticket,201,${at},4.0;got,${number},t${number},9`);
    answers.take(`buy,${number < 5 ? 'ACCEPTED' : 'SOLD_OUT'},${second + 5},1.0`);
  }
  for (const line of more) answers.take(line);
  return answers;
}

test('both phases are shown: the way to a ticket, and the press', async () => {
  const retried = `challenge,RATE_LIMITED,${second + 1},0.5`;
  const report = run({ tickets: 'edge', answers: wholeWay(retried) });
  expect(failed(report)).toEqual([]);
  expect(report.phases).toEqual([
    {
      name: 'tickets',
      fromSeconds: 0,
      toSeconds: 2,
      requests: 21,
      perSecondMean: 10.5,
      perSecondMost: 11,
      p50: 2,
      p90: 4,
      p99: 4,
      max: 4,
      refused: { RATE_LIMITED: 1 },
      shoppers: { planned: 11, asked: 10, got: 10, missed: {}, way: { p50: 9, p90: 9, p99: 9, max: 9 } },
    },
    expect.objectContaining({ name: 'press', fromSeconds: 5, toSeconds: 6, requests: 10, refused: { SOLD_OUT: 5 } }),
  ]);
  const chart = report.charts.find(({ title }) => title.startsWith('Tickets: challenges'));
  const series = chart?.series.map(({ label, values }) => [label, values.slice(0, 3)]);
  expect(series).toEqual([
    ['challenge 200', [5, 5, 0]],
    ['ticket 201', [5, 5, 0]],
    ['challenge RATE_LIMITED', [0, 1, 0]],
  ]);
  expect(await renderHtml(report)).toContain('10 of 10 shoppers who asked for a ticket got one; 11 were planned.');
});

test.each([
  ['no fault on the way to a ticket', [`ticket,UNAVAILABLE,${second},1.0`], ['faults of the system']],
  ['tickets for all who asked', ['missed,ticket,WRONG_ANSWER,0'], []],
  ['challenge, p99', [`challenge,200,${second},1500.0`], []],
  ['buyers without a ticket', ['missed,press,NO_TICKET,0'], []],
])('a run is not passed when this does not hold: %s', (name, lines, others) => {
  expect(failed(run({ tickets: 'edge', answers: wholeWay(...lines) }))).toEqual([...others, name]);
});

test('a run in which no shopper asked for a ticket is not passed', () => {
  expect(failed(run({ tickets: 'edge' }))).toEqual(['tickets for all who asked']);
});

test('lost answers, faults, broken promises and slow purchases fail a run', () => {
  const answers = new Answers();
  answers.take(`buy,ACCEPTED,${second},5000.0;buy,NO_ANSWER,${second},1.0;buy,UNAVAILABLE,${second},1.0`);
  answers.take('broken one ticket, two orders');
  expect(failed(run({ answers }))).toEqual(['promises', 'no answer at all', 'faults of the system', 'buy, p99']);
});

test('a counter that begins anew gives no rate for that moment, and gaps are gaps', () => {
  const axis = makeAxis(startedAtMs, startedAtMs + 5000);
  const samples = [sample(0, { c: 100 }), sample(1, { c: 110 }), sample(2, { c: 3 }), sample(4, { c: 7 })];
  expect(rateSeries(axis, samples, 'c')).toEqual([null, 10, null, null, 2]);
});

test('a day is drawn with as many points as ten minutes', () => {
  const axis = makeAxis(startedAtMs, startedAtMs + 86_400_000);
  expect(axis).toMatchObject({ pointSeconds: 144, points: 600 });
});

test('growth is the last quarter against the second one', () => {
  const samples = Array.from({ length: 100 }, (_, at) =>
    sample(at, {}, { 'rss.leaky': 100 + at * 10, 'rss.calm': 100 }),
  );
  expect(growthOf(samples, 'rss.')).toEqual([
    { name: 'leaky', early: 470, late: 970 }, // medians: readings 37 and 87
    { name: 'calm', early: 100, late: 100 },
  ]);
  const leak = failed(
    run({
      kind: 'soak',
      samples: samples.map((each) => ({ ...each, gauges: { 'rss.leaky': (each.gauges['rss.leaky'] ?? 0) * 1e6 } })),
      loadEndedAtMs: startedAtMs + 100_000,
    }),
  );
  expect(leak).toEqual(['memory of leaky']);
});

test('a percentile is a value that was measured', () => {
  expect([0.5, 0.99, 1].map((share) => percentile([1, 2, 3, 4], share))).toEqual([2, 4, 4]);
  expect(percentile([], 0.5)).toBe(0);
});

test("k6's own summary is read, and one of another shape is no summary", () => {
  const metrics = { http_reqs: { values: { count: 12, rate: 3 } }, dropped_iterations: { values: { count: 2 } } };
  expect(readSummary(JSON.stringify({ metrics }))).toEqual({ requests: 12, dropped: 2 });
  expect(readSummary('{}')).toBeNull();
});

test('the page asks nobody for anything, holds no unescaped text, and stays below 2 MB for ten minutes of thirty series', async () => {
  const samples = Array.from({ length: 600 }, (_, at) =>
    sample(at, Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`cpu.${index}`, at * 1.23456 + index]))),
  );
  const loadEndedAtMs = startedAtMs + 600_000;
  const html = await renderHtml(run({ samples, loadEndedAtMs, notes: ['</script><b>'], commit: '<i>' }));
  expect(html).not.toMatch(/\b(src|href)=/);
  expect(html).not.toMatch(/@import|url\(/);
  expect(html).not.toContain('<i>');
  expect(html).not.toContain('</script><b>');
  expect(html.length).toBeLessThan(2_000_000);
});
