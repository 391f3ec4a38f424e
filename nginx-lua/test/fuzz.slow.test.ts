import { expect, test } from 'vitest';
import { runFuzz } from './fuzz/fuzz.ts';

test('3,000 odd requests get 4xx problems or a closed connection; no 5xx, no Lua error, no worker lost, no memory', async () => {
  const summary = await runFuzz({ requests: 3000, seed: 20_261_125 });
  expect(summary).toMatchObject({ faults: [], workersKept: true, forged: 0, misspelled: [] });
  expect(summary.passed).toBeGreaterThan(1);
  expect(summary.answers).toMatchObject({
    400: expect.any(Number),
    401: expect.any(Number),
    404: expect.any(Number),
    410: expect.any(Number),
  });
  expect(summary.memory.after).toBeLessThan(summary.memory.before * 1.2 + 4);
}, 300_000);

test('3,000 odd requests for challenges and tickets: no ticket that no right answer has earned, no 5xx, no Lua error', async () => {
  const summary = await runFuzz({ requests: 3000, seed: 20_261_130, isOffice: true });
  expect(summary).toMatchObject({ faults: [], workersKept: true, forged: 0, misspelled: [], unearned: 0 });
  expect(summary.tickets).toBeGreaterThan(50);
  expect(summary.answers).toMatchObject({ 400: expect.any(Number), 401: expect.any(Number), 422: expect.any(Number) });
}, 300_000);
