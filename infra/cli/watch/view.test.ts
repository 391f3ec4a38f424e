import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import type { Funnel } from './funnel.ts';
import { funnelView } from './view.ts';

const funnel: Funnel = {
  saleId: 'tea-cup',
  state: 'open',
  epoch: 3,
  edgeEpoch: 2,
  edges: [
    { edgeId: 'edge-1', epoch: 3, silentSince: null, hasOffice: true, maintenance: false },
    { edgeId: 'edge-2', epoch: 2, silentSince: null, hasOffice: false, maintenance: true },
  ],
  units: { total: 200, free: 50 },
  edge: { since: null, arrived: 5000, passed: 328, shed: { sold_out: 4000, rate_user: 672, closed: 0 } },
  accepted: 150,
  outbox: 3,
  queue: { waiting: 40, active: 2, failed: 1 },
  stored: 105,
};
const now = { funnel, atMs: Date.parse('2026-12-01T12:00:10Z') };
const before = { ...funnel, edge: { since: null, arrived: 2000, passed: 300, shed: { sold_out: 1500 } }, stored: 5 };
const earlier = { funnel: before, atMs: now.atMs - 2000 };

test('the view tells every count of the funnel, its rate, what was shed and why, and each edge', () => {
  const text = funnelView({ now, earlier, columns: 80, rows: 40 }).join('\n');
  expect(text).toMatch(/^tea-cup {3}OPEN {3}epoch 3 +12:00:10 UTC {3}q quits$/m);
  expect(text).toMatch(/^stock {3}\[█{10}░{30}\] 50 free of 200$/m);
  expect(text).toMatch(/^arrived +5,000 {3}\+1,500\/s$/m);
  expect(text).toMatch(/^ {2}sold_out +4,000 {3}\+1,250\/s$/m);
  expect(text).not.toContain('closed');
  expect(text).toMatch(/^queued +42$/m);
  expect(text).toMatch(/^stored +105 {3}\+50\/s$/m);
  expect(text).toMatch(/^dead letters +1$/m);
  expect(text).toMatch(/^edge-1 +3 +in step$/m);
  expect(text).toMatch(/^edge-2 +2 +BEHIND +makes no tickets, MAINTENANCE$/m);
});

test('an edge that began to count in mid-sale is told beneath what has arrived', () => {
  const anew = { ...funnel, edge: { since: '2026-12-01T11:58:00.000Z', arrived: 12, passed: 2, shed: {} } };
  const lines = funnelView({ now: { ...now, funnel: anew }, earlier: null, columns: 80, rows: 40 });
  const arrived = lines.findIndex((line) => /^arrived +12$/.test(line));
  expect(lines[arrived + 1]).toBe('  since 11:58:00 UTC: an edge began to count anew');
});

test('what is not known is a question mark, never a nought', () => {
  const blind = { funnel: { ...funnel, edge: null, queue: null, edges: null }, atMs: now.atMs };
  const text = funnelView({ now: blind, earlier: null, columns: 80, rows: 40, problem: 'it is away' }).join('\n');
  for (const name of ['arrived', 'shed', 'passed on', 'queued'])
    expect(text).toMatch(new RegExp(`^${name} +\\?$`, 'm'));
  expect(text).toContain('ZooKeeper does not answer');
  expect(text).toContain('PROBLEM  it is away');
});

test('it fits every terminal, and says when lines are left out', () => {
  for (const [columns, rows] of [
    [200, 60],
    [40, 10],
    [20, 5],
    [5, 2],
  ] as const) {
    const lines = funnelView({ now, earlier, columns, rows });
    expect(lines.length).toBeLessThanOrEqual(rows);
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
  }
  expect(funnelView({ now, earlier, columns: 40, rows: 10 }).at(-1)).toMatch(/^… and \d+ more lines$/);
});
