import { expect, test } from 'vitest';
import { createRememberedTokens } from './remembered-tokens.ts';

test('a token that is asked for is kept, and of all others at most two generations', () => {
  const remembered = createRememberedTokens<{ sub: string }>(100);
  remembered.add('polls', { sub: 'polls' });
  for (let n = 0; n < 10_000; n += 1) {
    remembered.add(`t${n}`, { sub: `u${n}` });
    if (n % 50 === 0) expect(remembered.get('polls')).toEqual({ sub: 'polls' });
  }
  const kept = Array.from({ length: 10_000 }, (_, n) => n).filter((n) => remembered.get(`t${n}`) !== undefined);
  expect(kept.length).toBeLessThanOrEqual(200);
  expect(kept.length).toBeGreaterThanOrEqual(100);
  expect(kept.at(-1)).toBe(9999);
});

test('a token of more than 1,024 characters is not kept', () => {
  const remembered = createRememberedTokens<object>();
  remembered.add('a'.repeat(1024), {});
  remembered.add('a'.repeat(1025), {});
  expect([remembered.get('a'.repeat(1024)), remembered.get('a'.repeat(1025))]).toEqual([{}, undefined]);
});
