import { expect, test } from 'vitest';
import { edgeLimitNames } from '#contract/edge-settings.ts';
import type { EdgeNode } from '#contract/edge-stream.ts';
import { appliedTable, edgesTable } from './edges-text.ts';

const limits = Object.fromEntries(edgeLimitNames.map((name) => [name, 100_000])) as EdgeNode['limits'];
const edge = {
  edgeId: 'edge-1',
  epochs: {},
  keyIds: ['k1'],
  settingsVersion: 7,
  limits,
  maintenance: false,
  silentSince: null,
  hasOffice: true,
} as EdgeNode;

test('edges and their limits fit the terminal: a table, or lines where it is narrow; no number is cut', () => {
  expect(edgesTable([edge], 0, null).split('\n')).toHaveLength(2);
  for (const width of [60, 80, 200]) {
    const text = edgesTable([edge, { ...edge, edgeId: 'edge-2' }], 0, width);
    for (const line of text.split('\n')) expect([width, line, line.length <= width]).toEqual([width, line, true]);
    for (const name of edgeLimitNames) expect(text).toContain(name);
    expect(text).toContain('100000');
  }
});

test('an edge that makes no tickets itself says so, and one that is silent says that alone', () => {
  for (const text of [edgesTable, appliedTable]) {
    expect(text([edge], 0, null)).toMatch(/^edge-1 +live +\d/m);
    expect(text([{ ...edge, hasOffice: false }], 0, null)).toMatch(/^edge-1 +live, makes no tickets +7/m);
    const silent = { ...edge, hasOffice: false, silentSince: '1970-01-01T00:00:00.000Z' };
    expect(text([silent], 5000, null)).toMatch(/^edge-1 +silent (?!.*tickets)/m);
  }
});
