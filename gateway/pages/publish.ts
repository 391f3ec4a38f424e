import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { buildAssets } from './assets.ts';
import { type PageSale, renderList, renderOrder, renderSale } from './render.ts';

export type PublishOptions = {
  /** Every sale that is to have a page; the page of any other sale is taken away. */
  sales: readonly PageSale[];
  /** The edge's document root, absolute. */
  pagesDir: string;
  now: Date;
};

const stagingPrefix = '.publish-';
const staleStagingMs = 3_600_000;
const compress = { gz: promisify(gzip), br: promisify(brotliCompress) };

/** The file itself comes last: whoever sees it finds its compressed twins. */
async function variants(content: string): Promise<[extension: string, bytes: Buffer][]> {
  const bytes = Buffer.from(content);
  return [
    ['.gz', await compress.gz(bytes, { level: 9 })],
    ['.br', await compress.br(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } })],
    ['', bytes],
  ];
}

async function holds(path: string, bytes: Buffer): Promise<boolean> {
  const found = await readFile(path).catch(() => null);
  return found?.equals(bytes) ?? false;
}

/** Removes what a publisher that was killed left behind. */
async function sweepStaging(pagesDir: string, now: Date): Promise<void> {
  for (const name of await readdir(pagesDir)) {
    if (!name.startsWith(stagingPrefix)) continue;
    const found = await stat(join(pagesDir, name)).catch(() => null);
    if (found !== null && now.getTime() - found.mtimeMs > staleStagingMs) {
      await rm(join(pagesDir, name), { recursive: true, force: true });
    }
  }
}

/** Page before its compressed twins: a page that is gone must not live on as a `.gz`. */
async function removeGone(pagesDir: string, sales: readonly PageSale[]): Promise<void> {
  const kept = new Set(sales.map(({ saleId }) => `${saleId}.html`));
  const gone = (await readdir(join(pagesDir, 'sales'))).filter((name) => !kept.has(name.replace(/\.(gz|br)$/, '')));
  for (const name of gone.sort()) await rm(join(pagesDir, 'sales', name), { force: true });
}

/**
 * Writes the static site: each file with `.gz` and `.br` beside it. All is written aside first, then renamed into place,
 * assets before the pages that name them, so a reader never meets half a file nor a page without its script. Files that
 * would not change are left alone. Old hashed assets stay: pages in caches still name them.
 *
 * @returns the site's files, relative to `pagesDir`, without the compressed twins.
 */
export async function publishPages({ sales, pagesDir, now }: PublishOptions): Promise<{ files: string[] }> {
  const assets = await buildAssets(sales.map(({ saleId }) => saleId));
  const context = { renderedAt: now, assets: assets.urls };
  const site = [
    ...assets.files,
    ...sales.map((sale) => ({ file: `sales/${sale.saleId}.html`, content: renderSale(sale, context) })),
    { file: 'order.html', content: renderOrder(context) },
    { file: 'index.html', content: renderList(sales, context) },
  ];

  for (const folder of ['assets', 'sales']) await mkdir(join(pagesDir, folder), { recursive: true });
  await sweepStaging(pagesDir, now);
  const staging = join(pagesDir, stagingPrefix + randomUUID());
  try {
    const moves: [from: string, to: string][] = [];
    // Two sales may share a picture: one file.
    for (const [file, content] of new Map(site.map((it) => [it.file, it.content]))) {
      await mkdir(join(staging, dirname(file)), { recursive: true });
      for (const [extension, bytes] of await variants(content)) {
        const path = file + extension;
        if (await holds(join(pagesDir, path), bytes)) continue;
        await writeFile(join(staging, path), bytes);
        moves.push([join(staging, path), join(pagesDir, path)]);
      }
    }
    for (const [from, to] of moves) await rename(from, to);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  await removeGone(pagesDir, sales);
  return { files: [...new Set(site.map(({ file }) => file))] };
}
