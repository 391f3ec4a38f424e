import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { PageSignIn } from '#contract/sign-in.ts';
import { type Asset, buildAssets, pictureAsset } from './assets.ts';
import { type Brand, ownBrand } from './brand.ts';
import { embedScript } from './embed-script.ts';
import type { PageContext, PageSale } from './frame.ts';
import { type PreparedPicture, withinBudget } from './picture.ts';
import { calendarOf, renderCalendar } from './render-calendar.ts';
import { renderList } from './render-list.ts';
import { noticeNames, renderNotice } from './render-notice.ts';
import { renderOrder } from './render-order.ts';
import { renderOrders } from './render-orders.ts';
import { renderSale } from './render-sale.ts';
import { createSpeech } from './speech.ts';

export type PublishOptions = {
  /** Every sale that is to have a page, as it is at the call; the page of any other sale is taken away. */
  sales: () => Promise<readonly PageSale[]>;
  /** Pictures of their own, by sale id; a sale without one gets a drawn one. Called after `sales`. */
  pictures?: () => Promise<ReadonlyMap<string, PreparedPicture>>;
  /** The edge's document root, absolute. */
  pagesDir: string;
  /** What makes the pages the shop's; left out, they say nothing of it. */
  brand?: Brand | undefined;
  /** The shop's own sign-in, where the pages lead to one. */
  signIn?: PageSignIn | undefined;
  /** The origin that shoppers see, where it is known: files that leave the browser name pages by it. */
  publicUrl?: string | undefined;
  now: Date;
  /** Finds out what would change, and changes nothing. */
  dryRun?: boolean;
};

/** Relative to `pagesDir`. `files`: the whole site; `written` and `removed`: what differed. All without the compressed twins. */
export type Published = { files: string[]; written: string[]; removed: string[] };

const stagingPrefix = '.publish-';
const staleStagingMs = 3_600_000;
const compress = { gz: promisify(gzip), br: promisify(brotliCompress) };

/** The file itself comes last: whoever sees it finds its compressed twins. A picture is compressed already. */
async function variants(content: string | Buffer): Promise<[extension: string, bytes: Buffer][]> {
  if (typeof content !== 'string') return [['', content]];
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

const salePages = (pagesDir: string) => readdir(join(pagesDir, 'sales')).catch(() => []); // nothing was published yet

/** Page before its compressed twins: a page that is gone must not live on as a `.gz`. */
function gonePages(present: readonly string[], site: readonly Asset[]): string[] {
  const kept = new Set(site.map(({ file }) => file));
  return present.filter((name) => !kept.has(`sales/${name.replace(/\.(gz|br)$/, '')}`)).sort();
}

type Difference = { path: string; bytes: Buffer };

/** What of the site is not there, or differs. Two sales may share a picture: one file. */
async function differences(pagesDir: string, site: readonly Asset[]): Promise<Difference[]> {
  const found: Difference[] = [];
  for (const [file, content] of new Map(site.map((it) => [it.file, it.content]))) {
    for (const [extension, bytes] of await variants(content)) {
      const path = file + extension;
      if (!(await holds(join(pagesDir, path), bytes))) found.push({ path, bytes });
    }
  }
  return found;
}

const withoutTwins = (paths: readonly string[]) => [...new Set(paths.map((path) => path.replace(/\.(gz|br)$/, '')))];

async function withImages(sales: readonly PageSale[], pictures: ReadonlyMap<string, PreparedPicture>) {
  const files: Asset[] = [];
  const pictured: PageSale[] = [];
  for (const sale of sales) {
    const found = pictures.get(sale.saleId);
    if (found === undefined) {
      pictured.push(sale);
      continue;
    }
    const own = await withinBudget(found);
    const [page, card] = [pictureAsset(own.page), pictureAsset(own.card)];
    files.push(page.asset, card.asset);
    pictured.push({ ...sale, images: { page: page.image, card: card.image } });
  }
  return { sales: pictured, files };
}

/**
 * Writes the static site: each file with `.gz` and `.br` beside it. All is written aside first, then renamed into place,
 * assets before the pages that name them, so a reader never meets half a file nor a page without its script. Files that
 * would not change are left alone. Old hashed assets stay: pages in caches still name them.
 *
 * Several may publish at once, each from what it has read: a page that another one wrote since is not taken for a page
 * that is gone, and a sale that came, went or was changed while the site was written is looked at once more. The state of a
 * sale changes too often for that: a page asks for it.
 *
 * @returns the site's files, and which of them differed.
 */
export async function publishPages(options: PublishOptions): Promise<Published> {
  const [written, removed] = [new Set<string>(), new Set<string>()];
  for (;;) {
    const present = await salePages(options.pagesDir); // before the sales are read: see above
    const sales = await options.sales();
    const round = await publishOnce(options, sales, present);
    move(round.written, removed, written);
    move(round.removed, written, removed);
    if (!options.dryRun && !isDeepStrictEqual((await options.sales()).map(lasting), sales.map(lasting))) continue;
    return { files: round.files, written: [...written], removed: [...removed] };
  }
}

/** What of a sale does not change by itself. */
const lasting = ({ state, epoch, ...sale }: PageSale) => sale;

function move(paths: readonly string[], from: Set<string>, to: Set<string>): void {
  for (const path of paths) {
    from.delete(path);
    to.add(path);
  }
}

function calendarFile(sale: PageSale, context: PageContext): Asset[] {
  const file = calendarOf(sale, context);
  return file === null ? [] : [{ file, content: renderCalendar(sale, context) }];
}

async function publishOnce(
  options: PublishOptions,
  read: readonly PageSale[],
  present: readonly string[],
): Promise<Published> {
  const { pagesDir, brand = ownBrand, signIn, publicUrl, now, dryRun = false } = options;
  const { sales, files: pictureFiles } = await withImages(read, (await options.pictures?.()) ?? new Map());
  const assets = await buildAssets(
    sales.map(({ saleId }) => saleId),
    brand,
  );
  const speech = createSpeech(brand.languages);
  const context = { renderedAt: now, assets: assets.urls, brand, speech, signIn, publicUrl };
  const site = [
    ...assets.files,
    ...pictureFiles,
    { file: 'embed.js', content: await embedScript(brand.languages) },
    ...sales.flatMap((sale) => calendarFile(sale, context)),
    ...sales.map((sale) => ({ file: `sales/${sale.saleId}.html`, content: renderSale(sale, context) })),
    { file: 'order.html', content: renderOrder(context) },
    { file: 'orders.html', content: renderOrders(context) },
    ...noticeNames.map((name) => ({ file: `${name}.html`, content: renderNotice(name, context) })),
    { file: 'index.html', content: renderList(sales, context) },
  ];
  const differing = await differences(pagesDir, site);
  const gone = gonePages(present, site);
  const published = {
    files: [...new Set(site.map(({ file }) => file))],
    written: withoutTwins(differing.map(({ path }) => path)),
    removed: withoutTwins(gone.map((name) => `sales/${name}`)),
  };
  if (dryRun) return published;

  for (const folder of ['assets', 'sales']) await mkdir(join(pagesDir, folder), { recursive: true });
  await sweepStaging(pagesDir, now);
  const staging = join(pagesDir, stagingPrefix + randomUUID());
  try {
    await mkdir(staging, { recursive: true });
    for (const { path, bytes } of differing) {
      await mkdir(join(staging, dirname(path)), { recursive: true });
      await writeFile(join(staging, path), bytes);
    }
    for (const { path } of differing) await rename(join(staging, path), join(pagesDir, path));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  for (const name of gone) await rm(join(pagesDir, 'sales', name), { force: true });
  return published;
}
