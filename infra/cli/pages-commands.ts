import type { Command } from 'commander';
import { publishPages } from '#gateway/pages/publish.ts';
import type { Catalogue } from '#sales/catalogue.ts';
import { toSaleNode } from '#sales/sale-state.ts';
import type { Stock } from '#stock/stock.ts';
import { commandConfig, withConnections } from './connections.ts';
import { dirOption, jsonOption } from './options.ts';
import { findSale } from './sale-commands.ts';

/** Renders every published sale's page; a draft without stock has none yet. */
export async function publishAllPages(
  deps: { catalogue: Catalogue; stock: Stock },
  pagesDir: string,
): Promise<{ files: string[] }> {
  const sales = await deps.catalogue.list();
  const pages = await Promise.all(
    sales.map(async (sale) => {
      const stock = await deps.stock.sale(sale.saleId);
      return stock === null ? [] : [{ ...toSaleNode(sale, stock), description: sale.description }];
    }),
  );
  return publishPages({ sales: pages.flat(), pagesDir, now: new Date() });
}

export function registerPagesCommands(program: Command): void {
  const pages = program.command('pages').description('the static pages');
  pages
    .command('publish')
    .argument('[saleId]', 'checked to exist; the list is rendered with it, so all pages are written')
    .description('render the pages of every preloaded sale to files that nginx and a CDN serve')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string | undefined, _options, command: Command) =>
      withConnections(command, async (context) => {
        const { SECKILL_PAGES_DIR: pagesDir } = commandConfig(['SECKILL_PAGES_DIR'], context.environment);
        if (saleId !== undefined) await findSale(context, saleId);
        const { files } = await publishAllPages(context, pagesDir);
        context.output.result({ pagesDir, files }, `published ${files.length} files to ${pagesDir}`);
      }),
    );
}
