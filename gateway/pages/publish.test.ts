import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ownColours, paint } from './brand/colours.ts';
import type { Brand } from './brand.ts';
import { brandBudgets } from './brand-pictures.ts';
import { pictureBudgets } from './picture.ts';
import { publishPages } from './publish.ts';
import { testingSale } from './testing-sale.ts';
import { builtInLanguages } from './words/languages.ts';
import type { Words } from './words/words.ts';

const now = new Date('2026-11-11T12:00:00Z');
const sales = [testingSale('tea', now), testingSale('lamp', now, { challenge: 'none' })];
let pagesDir = '';
// Compressing a site takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

beforeEach(async () => {
  pagesDir = await mkdtemp(join(tmpdir(), 'seckill-pages-'));
});
afterEach(() => rm(pagesDir, { recursive: true }));

const publish = (chosen = sales, at = now) => publishPages({ sales: async () => chosen, pagesDir, now: at });
const read = (file: string) => readFile(join(pagesDir, file), 'utf8');
const sizeOf = async (file: string) => (await stat(join(pagesDir, file))).size;

async function snapshot(): Promise<Record<string, string>> {
  const entries = await readdir(pagesDir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const stamped = files.sort().map(async (file) => {
    const { ino, mtimeMs } = await stat(file);
    return [file, `${ino} ${mtimeMs}`] as const;
  });
  return Object.fromEntries(await Promise.all(stamped));
}

test('every file stands beside the same file in gzip and in brotli', async () => {
  const { files } = await publish();
  expect(files).toEqual(expect.arrayContaining(['index.html', 'order.html', 'sales/tea.html', 'sales/lamp.html']));
  for (const file of files) {
    const text = await read(file);
    expect(gunzipSync(await readFile(join(pagesDir, `${file}.gz`))).toString()).toBe(text);
    expect(brotliDecompressSync(await readFile(join(pagesDir, `${file}.br`))).toString()).toBe(text);
  }
});

test('a page names only assets that are there', async () => {
  const { files } = await publish();
  for (const page of files.filter((file) => file.endsWith('.html'))) {
    const named = [...(await read(page)).matchAll(/"\/(assets\/[^"]+)"/g)].map(([, file]) => file);
    expect(named.length).toBeGreaterThanOrEqual(3);
    for (const file of named) expect(files).toContain(file);
  }
});

describe('what a first visit costs, as it travels', () => {
  /** Every field of brand.json at its longest, and a third language, longer than English. */
  function fullBrand(): Brand {
    const [english, chinese] = builtInLanguages;
    const logo = { width: 480, height: 80, webp: randomBytes(brandBudgets.logo) };
    const footer = Array.from({ length: 8 }, (_, nth) => ({
      label: {
        en: `${nth} Terms and conditions of this shop, full`,
        zh: `${nth} 购买须知与隐私政策`,
        fr: `${nth} Conditions générales`,
      },
      url: `https://shop.example/${nth}/${randomBytes(20).toString('hex')}`,
    }));
    const longer = (_key: string, value: unknown) =>
      typeof value === 'string'
        ? value.replaceAll(/\{\w+\}|[aeiou]/g, (found) => (found.length > 1 ? found : found + found))
        : value;
    const words: Words = JSON.parse(JSON.stringify(english.words), longer);
    const third = { tag: 'fr', words: { ...words, language: { name: 'Français', lang: 'fr', locale: 'fr' } } };
    const { colours, css } = paint(ownColours);
    return {
      ...{ languages: [english, chinese ?? english, third], colours, css, footer },
      ...{ logo: { light: logo, dark: logo }, icon: randomBytes(brandBudgets.icon) },
      support: { url: 'mailto:help@shop.example', label: 'help@shop.example' },
    };
  }

  /** A page of the longest texts and the largest pictures that a sale file may have. */
  async function fullSale() {
    const long = (text: string, length: number) =>
      Array.from({ length }, (_, n) => text[(n * 7) % text.length]).join('');
    const sale = testingSale('full', now, {
      challenge: 'pow',
      title: long('A limited first edition of tea sets', 120),
      description: long('porcelain bowls, hand-painted and fired twice ', 2000),
      translations: {
        fr: {
          title: long('Première édition limitée', 120),
          description: long('bols de porcelaine, peints à la main ', 2000),
        },
        zh: { title: long('限量首发瓷器茶具套装', 120), description: long('手绘两次烧制瓷碗，', 2000) },
      },
      limits: { perUser: 100 },
    });
    const picture = { width: 1280, height: 960, webp: randomBytes(pictureBudgets.page.bytes) };
    const card = { width: 480, height: 360, webp: randomBytes(pictureBudgets.card.bytes) };
    const pictures = new Map([['full', { page: picture, card }]]);
    return publishPages({
      sales: async () => [sale],
      pictures: async () => pictures,
      brand: fullBrand(),
      pagesDir,
      now,
    });
  }
  const travelling = (file: string) => sizeOf(/\.(webp|png)$/.test(file) ? file : `${file}.gz`);
  /** Of the words, those of one language: the longest. */
  async function loaded(files: string[], page: string) {
    const named = files.filter((file) => page.includes(`"/${file}"`));
    const words = named.filter((file) => file.endsWith('.json'));
    const sizes = await Promise.all(words.map(travelling));
    const longest = words[sizes.indexOf(Math.max(...sizes))];
    return named.filter((file) => !file.endsWith('.json') || file === longest);
  }
  const total = (sizes: number[]) => sizes.reduce((sum, size) => sum + size, 0);

  test.each(['sales/full.html', 'index.html', 'order.html', 'orders.html'])(
    '%s: at most 60 KB in all, 20 KB of script',
    async (file) => {
      const { files } = await fullSale();
      const named = await loaded(files, await read(file));
      expect(total(await Promise.all([file, ...named].map(travelling)))).toBeLessThanOrEqual(60_000);
      // The form for contact and address is loaded by an order alone whose sale asks for them, the receipt by one that was paid.
      const scripts = named.filter(
        (name) => /\.js(on)?$/.test(name) && !/^assets\/(details|receipt)\..*js$/.test(name),
      );
      expect(scripts.length).toBeGreaterThanOrEqual(3);
      expect(total(await Promise.all(scripts.map(travelling)))).toBeLessThanOrEqual(20_000);
    },
  );
});

test('each script is one file that parses, without imports, exports or types', async () => {
  const { files } = await publish();
  const scripts = files.filter((file) => /^assets.*\.js$/.test(file));
  expect(scripts.map((file) => /assets\/(\w+)\./.exec(file)?.[1]).sort()).toEqual([
    'app',
    'details',
    'language',
    'orders',
    'qr',
    'receipt',
    'work',
  ]);
  for (const script of await Promise.all(scripts.map(read))) {
    expect(script).not.toMatch(/^(import|export) /m);
    expect(() => new Script(script)).not.toThrow();
  }
});

test('the element for other pages is one file below 8 KB, which imports nothing', async () => {
  await publish();
  const script = await read('embed.js');
  expect(Buffer.byteLength(script)).toBeLessThan(8192);
  expect(script).not.toMatch(/\bimport\b(?!\.meta)|\binnerHTML\b|\.style\b/);
  expect(script).toContain('Sold out');
  expect(script).toContain('已抢光');
});

test('publishing the same again touches nothing', async () => {
  await publish();
  const before = await snapshot();
  await publish();
  expect(await snapshot()).toEqual(before);
});

test('a page is replaced as a whole and no half-written file is left', async () => {
  await publish();
  const old = (await stat(join(pagesDir, 'sales/tea.html'))).ino;
  await publish([testingSale('tea', now, { title: 'Another title' })]);
  expect((await stat(join(pagesDir, 'sales/tea.html'))).ino).not.toBe(old);
  expect(await read('sales/tea.html')).toContain('Another title');
  expect((await readdir(pagesDir)).sort()).toEqual([
    'assets',
    'embed.js',
    'embed.js.br',
    'embed.js.gz',
    'index.html',
    'index.html.br',
    'index.html.gz',
    'not-found.html',
    'not-found.html.br',
    'not-found.html.gz',
    'order.html',
    'order.html.br',
    'order.html.gz',
    'orders.html',
    'orders.html.br',
    'orders.html.gz',
    'sales',
    'trouble.html',
    'trouble.html.br',
    'trouble.html.gz',
  ]);
});

test('many publishers at once leave a whole site', async () => {
  await Promise.all(Array.from({ length: 6 }, () => publish()));
  const { files } = await publish();
  for (const file of files)
    expect(gunzipSync(await readFile(join(pagesDir, `${file}.gz`))).toString()).toBe(await read(file));
});

test('a publisher that has read the sales before another one takes no page away, and leaves the list as it is now', async () => {
  const seen: string[][] = [];
  const published = await publishPages({
    sales: async () => {
      seen.push(await readdir(join(pagesDir, 'sales')).catch(() => []));
      if (seen.length > 1) return sales;
      await publish(); // the other one has the lamp already
      return sales.slice(0, 1);
    },
    pagesDir,
    now,
  });
  for (const names of seen.slice(1)) expect(names).toContain('lamp.html');
  expect(seen.length).toBeGreaterThan(2);
  expect(await read('index.html')).toContain('/sales/lamp');
  expect(published.removed).toEqual([]);
});

test('the page of a sale that is gone is removed, its assets stay for pages in caches', async () => {
  await publish();
  const assets = await readdir(join(pagesDir, 'assets'));
  await writeFile(join(pagesDir, 'assets/app.older.js'), 'old');
  await publish(sales.slice(0, 1));
  expect((await readdir(join(pagesDir, 'sales'))).sort()).toEqual(['tea.html', 'tea.html.br', 'tea.html.gz']);
  expect(await readdir(join(pagesDir, 'assets'))).toEqual(expect.arrayContaining([...assets, 'app.older.js']));
});

test('the calendar file of a sale is there until it is published after its opening, and names the page by its address', async () => {
  const opensAt = '2026-11-11T13:00:00.000Z';
  const later = testingSale('later', now, { window: { opensAt, closesAt: '2026-11-11T14:00:00.000Z' } });
  const publishAt = (at: string) =>
    publishPages({ sales: async () => [later], pagesDir, publicUrl: 'https://sale.example', now: new Date(at) });
  expect((await publishAt('2026-11-11T12:59:59.999Z')).files).toContain('sales/later.ics');
  expect(await read('sales/later.ics')).toContain('URL:https://sale.example/sales/later\r\n');
  expect((await publishAt(opensAt)).removed).toEqual(['sales/later.ics']);
  expect((await readdir(join(pagesDir, 'sales'))).sort()).toEqual(['later.html', 'later.html.br', 'later.html.gz']);
});

test('what a publisher that was killed left behind is swept after an hour', async () => {
  await publish();
  const left = join(pagesDir, '.publish-left');
  await writeFile(left, '');
  await utimes(left, now, now);
  await publish(sales, new Date(now.getTime() + 1_800_000));
  expect(await readdir(pagesDir)).toContain('.publish-left');
  await publish(sales, new Date(now.getTime() + 3_700_000));
  expect(await readdir(pagesDir)).not.toContain('.publish-left');
});

test('two sales whose picture is the same are both published', async () => {
  const sales = ['twin-7', 'twin-9'].map((saleId) => testingSale(saleId, now));
  const { files } = await publishPages({ sales: async () => sales, pagesDir, now });
  expect(files).toEqual(expect.arrayContaining(['sales/twin-7.html', 'sales/twin-9.html']));
  const pictures = files.filter((file) => file.startsWith('assets/') && file.endsWith('.svg'));
  expect(new Set(pictures).size).toBe(pictures.length);
});
