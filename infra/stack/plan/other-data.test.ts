import { mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { runDirectory } from '../host/run-directory.ts';
import { refuseOtherData } from './other-data.ts';

test('data of a stack without --ha are refused to one with it, and the other way round', () => {
  const dirs = [false, true].map((ha) => {
    const dir = runDirectory(temporaryDirectory('other-data'));
    mkdirSync(dir.data(ha ? 'stock-redis-1' : 'stock-redis'), { recursive: true });
    refuseOtherData(dir, ha);
    return dir;
  });
  const [plain, several] = dirs;
  if (plain === undefined || several === undefined) throw new Error('two were made');
  expect(() => refuseOtherData(plain, true)).toThrow(/started without --ha: .* --dir \.run\/ha$/);
  expect(() => refuseOtherData(several, false)).toThrow(/started with --ha: .* --dir \.run\/plain$/);
});
