import { expect, test } from 'vitest';
import { checkEdgeAnswers, checkPages } from './edges.ts';
import { reachEdges } from './reach-edges.ts';

test('a place to connect to, and no URL that shoppers type: no edge can be asked, and both settings are named', async () => {
  const { edges, close } = reachEdges({ urls: [], connect: ['edge:8443'], authorities: null });
  await close();
  for (const found of [await checkPages(edges, 'tea'), await checkEdgeAnswers(edges, 'tea', null)]) {
    const mend = expect.stringMatching(/ SECKILL_EDGE_URL=<.*> and SECKILL_EDGE_CONNECT=</);
    expect(found).toEqual([{ verdict: 'fail', says: 'no edge can be asked from here', mend }]);
  }
});
