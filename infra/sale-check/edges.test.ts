import { expect, test } from 'vitest';
import { edgeNodeSchema } from '#contract/edge-stream.ts';
import { checkEdgeAnswers, checkPages, judgeKeyHolders, troubleOf } from './edges.ts';
import { reachEdges } from './reach-edges.ts';

test('a place to connect to, and no URL that shoppers type: no edge can be asked, and both settings are named', async () => {
  const { edges, close } = reachEdges({ urls: [], connect: ['edge:8443'], authorities: null });
  await close();
  for (const found of [await checkPages(edges, 'tea'), await checkEdgeAnswers(edges, 'tea', null)]) {
    const mend = expect.stringMatching(/ SECKILL_EDGE_URL=<.*> and SECKILL_EDGE_CONNECT=</);
    expect(found).toEqual([{ verdict: 'fail', says: 'no edge can be asked from here', mend }]);
  }
});

test('an edge that does not know what it makes tickets with is told of, unless it is silent anyway', () => {
  const node = { edgeId: 'edge-2', epochs: {}, appliedAt: '2026-11-30T00:00:00Z', settingsVersion: 1 };
  const trouble = (changes: object) =>
    troubleOf(edgeNodeSchema.parse({ ...node, ...changes }), [], 'tea', null).map(({ says }) => says);
  expect(trouble({ hasOffice: true })).toEqual([]);
  expect(trouble({ hasOffice: false })).toEqual([expect.stringMatching(/^nginx of edge-2 does not know .* tickets/)]);
  expect(trouble({ hasOffice: false, silentSince: '2026-11-30T00:00:01Z' })).toHaveLength(1);
});

test('nginx signs tickets too: a process that does not know its key is named', () => {
  const edge = { name: 'edge-1', kind: 'nginx' as const };
  const service = { name: 'service-1', kind: 'service' as const, keyIds: ['k2', 'k1'] };
  expect(judgeKeyHolders([{ ...edge, keyIds: ['k1', 'k2'] }, service])).toMatchObject([{ verdict: 'pass' }]);
  expect(judgeKeyHolders([{ ...edge, keyIds: ['k0', 'k2'] }, service])).toMatchObject([
    { verdict: 'fail', says: 'service-1 (service) does not know k0, which signs tickets' },
  ]);
});
