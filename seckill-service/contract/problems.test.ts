import { expect, test } from 'vitest';
import { problemCodes, problemResponse } from './problems.ts';

test('each UNAUTHENTICATED says how to sign in by a challenge of HTTP, and no other refusal does', () => {
  const challenges = problemCodes.map((code) => [code, problemResponse(code).headers.get('www-authenticate')]);
  expect(challenges.filter(([, challenge]) => challenge !== null)).toEqual([
    ['UNAUTHENTICATED', 'Bearer realm="seckill"'],
  ]);
});
