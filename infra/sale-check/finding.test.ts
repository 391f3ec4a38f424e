import { expect, test } from 'vitest';
import { fail, runChecks } from './finding.ts';

test('what mends a finding names what shows the processes where it is read', async () => {
  const checks = [
    { name: 'a', run: async () => fail('x', 'seckill status   (restart that gateway)') },
    { name: 'b', run: () => Promise.reject(new Error('y')) },
    { name: 'c', run: async () => fail('z', 'seckill keys show') },
  ];
  const mends = (findings: Awaited<ReturnType<typeof runChecks>>) => findings.map(({ mend }) => mend);
  expect(mends(await runChecks(checks, 'kubectl get pods'))).toEqual([
    'kubectl get pods   (restart that gateway)',
    'kubectl get pods',
    'seckill keys show',
  ]);
  expect(mends(await runChecks(checks, 'seckill status'))[1]).toBe('seckill status');
});
