import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { logSize, logTail } from './log-file.ts';

test('the tail shows the last lines of this life, none of an earlier one', () => {
  const dir = mkdtempSync(join(tmpdir(), 'log-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const log = join(dir, 'x.log');
  expect(logTail(log, 0, 20)).toEqual([]);
  appendFileSync(log, 'an earlier life\n');
  const from = logSize(log);
  expect(logTail(log, from, 20)).toEqual([]);
  appendFileSync(log, 'one\ntwo\nthree\n');
  expect(logTail(log, from, 2)).toEqual(['two', 'three']);
  expect(logTail(log, from, 20)).toEqual(['one', 'two', 'three']);
});
