import type { Command } from 'commander';
import { edgeCounts } from '#contract/edge-counts.ts';
import { auditSale } from '#order-worker/audit/audit.ts';
import { CliError } from '../kit/cli-error.ts';
import { type CommandContext, commandConfig, withConnections } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { dirOption, jsonOption, wholeNumber } from '../kit/options.ts';
import { runOf } from '../kit/run.ts';
import { auditText } from '../sale/audit-command.ts';
import { readEdgeSamples } from '../watch/funnel.ts';
import { openDemoSale } from './demo-sale.ts';

async function newestDemoSale(context: CommandContext): Promise<string> {
  const sale = (await context.catalogue.list()).filter(({ saleId }) => /^demo-\d+$/.test(saleId)).at(-1);
  return sale?.saleId ?? openDemoSale(context, 200);
}

async function sendCrowd(
  context: CommandContext,
  saleId: string,
  { shoppers, pay }: { shoppers: number; pay: number },
): Promise<void> {
  const config = commandConfig(['SECKILL_EDGE_URL', 'SECKILL_EDGE_INNER_URL'], context.environment);
  const before = await readEdgeSamples(...config.SECKILL_EDGE_INNER_URL);
  const { runCrowd } = await import('#loadtest/crowd/crowd.ts');
  const report = await runCrowd({
    edgeUrl: config.SECKILL_EDGE_URL,
    saleId,
    shoppers,
    payShare: pay / 100,
    onProgress: context.output.progress,
    bar: context.output.bar,
  });
  // The edge adds its counters up a few times a second: give it one more.
  await new Promise((resolve) => setTimeout(resolve, 600));
  const after = await readEdgeSamples(...config.SECKILL_EDGE_INNER_URL);
  const edge = { passed: 0, shed: {} as Record<string, number> };
  if (before !== null && after !== null) {
    const [was, is] = [edgeCounts(before, saleId), edgeCounts(after, saleId)];
    edge.passed = is.passed - was.passed;
    for (const [reason, count] of Object.entries(is.shed)) edge.shed[reason] = count - (was.shed[reason] ?? 0);
  }
  const audit = await auditSale(context, saleId);
  if (audit === null) throw new CliError(`${saleId} has no stock`, 1);
  const list = (counts: Record<string, number>) =>
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([reason, count]) => `${reason} ${count}`)
      .join(', ') || 'none';
  const { seconds } = report;
  context.output.result(
    { ...report, edge, audit },
    [
      `shoppers        ${report.shoppers}, with a ticket ${report.tickets} (${seconds.tickets.toFixed(1)} s)`,
      `got in          ${report.accepted}; orders stored ${report.stored} (bought in ${seconds.buying.toFixed(1)} s, stored ${seconds.storing.toFixed(1)} s later)`,
      ...(pay === 0 ? [] : [`paid            ${report.paid} (${seconds.paying.toFixed(1)} s)`]),
      `refused         ${list(report.refused)}`,
      `  by the edge   ${list(edge.shed)}`,
      `  passed on     ${edge.passed} to the service, which refused ${edge.passed - report.accepted}`,
      auditText(audit, context.output.width),
    ].join('\n'),
  );
  if (!audit.balanced || report.stored !== report.accepted) context.run.exitCode = 1;
}

export function registerDemoCommands(program: Command): void {
  const demo = program.command('demo').description('a sale to play with on this machine');
  demo
    .command('start')
    .description('start the stack, open a demo sale and show its funnel until Ctrl-C (what "npm start" runs)')
    .addOption(dirOption())
    .option('--port <n>', 'port of the edge', wholeNumber(1, 65_535), 8080)
    .option('--units <n>', 'units of the demo sale', wholeNumber(1, 1_000_000), 200)
    .action(async (options: { port: number; units: number }, command: Command) => {
      const { dir } = command.opts<{ dir?: string }>();
      const { runDemo } = await import('./run-demo.ts');
      return runDemo(runOf(command), { dir, port: options.port, units: options.units });
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
        await sendCrowd(context, saleId ?? (await newestDemoSale(context)), options);
      }),
    );
}
