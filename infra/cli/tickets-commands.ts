import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Command } from 'commander';
import { newOrderId } from '#contract/order.ts';
import { signTicket } from '#contract/ticket.ts';
import { signSession } from '#gateway/tickets/session.ts';
import { CliError } from './cli-error.ts';
import { commandConfig, withConnections } from './connections.ts';
import { dirOption, jsonOption, wholeNumber } from './options.ts';
import { findSale } from './sale-commands.ts';

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
        const config = commandConfig(['SECKILL_TICKET_KEYS', 'SECKILL_SESSION_SECRET'], context.environment);
        const nowMs = Date.now();
        const expiresAtMs = nowMs + options.ttl * 1000;
        // Tickets are money: readable by their owner only, also when the file was there before.
        const file = await open(options.out, 'w', 0o600).catch((error: Error) => {
          throw new CliError(`cannot write ${options.out}: ${error.message}`, 2);
        });
        try {
          await file.chmod(0o600);
          for (let index = 0; index < options.count; index += 1) {
            const userId = `mint-${randomUUID()}`;
            const orderId = newOrderId(saleId, nowMs);
            const ticket = signTicket({ orderId, userId, expiresAtMs }, config.SECKILL_TICKET_KEYS);
            const token = await signSession(userId, config.SECKILL_SESSION_SECRET, nowMs);
            const expiresAt = new Date(expiresAtMs).toISOString();
            await file.write(`${JSON.stringify({ userId, token, orderId, ticket, expiresAt })}\n`);
          }
        } finally {
          await file.close();
        }
        context.output.result(
          { saleId, count: options.count, out: options.out },
          `${options.count} tickets of ${saleId} are in ${options.out}, valid for ${options.ttl} s`,
        );
      }),
    );
}
