import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { shellQuote } from './shell-quote.ts';

test.each(['/tmp/run', '/tmp/my 秒杀', "it's", '$HOME `id` "x"', ''])(
  '%s comes out of a shell as it went in',
  (text) => {
    expect(execFileSync('sh', ['-c', `printf %s ${shellQuote(text)}`]).toString()).toBe(text);
  },
);

test('a word that needs no quotes has none', () => {
  expect(shellQuote('/tmp/run-1')).toBe('/tmp/run-1');
});
