import { mkdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { publishPages } from '#gateway/pages/publish.ts';
import { noticeNames } from '#gateway/pages/render-notice.ts';
import { testingSale } from '#gateway/pages/testing-sale.ts';
import { poll } from '#lab/poll.ts';
import { startEdge, type TestEdge } from '#lab/servers/edge.ts';

let edge: TestEdge;

beforeAll(async () => {
  edge = await startEdge();
  await writePages();
});
afterAll(() => edge.stop());

const pages: [path: string, file: string][] = [
  ['/', 'index.html'],
  ['/sales/open', 'sales/open.html'],
  ['/orders', 'orders.html'],
  ['/orders/open-01h00000000000000000000000', 'order.html'],
  ['/assets/page.0123abcd.js', 'assets/page.0123abcd.js'],
];

/** Once: what is written anew has a new ETag, and nginx notices that between any two requests. */
async function writePages(): Promise<void> {
  for (const folder of ['assets', 'sales']) await mkdir(join(edge.pagesDir, folder), { recursive: true });
  for (const [, file] of pages) {
    await writeFile(join(edge.pagesDir, file), `whole ${file}`);
    await writeFile(join(edge.pagesDir, `${file}.gz`), gzipSync(`gzip ${file}`));
    await writeFile(join(edge.pagesDir, `${file}.br`), brotliCompressSync(`brotli ${file}`));
  }
}

type Raw = { status: number; headers: Record<string, unknown>; text: string; encoding: unknown };

/** fetch would unpack by itself, and name encodings of its own. */
function get(path: string, accepts: string | null, more: Record<string, string> = {}): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const headers = { ...more, ...(accepts !== null && { 'accept-encoding': accepts }) };
    request(`${edge.url}${path}`, { headers, agent: false }, async (answer) => {
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      const encoding = answer.headers['content-encoding'];
      const unpack = { br: brotliDecompressSync, gzip: gunzipSync }[encoding ?? ''];
      const text = String(unpack !== undefined && bytes.length > 0 ? unpack(bytes) : bytes);
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, encoding });
    })
      .on('error', reject)
      .end();
  });
}

/** The first answer with the right text: nginx keeps an open file for up to a second, each worker its own. */
async function getWhen(isRight: (text: string) => boolean, path: string, accepts: string | null): Promise<Raw> {
  let answer = await get(path, accepts);
  await poll(`${path} for ${accepts} has the right text`, async () => {
    if (isRight(answer.text)) return true;
    answer = await get(path, accepts);
    return false;
  });
  return answer;
}

test.each<[string | null, 'br' | 'gzip' | undefined]>([
  ['gzip, deflate, br, zstd', 'br'],
  ['gzip, deflate, br', 'br'],
  ['br', 'br'],
  ['br;q=1.0, gzip;q=0.5', 'br'],
  ['gzip;q=0.5,br;q=0.1', 'br'],
  ['zstd , BR ;q=0.001', 'br'],
  ['br;q=0, gzip', 'gzip'],
  ['br;q=0.000,gzip;q=0.2', 'gzip'],
  ['gzip', 'gzip'],
  ['deflate, gzip;q=1.0', 'gzip'],
  ['GZIP', 'gzip'],
  ['gzip;q=0', undefined],
  ['br; q = 0 , gzip; q=0.0', undefined],
  ['identity', undefined],
  ['brotli, gzipped, x-br', undefined],
  ['*', undefined],
  ['', undefined],
  [null, undefined],
])('whoever accepts %j gets %s', async (accepts, encoding) => {
  const word = { br: 'brotli', gzip: 'gzip', none: 'whole' }[encoding ?? 'none'];
  for (const [path, file] of pages) {
    const answer = await get(path, accepts);
    expect(answer).toMatchObject({ status: 200, encoding, text: `${word} ${file}` });
    expect(answer.headers).toMatchObject({ vary: 'Accept-Encoding', etag: expect.any(String) });
  }
});

