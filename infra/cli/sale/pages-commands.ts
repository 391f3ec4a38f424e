import type { Command } from 'commander';
import { isShadowSale } from '#contract/shadow-sale.ts';
import { type Published, publishPages } from '#gateway/pages/publish.ts';
import type { Catalogue } from '#sales/catalogue.ts';
import type { Pictures } from '#sales/sale-pictures.ts';
import { toSaleNode } from '#sales/sale-state.ts';
import type { Stock } from '#stock/stock.ts';
import { carryOut, changes } from '../kit/change.ts';
import { commandConfig, withConnections } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { dirOption, jsonOption } from '../kit/options.ts';

/** Renders every published sale's page; a draft without stock has none yet, and the sale of a load test never has one. */
export async function publishAllPages(
  deps: { catalogue: Catalogue; pictures: Pictures; stock: Stock },
  pagesDir: string,
  dryRun = false,
): Promise<Published> {
  const sales = (await deps.catalogue.list()).filter(({ saleId }) => !isShadowSale(saleId));
  const pages = await Promise.all(
    sales.map(async (sale) => {
      const stock = await deps.stock.sale(sale.saleId);
      return stock === null ? [] : [{ ...toSaleNode(sale, stock), description: sale.description }];
    }),
  );
  return publishPages({ sales: pages.flat(), pictures: await deps.pictures.all(), pagesDir, now: new Date(), dryRun });
}

const whichSale = 'checked to exist; the list is rendered with it, so all pages are written';

export function registerPagesCommands(program: Command): void {
  const pages = program.command('pages').description('the static pages');
  changes(pages.command('publish').argument('[saleId]', whichSale))
    .description('render the pages of every preloaded sale to files that nginx and a CDN serve')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string | undefined, _options, command: Command) =>
      withConnections(command, async (context) => {
        const { SECKILL_PAGES_DIR: pagesDir } = commandConfig(['SECKILL_PAGES_DIR'], context.environment);
        if (saleId !== undefined) await findSale(context, saleId);
        const publish = (dryRun: boolean) =>
          context.output.during('rendering the pages', publishAllPages(context, pagesDir, dryRun));
        // Rendering is most of the work: only who asks for it pays for it twice.
        const { dryRun = false } = command.opts<{ dryRun?: boolean }>();
        const { written, removed } = dryRun ? await publish(true) : { written: [], removed: [] };
        await carryOut(command, context.output, {
          will: `write ${written.length} files and remove ${removed.length} in ${pagesDir}`,
          details: [...written.map((file) => `write   ${file}`), ...removed.map((file) => `remove  ${file}`)],
          facts: { pagesDir, written, removed },
          apply: async () => {
            const published = await publish(false);
            const { files } = published;
            context.output.result({ pagesDir, ...published }, `published ${files.length} files to ${pagesDir}`);
          },
        });
      }),
    );
}
