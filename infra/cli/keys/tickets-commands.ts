import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { counted } from '#runtime/counted.ts';
import { withConnections } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { dirOption, jsonOption, wholeNumber } from '../kit/options.ts';

export function registerTicketsCommands(program: Command): void {
  const tickets = program.command('tickets').description('tickets for rehearsals');
  tickets
    .command('mint')
    .argument('<saleId>')
    .description('write signed tickets of new users, one JSON object a line: userId, token, orderId, ticket, expiresAt')
    .requiredOption('--count <n>', 'how many', wholeNumber(1, 1_000_000))
    .requiredOption('--out <file>', 'where to write them')
    .option('--ttl <seconds>', 'how long they are valid', wholeNumber(1, 86_400), 3600)
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string, options: { count: number; out: string; ttl: number }, command: Command) =>
      withConnections(command, async (context) => {
        await findSale(context, saleId);
        const { count, out, ttl } = options;
        const newUserId = () => `mint-${randomUUID()}`;
        const { mintTickets } = await import('./mint-tickets.ts');
        const bar = context.output.bar('minting', count);
        await mintTickets(
          context.environment,
          { saleId, count, ttlSeconds: ttl, file: out, newUserId },
          (minted) => JSON.stringify(minted),
          bar.step,
        ).finally(bar.end);
        context.output.result(
          { saleId, count: options.count, out: options.out },
          `wrote ${counted(options.count, 'ticket')} of ${saleId} to ${options.out}, valid for ${options.ttl} s`,
        );
      }),
    );
}