test('packed or not, a page is HTML, and an asset what its name says', async () => {
  for (const accepts of ['br', 'gzip', null]) {
    for (const [path] of pages) {
      const { headers } = await get(path, accepts);
      expect(headers['content-type']).toMatch(
        path.endsWith('.js') ? /^text\/javascript/ : /^text\/html; charset=utf-8$/,
      );
    }
  }
});

test('a CDN, which says Via, gets the packed file too', async () => {
  expect(await get('/sales/open', 'gzip', { via: '1.1 cdn' })).toMatchObject({ encoding: 'gzip' });
});

test('each twin has an ETag of its own, and is not sent again to whoever has it', async () => {
  const tags = new Set<unknown>();
  for (const accepts of ['br', 'gzip', null]) {
    const { headers } = await get('/sales/open', accepts);
    const again = await get('/sales/open', accepts, { 'if-none-match': String(headers.etag) });
    expect(again).toMatchObject({ status: 304, text: '' });
    expect(again.headers).toMatchObject({ vary: 'Accept-Encoding', 'cache-control': headers['cache-control'] });
    tags.add(headers.etag);
  }
  expect(tags.size).toBe(3);
});

test('where a twin is missing, the whole file is sent, and nobody is told that it is packed', async () => {
  onTestFinished(writePages);
  for (const [path, file] of pages) {
    await rm(join(edge.pagesDir, `${file}.br`));
    await rm(join(edge.pagesDir, `${file}.gz`));
    for (const accepts of ['br', 'gzip']) {
      const answer = await getWhen((text) => text === `whole ${file}`, path, accepts);
      expect(answer).toMatchObject({ status: 200, encoding: undefined });
    }
  }
  expect(await get('/sales/never-packed', 'br')).toMatchObject({ status: 404, encoding: undefined });
  await writeFile(join(edge.pagesDir, 'sales/never-packed.html'), 'whole');
  expect(await get('/sales/never-packed', 'br')).toMatchObject({ status: 200, encoding: undefined, text: 'whole' });
});

test.each(['/sales/open.br', '/sales/open.html.gz', '/assets/page.0123abcd.js.br', '/assets/page.0123abcd.js.gz'])(
  'a twin has no URL of its own: %s is nothing here',
  async (path) => {
    for (const accepts of ['br', null]) expect(await get(path, accepts)).toMatchObject({ status: 404 });
  },
);

test('what the publisher writes is what a browser gets, each file packed', async () => {
  const now = new Date();
  const { files } = await publishPages({
    sales: async () => [testingSale('real', now)],
    pagesDir: edge.pagesDir,
    now,
  });
  const notices = noticeNames.map((name) => `${name}.html`);
  // The element has an address only where an edge has origins that may embed.
  const shown = files.filter((file) => ![...notices, 'embed.js'].includes(file));
  expect(files.length - shown.length).toBe(3);
  const urls = shown.map((file) =>
    file === 'index.html'
      ? '/'
      : file === 'order.html'
        ? '/orders/real-01h00000000000000000000000'
        : `/${file.replace(/\.html$/, '')}`,
  );
  expect(urls.length).toBeGreaterThan(5);
  // Where no page is, a person reads one that says so, packed like the others.
  for (const path of ['/none', '/not-found', '/sales/unheard-of']) {
    const whole = await get(path, null);
    expect(whole).toMatchObject({ status: 404, encoding: undefined });
    expect(whole.text).toMatch(/We could not find this page.*找不到这个页面.*href="\/"/s);
    expect(await get(path, 'gzip, br')).toMatchObject({ status: 404, encoding: 'br', text: whole.text });
  }
  for (const url of urls) {
    // The tests before wrote files of these names.
    const isNew = (text: string) => !/^(?:whole|gzip|brotli) /.test(text);
    const whole = await getWhen(isNew, url, null);
    const packed = await getWhen(isNew, url, 'gzip, deflate, br');
    expect(whole, url).toMatchObject({ status: 200, encoding: undefined });
    expect(packed, url).toMatchObject({ status: 200, encoding: 'br', text: whole.text });
  }
});
