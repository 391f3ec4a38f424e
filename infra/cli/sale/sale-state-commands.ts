import type { Command } from 'commander';
import type { SaleAction } from '#stock/outcomes.ts';
import { changes } from '../kit/change.ts';
import { withConnections } from '../kit/connections.ts';
import { dirOption, jsonOption } from '../kit/options.ts';
import type { StateOptions } from './change-state.ts';

const actions: { name: SaleAction; description: string; done: string }[] = [
  { name: 'open', description: 'put a preloaded sale on sale: it opens at its opensAt', done: 'on sale' },
  { name: 'pause', description: 'stop selling; every edge answers PAUSED until the sale is resumed', done: 'paused' },
  { name: 'resume', description: 'go on selling after a pause', done: 'resumed' },
  { name: 'close', description: 'end the sale for good', done: 'closed' },
];

export function registerSaleStateCommands(sale: Command): void {
  for (const { name, description, done } of actions) {
    const command = changes(sale.command(name).argument('<saleId>'), name === 'close' ? 'always' : 'never')
      .description(description)
      .addOption(jsonOption())
      .addOption(dirOption());
    if (name === 'open') {
      command.option('--now', 'open at this instant: moves opensAt to now');
      command.option('--force', 'open although "seckill sale check" says that something is not right');
    }
    command.action((saleId: string, options: StateOptions, self: Command) =>
      withConnections(self, async (context) => {
        const { changeState } = await import('./change-state.ts');
        await changeState(context, self, { saleId, name, done }, options);
      }),
    );
  }
}
