import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { CliError } from './cli-error.ts';
import { type CommandContext, withConnections } from './connections.ts';
import { funnelLine, readFunnel } from './funnel.ts';
import { dirOption, jsonOption, wholeNumber } from './options.ts';
import { findSale } from './sale-commands.ts';

/** The sale to watch when none is named: the one that opened last. */
async function newestSale(context: CommandContext): Promise<string> {
  const loaded = new Set(await context.stock.sales());
  const sale = (await context.catalogue.list()).filter(({ saleId }) => loaded.has(saleId)).at(-1);
  if (sale === undefined) throw new CliError('there is no preloaded sale to watch: see "seckill sale list"', 2);
  return sale.saleId;
}

/**
 * Shows the funnel until `signal` aborts: one line that redraws itself on a terminal, a line a second when piped, a
 * JSON document a second with `json`.
 */
export async function watchFunnel(
  context: CommandContext,
  saleId: string,
  options: { json: boolean; signal: AbortSignal; rounds?: number },
): Promise<void> {
  const { json, signal, rounds = Number.POSITIVE_INFINITY } = options;
  const live = process.stdout.isTTY && !json;
  let shown = 0;
  for (let round = 0; round < rounds && !signal.aborted; round += 1) {
    let text: string;
    try {
      const funnel = await readFunnel(context, saleId);
      text = json ? JSON.stringify(funnel) : funnelLine(funnel);
    } catch (error) {
      text = `${saleId}: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (live) shown = redraw(text, shown);
    else process.stdout.write(`${text}\n`);
    if (round + 1 < rounds) await wait(live ? 250 : 1000, undefined, { signal }).catch(() => {}); // aborted: done
  }
  if (live) process.stdout.write('\n');
}

/** Writes the text over the `shown` lines that stand there, in as many lines as the terminal needs; returns how many. */
function redraw(text: string, shown: number): number {
  const lines = wrapParts(text, (process.stdout.columns ?? 80) - 1);
  const up = shown > 1 ? `\x1b[${shown - 1}A` : '';
  process.stdout.write(`${up}\r\x1b[0J${lines.join('\n')}`);
  return lines.length;
}

/** Breaks a line between its parts so that each row has at most `width` characters. */
export function wrapParts(text: string, width: number): string[] {
  const rows: string[] = [];
  for (const part of text.split(' | ')) {
    const last = rows.at(-1);
    if (last !== undefined && last.length + 3 + part.length <= width) rows[rows.length - 1] = `${last} | ${part}`;
    else rows.push(part.slice(0, width));
  }
  return rows;
}

export function registerWatchCommand(program: Command): void {
  program
    .command('watch')
    .argument('[saleId]', 'default: the sale that opened last')
    .description('the funnel of a sale, live: arrived, shed by reason, accepted, queued, stored')
    .option('--rounds <n>', 'stop after so many', wholeNumber(1, 1_000_000))
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string | undefined, options: { rounds?: number }, command: Command) =>
      withConnections(command, async (context) => {
        if (saleId !== undefined) await findSale(context, saleId);
        const stop = new AbortController();
        process.once('SIGINT', () => stop.abort());
        process.once('SIGTERM', () => stop.abort());
        const { json = false } = command.opts<{ json?: boolean }>();
        await watchFunnel(context, saleId ?? (await newestSale(context)), {
          json,
          signal: stop.signal,
          ...(options.rounds === undefined ? {} : { rounds: options.rounds }),
        });
      }),
    );
}
