import { expect, test } from 'vitest';
import { edgeLimitNames } from '#contract/edge-settings.ts';
import type { EdgeNode } from '#contract/edge-stream.ts';
import { edgesTable } from './edges-text.ts';

const limits = Object.fromEntries(edgeLimitNames.map((name) => [name, 100_000])) as EdgeNode['limits'];
const edge = {
  edgeId: 'edge-1',
  epochs: {},
  keyIds: ['k1'],
  settingsVersion: 7,
  limits,
  maintenance: false,
  silentSince: null,
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
