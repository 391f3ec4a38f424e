import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { saleStates } from '#contract/sale.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import type { Finding } from '../../sale-check/finding.ts';
import { readAuthorities, saleCheckText } from './run-sale-check.ts';

const well: Finding = { check: 'price', verdict: 'pass', says: 'fine', mend: null };
const broken: Finding = { check: 'edges', verdict: 'fail', says: 'away', mend: 'seckill status' };
const first = (state: (typeof saleStates)[number], checks: Finding[], ok: boolean) =>
  saleCheckText({ saleId: 'tea', state, ok, checks }).split('\n')[0];

test('a sale check says what the sale is: only a draft is ready to open, or not', () => {
  expect(saleStates.map((state) => first(state, [well], true))).toEqual([
    'tea: ready to open',
    'tea: opens by its clock, and all is well',
    'tea: open, and all is well',
    'tea: sold out, and all is well',
    'tea: paused, and all is well',
    'tea: closed, and all is well',
  ]);
  expect(first('draft', [broken], false)).toBe('tea: NOT READY, 1 to mend');
  expect(first('open', [broken, { ...well, verdict: 'warn' }], false)).toBe('tea: OPEN, BUT 1 TO MEND, 1 warning');
});

test('SECKILL_EDGE_CA_FILE must be a regular text file with a certificate in it: a device is never read', async () => {
  const dir = temporaryDirectory('authorities-');
  const empty = join(dir, 'empty.pem');
  writeFileSync(empty, '');
  for (const [file, why] of [
    ['/dev/zero', 'is a device: name a regular file'],
    [dir, 'is a directory: name a regular file'],
    [join(dir, 'missing.pem'), 'no such file'],
    [empty, 'there is no PEM certificate in it'],
  ] as const) {
    await expect(readAuthorities(file)).rejects.toMatchObject({
      exitCode: 78,
      message: expect.stringMatching(`^SECKILL_EDGE_CA_FILE.*${why}`),
    });
  }
});
