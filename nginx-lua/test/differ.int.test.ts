import { expect, test } from 'vitest';
import { runDiffer } from './differ/differ.ts';

test('1,500 requests for challenges and tickets are answered by the edge as by the gateway, while secrets and sales change', async () => {
  const { differences, faults, ...counts } = await runDiffer({ requests: 1500, seed: 20_261_130 });
  expect({ differences, faults }).toEqual({ differences: [], faults: [] });
  expect(counts.asked).toBeGreaterThanOrEqual(1500);
  // Not by passing everything on.
  expect(counts.forEdge.asked).toBeGreaterThan(400);
  expect(counts.forEdge).toMatchObject({ byEdge: counts.forEdge.asked, example: null });
  expect(counts.byStatus).toMatchObject({
    200: expect.any(Number),
    201: expect.any(Number),
    400: expect.any(Number),
    401: expect.any(Number),
    422: expect.any(Number),
    429: expect.any(Number),
  });
});
