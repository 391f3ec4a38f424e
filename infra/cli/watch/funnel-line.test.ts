import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import type { Funnel } from './funnel.ts';
import { funnelLine } from './funnel-line.ts';

const funnel: Funnel = {
  saleId: 'demo-1',
  state: 'sold_out',
  epoch: 3,
  edgeEpoch: 3,
  edges: [{ edgeId: 'edge-1', epoch: 3, silentSince: null, hasOffice: true, maintenance: false }],
  units: { total: 200, free: 0 },
  edge: { since: null, arrived: 5000, passed: 328, shed: { sold_out: 4000, rate_user: 672, closed: 0 } },
  accepted: 200,
  outbox: 0,
  queue: { waiting: 0, active: 0, failed: 0 },
  stored: 200,
};

test('a line fits its terminal: what says the least is left out first, and a cut is seen', () => {
  const whole =
    'demo-1 sold_out e3 | edges 1 in step | free 0/200 | arrived 5000, shed 4672 (sold_out 4000, rate_user 672) | accepted 200 | outbox 0 | queued 0 | stored 200';
  expect(funnelLine(funnel)).toBe(whole);
  expect(funnelLine(funnel, 200)).toBe(whole);
  expect(funnelLine(funnel, 130)).toBe(whole.replace(' (sold_out 4000, rate_user 672)', ''));
  const without = 'demo-1 sold_out e3 | free 0/200 | arrived 5000, shed 4672 | accepted 200 | stored 200';
  expect(funnelLine(funnel, 90)).toBe(without);
  expect(funnelLine(funnel, 80)).toBe(without.replace(', shed 4672', ''));
  expect(funnelLine(funnel, 40)).toBe(`${without.slice(0, 39)}…`);
  for (let width = 1; width <= 200; width += 1) {
    expect(stringWidth(funnelLine(funnel, width))).toBeLessThanOrEqual(width);
  }
});

test('trouble is never left out for want of room: an edge behind, what waits, a dead letter', () => {
  const edges = [{ edgeId: 'edge-2', epoch: 2, silentSince: null, hasOffice: true, maintenance: true }];
  const troubled = { ...funnel, edges, outbox: 7, queue: { waiting: 3, active: 1, failed: 2 } };
  const line = funnelLine(troubled, 160);
  for (const part of ['edge-2 at e2, MAINTENANCE', 'outbox 7', 'queued 4', 'dead letters 2']) {
    expect(line).toContain(part);
  }
});

test('an edge that makes no tickets itself is named, and a silent one for its silence alone', () => {
  const idle = { edgeId: 'edge-2', epoch: 3, silentSince: null, hasOffice: false, maintenance: false };
  expect(funnelLine({ ...funnel, edges: [idle] })).toContain('edges 1 (edge-2 makes no tickets)');
  const silent = { ...idle, silentSince: '2026-12-01T12:00:00Z' };
  expect(funnelLine({ ...funnel, edges: [silent] })).toContain('edges 1 (edge-2 silent)');
});

test('an edge that restarted in mid-sale says since when it counts: what is accepted is of the whole sale', () => {
  const anew = { since: '2026-12-01T12:03:04.000Z', arrived: 12, passed: 2, shed: {} };
  expect(funnelLine({ ...funnel, edge: anew })).toContain('arrived 12 since 12:03:04 UTC, shed 10 | accepted 200');
});
