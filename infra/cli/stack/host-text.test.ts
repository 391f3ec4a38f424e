import { expect, test } from 'vitest';
import { seckill } from '#lab/kits/command-line.ts';
import { fail, pass, warn } from '../../sale-check/finding.ts';
import { hostText } from './host-text.ts';

test('host check tells each finding, what mends it, and how many warnings there are', () => {
  expect(hostText([pass('12 settings of this machine are sane')])).toBe('ok   12 settings of this machine are sane');
  expect(hostText([warn('a is 1, and should be 2', 'set a 2')])).toBe(
    'WARN a is 1, and should be 2\n     mend: set a 2\n1 warning: a sale works, and slower than it could',
  );
  expect(hostText([fail('broken', 'mend it')])).toBe('FAIL broken\n     mend: mend it');
});

test('warnings about a machine are no failure: host check exits with 0, with any settings of this machine', async () => {
  const { code, stdout } = await seckill({}, 'host', 'check', '--json');
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: { verdict: string }[] };
  expect([code, ok]).toEqual([0, true]);
  expect(findings.map(({ verdict }) => verdict)).not.toContain('fail');
});
