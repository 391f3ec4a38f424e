import type { Command } from 'commander';
import { isShadowSale } from '#contract/shadow-sale.ts';
import { type PageSignIn, signInCookieProblem } from '#contract/sign-in.ts';
import type { Published } from '#gateway/pages/publish.ts';
import { ConfigError } from '#runtime/config.ts';
import { counted } from '#runtime/counted.ts';
import type { Catalogue, CatalogueSale } from '#sales/catalogue.ts';
import type { Pictures } from '#sales/sale-pictures.ts';
import { toSaleNode } from '#sales/sale-state.ts';
import { StockFault } from '#stock/fault.ts';
import type { Stock } from '#stock/stock.ts';
import { carryOut, changes } from '../kit/change.ts';
import { commandConfig } from '../kit/command-config.ts';
import { withConnections } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { dirOption, jsonOption } from '../kit/options.ts';
import { unreadableText } from './unreadable-text.ts';

/** Where pages are written, and what they say of the shop. */
export type PagesPlace = {
  pagesDir: string;
  brandDir?: string | undefined;
  signIn?: PageSignIn | undefined;
  publicUrl?: string | undefined;
};

/** Out of the settings. Throws {@link ConfigError}. */
export function readPagesPlace(environment: Record<string, string | undefined>): PagesPlace {
  const config = commandConfig(
    ['SECKILL_PAGES_DIR', 'SECKILL_BRAND_DIR', 'SECKILL_PUBLIC_URL', 'SECKILL_SIGN_IN_URL', 'SECKILL_SIGN_IN_COOKIE'],
    environment,
  );
  const { SECKILL_PAGES_DIR: pagesDir, SECKILL_BRAND_DIR: brandDir, SECKILL_PUBLIC_URL: publicUrl } = config;
  const { SECKILL_SIGN_IN_URL: url, SECKILL_SIGN_IN_COOKIE: cookie } = config;
  const problem = signInCookieProblem({ url, cookie });
  if (problem !== null) throw new ConfigError([problem]);
  return { pagesDir, brandDir, publicUrl, signIn: url === undefined ? undefined : { url, cookie } };
}

/**
 * Renders every published sale's page; a draft without stock has none yet, and the sale of a load test never has one. Of
 * one whose books cannot be read the page is by what was published last: it keeps no other page from being written. Throws
 * a {@link ConfigError} before anything is written when the shop's folder cannot be used.
 */
export async function publishAllPages(
  deps: { catalogue: Catalogue; pictures: Pictures; stock: Stock },
  { pagesDir, brandDir, signIn, publicUrl }: PagesPlace,
  options: { dryRun?: boolean; onUnreadable?: (saleId: string, error: Error) => void } = {},
): Promise<Published> {
  const { dryRun = false, onUnreadable } = options;
  const unreadable = new Map<string, Error>();
  const sales = async () => {
    const published = (await deps.catalogue.list()).filter(({ saleId }) => !isShadowSale(saleId));
    const books = await deps.stock.eachSale(published.map(({ saleId }) => saleId));
    return published.flatMap((sale) => {
      const stock = books.get(sale.saleId) ?? null;
      if (stock instanceof StockFault) throw stock;
      if (stock === null) return [];
      if (stock instanceof Error) unreadable.set(sale.saleId, stock);
      const node = toSaleNode(sale, stock instanceof Error ? lastPublished(sale) : stock);
      return [{ ...node, description: sale.description }];
    });
  };
  const { publishPages } = await import('#gateway/pages/publish.ts'); // a bundler, for who publishes
  const { readBrand } = await import('#gateway/pages/read-brand.ts');
  const brand = brandDir === undefined ? undefined : await readBrand(brandDir);
  const site = { sales, pictures: deps.pictures.all, pagesDir, brand, signIn, publicUrl };
  const done = await publishPages({ ...site, now: new Date(), dryRun });
  for (const [saleId, error] of unreadable) onUnreadable?.(saleId, error);
  return done;
}

const lastPublished = ({ state, epoch, opensAt, closesAt, limitPerUser }: CatalogueSale) => ({
  ...{ state, epoch, limitPerUser },
  opensAtMs: Date.parse(opensAt),
  closesAtMs: Date.parse(closesAt),
});

const whichSale = 'checked to exist; the list is rendered with it, so all pages are written';

export function registerPagesCommands(program: Command): void {
  const pages = program.command('pages').description('the static pages');
  changes(pages.command('publish').argument('[saleId]', whichSale))
    .description('render the pages of every preloaded sale to files that nginx and a CDN serve')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string | undefined, _options, command: Command) =>
      withConnections(command, async (context) => {
        const place = readPagesPlace(context.environment);
        const { pagesDir } = place;
        if (saleId !== undefined) await findSale(context, saleId);
        const publish = (dryRun: boolean) =>
          context.output.during('rendering the pages', publishAllPages(context, place, { dryRun, onUnreadable }));
        const onUnreadable = (unreadableId: string, error: Error) =>
          context.output.progress(`${unreadableId}: ${unreadableText(unreadableId, error)}`);
        // Rendering is most of the work: only who asks for it pays for it twice.
        const { dryRun = false } = command.opts<{ dryRun?: boolean }>();
        const { written, removed } = dryRun ? await publish(true) : { written: [], removed: [] };
        await carryOut(command, context.output, {
          will: `write ${counted(written.length, 'file')} and remove ${removed.length} in ${pagesDir}`,
          details: [...written.map((file) => `write   ${file}`), ...removed.map((file) => `remove  ${file}`)],
          facts: { pagesDir, written, removed },
          apply: async () => {
            const published = await publish(false);
            const { files } = published;
            context.output.result(
              { pagesDir, ...published },
              `published ${counted(files.length, 'file')} to ${pagesDir}`,
            );
          },
        });
      }),
    );
}
