import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigError } from '#runtime/config.ts';
import { publishPages } from './publish.ts';
import { readBrand } from './read-brand.ts';
import { testingSale } from './testing-sale.ts';

let dir = '';
const now = new Date('2026-11-11T12:00:00Z');
const drawn = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 4, background: '#1d6a6e' } })
    .png()
    .toBuffer();

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'seckill-brand-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function write(files: Readonly<Record<string, string | Buffer | object>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    const isBytes = typeof content === 'string' || Buffer.isBuffer(content);
    await writeFile(join(dir, name), isBytes ? content : JSON.stringify(content));
  }
}
async function problemsOf(files: Parameters<typeof write>[0]): Promise<string> {
  await write(files);
  const error = await readBrand(dir).catch((thrown: unknown) => thrown);
  if (!(error instanceof ConfigError)) throw new Error(`taken: ${JSON.stringify(error)}`);
  return error.problems.join('\n').replaceAll(`${dir}/`, '');
}

/** The files that docs/brand.md shows. */
async function example(): Promise<Record<string, string>> {
  const text = await readFile(join(import.meta.dirname, '../../docs/brand.md'), 'utf8');
  return Object.fromEntries([...text.matchAll(/```json (\S+)\n(.*?)```/gs)].map(([, name, json = '']) => [name, json]));
}

test('the example of the documentation makes the pages a shop’s: name, logo, icon, colours, links, support and a third language', async () => {
  const files = await example();
  expect(Object.keys(files)).toEqual(['brand.json', 'words/fr.json']);
  await write({ ...files, 'logo.png': await drawn(900, 150), 'icon.png': await drawn(128, 128) });
  const pagesDir = join(dir, 'pages');
  await mkdir(pagesDir);
  const translations = { fr: { title: 'Service à thé' }, zh: { title: '茶具' } };
  const sales = async () => [testingSale('tea', now, { translations })];
  const { files: site } = await publishPages({ sales, brand: await readBrand(dir), pagesDir, now });

  const read = (file: string) => readFile(join(pagesDir, file), 'utf8');
  const sale = await read('sales/tea.html');
  expect(sale).toMatch(
    /<img src="\/assets\/logo\.[\w-]+\.webp" width="240" height="40" alt="Celadon House" data-zh-alt="青瓷坊">/,
  );
  expect(sale).toMatch(/<link rel="icon" type="image\/png" href="\/assets\/icon\.[\w-]+\.png">/);
  expect(sale).toContain(
    '<title data-en="Porcelain tea set · Celadon House" data-zh="茶具 · 青瓷坊" data-fr="Service à thé · Celadon House">',
  );
  expect(sale).toContain(
    '<a href="https://shop.example/terms" rel="noopener"><span class="in-en" lang="en">Terms</span>',
  );
  expect(sale).toContain('<span class="in-fr" lang="fr">Conditions</span>');
  expect(sale).toContain('<span class="in-fr" lang="fr">Service à thé</span>');
  // What the French file lacks is in English, and said to be.
  expect(sale).toContain('<span class="in-en in-fr" lang="en">Quantity</span>');
  expect(sale).toContain('<li><button type="button" data-choose="fr" lang="fr">Français</button></li>');
  for (const page of [await read('order.html'), await read('not-found.html')]) {
    expect(page).toContain('<a href="mailto:help@shop.example" rel="noopener">help@shop.example</a>');
  }
  const fileOf = (pattern: RegExp) => site.find((file) => pattern.test(file)) ?? '';
  expect(await read(fileOf(/app\.[\w-]+\.css$/))).toContain(
    '@media(prefers-color-scheme:light){:root{--accent:#1d6a6e;',
  );
  const words = JSON.parse(await read(fileOf(/words\.fr\./)));
  expect(words).toMatchObject({ tag: 'fr', locale: 'fr', live: { buy: { now: 'Acheter', again: 'Try again' } } });
  expect(sale).toContain(`data-words-fr="/${fileOf(/words\.fr\./)}"`);
});

test('a folder that is empty changes nothing', async () => {
  const { css, footer, languages } = await readBrand(dir);
  expect([css, footer, languages.map(({ tag }) => tag)]).toEqual(['', [], ['en', 'zh']]);
});

test('a file changes some texts of a language that there is, and leaves the others; a kind of a language lacks what that has', async () => {
  await write({
    'words/zh.json': { order: { pay: '去付款' } },
    'words/zh-Hant.json': { language: { name: '繁體' }, order: { pay: '去付款吧' } },
  });
  const { languages } = await readBrand(dir);
  const of = (tag: string) => languages.find((it) => it.tag === tag)?.words;
  expect(of('zh')?.order).toMatchObject({ pay: '去付款', cancel: '取消订单' });
  expect(of('zh')?.language).toEqual({ name: '中文', lang: 'zh-Hans', locale: 'zh-CN' });
  expect(of('zh-Hant')?.order).toMatchObject({ pay: '去付款吧', cancel: '取消订单' });
  expect(of('zh-Hant')?.language).toEqual({ name: '繁體', lang: 'zh-Hant', locale: 'zh-Hant' });
});

