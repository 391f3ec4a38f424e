import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createOrderCounts } from './order-counts.ts';

/** Counting that ends when it is told to; every sale has one paid unit. */
function slowCounting() {
  const asked: string[][] = [];
  const ends: (() => void)[] = [];
  let nowMs = 0;
  const query = async (_text: string, [saleIds]: [string[]]) => {
    asked.push(saleIds);
    await new Promise<void>((resolve) => ends.push(resolve));
    return { rows: saleIds.map((saleId) => ({ sale_id: saleId, state: 'paid', units: 1 })) };
  };
  const counts = createOrderCounts({ pool: { query } as never, now: () => nowMs });
  const end = async () => {
    ends.shift()?.();
    await nextTurn();
  };
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { counts, asked, end, pass };
}

test('who asks about other sales while some are counted is told of those that were asked for', async () => {
  const { counts, asked, end } = slowCounting();
  const [one, other] = [counts(['a']), counts(['b'])];
  await end();
  expect(await one).toEqual({ a: { paid: 1 } });
  await end();
  expect(await other).toEqual({ b: { paid: 1 } });
  expect(asked).toEqual([['a'], ['b']]);
});

test('many who ask about the same sales are told by one counting, for a second', async () => {
  const { counts, asked, end, pass } = slowCounting();
  const answers = [counts(['a', 'b']), counts(['b', 'a'])];
  await end();
  expect(await Promise.all(answers)).toEqual(Array(2).fill({ a: { paid: 1 }, b: { paid: 1 } }));
  pass(800);
  await counts(['a', 'b']);
  expect(asked).toHaveLength(1);
  pass(200);
  const later = counts(['a', 'b']);
  await end();
  await later;
  expect(asked).toHaveLength(2);
});
