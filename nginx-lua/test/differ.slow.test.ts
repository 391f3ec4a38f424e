import { expect, test } from 'vitest';
import { runDiffer } from './differ/differ.ts';

// A tenth of what `npm run differ` asks: two minutes are more than a lane has.
test('10,000 requests: the edge answers as the gateway, and what it must answer itself it does not pass on', async () => {
  const { differences, faults, forEdge } = await runDiffer({ requests: 10_000, seed: 16 });
  expect({ differences, faults }).toEqual({ differences: [], faults: [] });
  expect(forEdge).toMatchObject({ byEdge: forEdge.asked, example: null });
}, 300_000);
