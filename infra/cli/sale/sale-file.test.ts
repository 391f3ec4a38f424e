import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { saleFileSchema } from '#contract/sale.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { readPicture, readSaleFile } from './sale-file.ts';

const sale = {
  saleId: 'tea-cup',
  title: '青瓷茶杯',
  price: { amount: 19_900, currency: 'CNY' },
  units: 10,
  opensAt: '2026-12-01T20:00:00+08:00',
  closesAt: '2026-12-01T22:00:00+08:00',
};
const json = JSON.stringify(sale, null, 2);
/** The title in GBK, as an editor on a Chinese Windows writes it. */
const gbk = Buffer.from(json.replace(sale.title, '####'), 'latin1');
let dir = '';

beforeAll(() => {
  dir = temporaryDirectory('sale-file');
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  mkdirSync(join(dir, 'directory'));
  gbk.write('c7e0b4c9', gbk.indexOf('####'), 'hex');
});

test('a sale file of a Windows editor, with a byte order mark, is taken', async () => {
  const file = join(dir, 'marked.json');
  writeFileSync(file, `\ufeff${json.replaceAll('\n', '\r\n')}`);
  expect((await readSaleFile(file)).title).toBe(sale.title);
});

test.each([
  ['GBK', () => gbk, 'is not UTF-8 at byte 39 (line 3), it looks like GBK: save it as UTF-8'],
  ['UTF-16', () => Buffer.from(`\ufeff${json}`, 'utf16le'), 'is not UTF-8, it looks like UTF-16'],
  [
    'a field that is there twice',
    () => json.replace('"units": 10', '"units": 1000,\n  "units": 10'),
    'has "units" twice, in line 8 and in line 9: keep one of them',
  ],
  ['a comma too many', () => json.replace('10,', '10,,'), 'is not valid JSON: '],
])('a sale file with %s is refused, exit 2', async (what, text, words) => {
  const file = join(dir, `${what}.json`);
  writeFileSync(file, text());
  await expect(readSaleFile(file)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining(`${file} ${words}`),
  });
});

test.each(['/dev/zero', 'pipe', 'directory'])('%s is no sale file and no picture: it is not read', async (name) => {
  const kind = name === '/dev/zero' ? 'device' : name;
  const path = name === '/dev/zero' ? name : join(dir, name);
  const words = { exitCode: 2, message: expect.stringContaining(`${path} is a ${kind}: name a regular file`) };
  await expect(readSaleFile(path)).rejects.toMatchObject(words);
  const pictured = saleFileSchema.parse({ ...sale, picture: name });
  await expect(readPicture(pictured, join(dir, 'sale.json'))).rejects.toMatchObject(words);
});
