import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { followSetting } from './follow-setting.ts';
import { createLogger } from './logger.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
let refused = 0;
const parse = (text: string) => {
  const number = Number(text);
  // Empty: it was looked at in the middle of our writing.
  if (text !== '' && Number.isInteger(number)) return number;
  refused += 1;
  throw new Error('must be a whole number');
};
const until = (holds: () => boolean) => vi.waitUntil(holds, 20_000);
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'setting-'));
  file = join(folder, 'setting');
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

async function follow(options: { value?: number; file?: string }) {
  const { value, file } = options;
  const followed = await followSetting({ name: 'SECKILL_N', value, file, parse, logger, everyMs: 5 });
  onTestFinished(followed.close);
  return followed;
}

test('a value stays what it is', async () => {
  expect((await follow({ value: 7 })).get()).toBe(7);
});

test('a file is taken over when it changes, also when a link is swapped under its name, and told', async () => {
  writeFileSync(join(folder, 'first'), '1\n');
  symlinkSync(join(folder, 'first'), file);
  const followed = await follow({ file });
  const told: number[] = [];
  followed.onChange((value) => told.push(value));
  writeFileSync(join(folder, 'first'), '2\n');
  await until(() => followed.get() === 2);
  writeFileSync(join(folder, 'second'), '3\n');
  symlinkSync(join(folder, 'second'), `${file}.new`);
  renameSync(`${file}.new`, file);
  await until(() => followed.get() === 3);
  expect(told).toEqual([2, 3]);
});

test('a text that cannot be used, and a file that is gone, leave the last good value in force', async () => {
  writeFileSync(file, '1');
  const followed = await follow({ file });
  refused = 0;
  writeFileSync(file, 'half of someth');
  await until(() => refused > 1);
  expect(followed.get()).toBe(1);
  rmSync(file);
  writeFileSync(file, '2');
  await until(() => followed.get() === 2);
});

test('neither, both, no file and a file that makes no sense are configuration errors without the text', async () => {
  writeFileSync(file, 'secret nonsense');
  await expect(follow({})).rejects.toThrow('SECKILL_N_FILE is not set (nor SECKILL_N)');
  await expect(follow({ value: 1, file })).rejects.toThrow('SECKILL_N and SECKILL_N_FILE are both set');
  await expect(follow({ file: join(folder, 'none') })).rejects.toThrow('SECKILL_N_FILE cannot be read: ENOENT');
  const nonsense = follow({ file });
  await expect(nonsense).rejects.toThrow(`SECKILL_N_FILE, ${file}: must be a whole number`);
  await expect(nonsense).rejects.not.toThrow('secret');
});
