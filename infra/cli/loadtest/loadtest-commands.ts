import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { loadKinds } from '#loadtest/plan/plan.ts';
import { withConnections } from '../kit/connections.ts';
import { dirOption, jsonOption, wholeNumber } from '../kit/options.ts';
import { bounds } from './parameters.ts';
import type { LoadtestOptions } from './start-load-test.ts';

const describe: Record<(typeof loadKinds)[number], string> = {
  smoke: 'a few shoppers walk through every route, from the page to the refund; any unexpected answer fails it',
  peak: "a sale's opening: visits grow, tickets are asked for, a wall of buyers in the opening second, retries, polls",
  soak: 'constant load for as long as asked; memory and connections are watched for what grows',
  bots: 'forged, replayed and shared tickets, one address with thousands of users, slow clients, beside honest buyers',
  rehearsal: "peak with a coming sale's own settings, on a shadow sale: nobody is charged, nothing is sold",
};

const between = ([least, most]: readonly [number, number]) => wholeNumber(least, most);
const { peak, soak } = bounds;

export function registerLoadtestCommands(program: Command): void {
  const loadtest = program
    .command('loadtest')
    .description('rehearse a sale under load with k6: checks first, audits at the end, writes one HTML report');
  for (const kind of loadKinds) {
    const command = loadtest.command(kind).description(describe[kind]);
    if (kind === 'rehearsal') command.argument('<saleId>', 'the coming sale; it is only read');
    if (kind === 'peak' || kind === 'rehearsal') {
      const least = `${peak.shoppers[0]} to ${peak.shoppers[1]}`;
      command.option('--shoppers <n>', `each visits once and presses buy, ${least}`, between(peak.shoppers));
      command.option('--spike <n>', 'buyers a second in the opening seconds', between(peak.spike));
    }
    if (kind === 'peak') command.option('--units <n>', 'units of the sale', between(peak.units), 10_000);
    if (kind === 'peak' || kind === 'rehearsal' || kind === 'soak') {
      command.option('--minted', 'tickets are made before the run: for what is only about the press');
    }
    if (kind === 'soak') command.option('--rate <n>', 'requests a second', between(soak.rate), 200);
    command
      .option(
        '--duration <time>',
        'seconds, or 15m, 2h',
        { smoke: '60', peak: '240', soak: '30m', bots: '60', rehearsal: '240' }[kind],
      )
      .option('--sale <saleId>', 'name of the shadow sale (default: the next number)')
      .option('--out <file.html>', 'where the report goes, its JSON beside it (default: .run/reports)', htmlFile)
      .option('--i-own-this-host', 'the edge is not on this machine, and it is yours')
      .option('--beside-live-sales', 'although shoppers of another sale on this stack will feel it')
      .addOption(jsonOption())
      .addOption(dirOption())
      .action((...args: unknown[]) => {
        const self = args.at(-1) as Command; // commander's last argument is the command itself
        const asked = { kind, rehearsed: kind === 'rehearsal' ? String(args[0]) : undefined };
        return withConnections(self, async (context) => {
          // Loaded here: the other commands need neither a bundler nor the report's parts, and start the sooner.
          const { startLoadTest } = await import('./start-load-test.ts');
          await startLoadTest(context, asked, self.opts<LoadtestOptions>());
        });
      });
  }
}

function htmlFile(text: string): string {
  if (!text.endsWith('.html')) throw new InvalidArgumentError('it must end in .html.');
  return resolve(text);
}
