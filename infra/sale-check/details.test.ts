import { expect, test } from 'vitest';
import { judgeDetailsKeys } from './details.ts';

const collect = ['name', 'address'] as const;

test('a sale whose contact and address cannot be sealed is told before it opens, with the workers and the setting', () => {
  const [one, two] = [
    { worker: 'worker-1', canSealDetails: true },
    { worker: 'worker-2', canSealDetails: false },
  ];
  expect(judgeDetailsKeys([one], collect)).toMatchObject({ verdict: 'pass' });
  const mend = expect.stringContaining('SECKILL_PERSONAL_KEYS');
  expect(judgeDetailsKeys([one, two], collect)).toMatchObject({ verdict: 'fail', mend });
  expect(judgeDetailsKeys([one, two], collect).says).toMatch(/^name, address cannot be sealed by worker-2: /);
  // A worker of before says nothing about it.
  expect(judgeDetailsKeys([{ worker: 'worker-3' }], collect)).toMatchObject({ verdict: 'fail' });
  expect(judgeDetailsKeys([], collect)).toMatchObject({ verdict: 'warn' });
});