describe('is refused with the file, the field and what to do:', () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
  test.each<[what: string, files: Parameters<typeof write>[0], says: string]>([
    [
      'a logo of 20 MB',
      { 'brand.json': { logo: 'l.png' }, 'l.png': Buffer.alloc(20e6) },
      'l.png, the logo of brand.json, is 20.0 MB: at most 2 MB',
    ],
    [
      'a logo with script',
      { 'brand.json': { logo: 'l.svg' }, 'l.svg': svg },
      'is an SVG, which may hold scripts: export it as PNG or WebP',
    ],
    ['a logo that is not there', { 'brand.json': { logo: 'l.png' } }, 'l.png, the logo of brand.json, is not there'],
    [
      'an icon from elsewhere',
      { 'brand.json': { icon: '../i.png' } },
      'brand.json: icon must name a file beside brand.json, without a folder',
    ],
    [
      'a colour that is none',
      { 'brand.json': { colours: { light: { accent: 'red' } } } },
      'brand.json: colours.light.accent must be a colour as # and six',
    ],
    [
      'a colour that cannot be read',
      { 'brand.json': { colours: { light: { accent: '#ffcc00' } } } },
      'brand.json: colours.light: "accent" #ffcc00 on "background" #faf6f1 has a contrast of 1.4:1, and 4.5:1 is needed: make one lighter or darker',
    ],
    ['no JSON', { 'brand.json': '{ name: Tea }' }, 'brand.json is not valid JSON'],
    ['a list', { 'brand.json': [] }, 'brand.json: is wrong: expected object, received array'],
    ['a misspelled field', { 'brand.json': { colors: {} } }, 'brand.json: has an unknown field colors'],
    [
      'a link of script',
      { 'brand.json': { footer: [{ label: 'x', url: 'javascript:alert(1)' }] } },
      'brand.json: footer.0.url must be an https:// or mailto: address',
    ],
    [
      'a link that reads otherwise than it leads',
      { 'brand.json': { footer: [{ label: 'x', url: 'https://shop.example/\u202egnp' }] } },
      'brand.json: footer.0.url ',
    ],
    [
      'a link with a password',
      { 'brand.json': { footer: [{ label: 'x', url: 'https://a:b@c.example' }] } },
      'without a user or password in it',
    ],
    [
      'a name of 10 KB',
      { 'brand.json': { name: 'x'.repeat(10_240) } },
      'brand.json: name must be at most 60 characters',
    ],
    [
      'a name with markup',
      { 'brand.json': { name: '<b>Tea</b>' } },
      'brand.json: name must be plain text: take out the markup',
    ],
    [
      'a support that is neither',
      { 'brand.json': { support: 'http://shop.example' } },
      'brand.json: support must be a mail address such as',
    ],
    ['words that are no JSON', { 'words/fr.json': 'bonjour' }, 'words/fr.json is not valid JSON'],
    [
      'words of no language',
      { 'words/french.json': {} },
      'words/french.json: the name before .json must be a language tag such as "fr"',
    ],
    [
      'a new language without a name',
      { 'words/fr.json': {} },
      'words/fr.json: must say what the language calls itself',
    ],
    [
      'an unknown key',
      { 'words/zh.json': { order: { pays: '付款' } } },
      'words/zh.json: order.pays is no text of the pages; did you mean order.pay?',
    ],
    [
      'a lost value',
      { 'words/zh.json': { list: { from: '开抢时间' } } },
      'words/zh.json: list.from has lost {time}: put it where the value is to stand',
    ],
    [
      'an unknown value',
      { 'words/zh.json': { order: { pay: '{name}' } } },
      'order.pay has {name}, which stands for nothing: this text has no values',
    ],
    ['a brace', { 'words/zh.json': { order: { pay: '付款}' } } }, 'order.pay has a brace that belongs to no {value}'],
    [
      'words with markup',
      { 'words/zh.json': { order: { pay: '<b>付款</b>' } } },
      'order.pay must be plain text: take out the markup',
    ],
    [
      'a text of 401 characters',
      { 'words/zh.json': { order: { pay: '付'.repeat(401) } } },
      'order.pay must be at most 400 characters',
    ],
    ['a number for a text', { 'words/zh.json': { order: { pay: 1 } } }, 'order.pay must be text'],
    ['a text for texts', { 'words/zh.json': { order: 'x' } }, 'order must be an object of texts'],
    [
      'a text for forms',
      { 'words/zh.json': { sale: { upTo: '{count} 件' } } },
      'sale.upTo must have a form for each kind of number: { "other": "…" }',
    ],
    [
      'a form of another language',
      { 'words/zh.json': { sale: { upTo: { one: '1 件', other: '{count} 件' } } } },
      'sale.upTo.one is no form of this language: it has other',
    ],
  ])('%s', async (_what, files, says) => {
    expect(await problemsOf(files)).toContain(says);
  });

  test('a folder that is not there', async () => {
    await expect(readBrand(join(dir, 'gone'))).rejects.toThrow(
      `SECKILL_BRAND_DIR must name a folder that is there: ${dir}/gone is none`,
    );
  });

  test('several mistakes at once', async () => {
    const told = await problemsOf({
      'brand.json': { nmae: 'Tea', support: 1 },
      'words/fr.json': '',
      'words/zh.json': { x: '' },
    });
    expect(told.split('\n').length).toBe(4);
    expect(await readdir(dir)).toEqual(['brand.json', 'words']); // nothing was written
  });
});
