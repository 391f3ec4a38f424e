import type { Command } from 'commander';
import { withConnections } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { dirOption, jsonOption, wholeNumber } from '../kit/options.ts';
import { runOf } from '../kit/run.ts';

export function registerDemoCommands(program: Command): void {
  const demo = program.command('demo').description('a sale to play with on this machine');
  demo
    .command('start')
    .description('start the stack, open a demo sale and show its funnel until Ctrl-C (what "npm start" runs)')
    .addOption(dirOption())
    .option('--port <n>', 'port of the edge', wholeNumber(1, 65_535), 8080)
    .option('--ha', 'every server more than once, as "seckill up --ha" does')
    .option('--units <n>', 'units of the demo sale', wholeNumber(1, 1_000_000), 200)
    .action(async (options: { port: number; units: number; ha?: boolean }, command: Command) => {
      const { dir } = command.opts<{ dir?: string }>();
      const { runDemo } = await import('./run-demo.ts');
      return runDemo(runOf(command), { dir, port: options.port, units: options.units, ha: options.ha ?? false });
    });
  demo
    .command('crowd')
    .argument('[saleId]', 'default: the newest demo sale')
    .description('send a crowd from this machine: sign in, ticket, buy, poll; then count and audit')
    .option('--shoppers <n>', 'how many', wholeNumber(1, 100_000), 5000)
    .option('--pay <percent>', 'how many of the winners pay, in percent', wholeNumber(0, 100), 0)
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string | undefined, options: { shoppers: number; pay: number }, command: Command) =>
      withConnections(command, async (context) => {
        if (saleId !== undefined) await findSale(context, saleId);
        const { newestDemoSale, sendCrowd } = await import('./send-crowd.ts');
        await sendCrowd(context, saleId ?? (await newestDemoSale(context)), options);
      }),
    );
}
