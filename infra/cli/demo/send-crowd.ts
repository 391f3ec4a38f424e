import { edgeCounts } from '#contract/edge-counts.ts';
import { type CrowdReport, runCrowd } from '#loadtest/crowd/crowd.ts';
import { auditSale } from '#order-worker/audit/audit.ts';
import { counted } from '../../text/counted.ts';
import { CliError } from '../kit/cli-error.ts';
import { commandConfig } from '../kit/command-config.ts';
import type { CommandContext } from '../kit/connections.ts';
import { auditText } from '../sale/audit-text.ts';
import { readEdgeSamples } from '../watch/funnel.ts';
import { openDemoSale } from './demo-sale.ts';

/** The newest demo sale; a new one where there is none. */
export async function newestDemoSale(context: CommandContext): Promise<string> {
  const sale = (await context.catalogue.list()).filter(({ saleId }) => /^demo-\d+$/.test(saleId)).at(-1);
  return sale?.saleId ?? openDemoSale(context, 200);
}

/** Shoppers who gave up, by what they asked for; nothing where no request had to be repeated. */
function gaveUpLines({ gaveUp, repeated }: CrowdReport): string[] {
  const steps = Object.entries(gaveUp).map(([step, count]) => `${step} ${count}`);
  if (repeated === 0 && steps.length === 0) return [];
  const who = steps.length === 0 ? 'nobody' : `after a minute of asking: ${steps.join(', ')}`;
  return [`gave up         ${who}; ${counted(repeated, 'request was', 'requests were')} repeated`];
}

/** A crowd at a demo sale, then what it met: counted at both ends, and audited. */
export async function sendCrowd(
  context: CommandContext,
  saleId: string,
  { shoppers, pay }: { shoppers: number; pay: number },
): Promise<void> {
  const config = commandConfig(['SECKILL_EDGE_URL', 'SECKILL_EDGE_INNER_URL'], context.environment);
  const before = await readEdgeSamples(...config.SECKILL_EDGE_INNER_URL);
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
      ...gaveUpLines(report),
      `  by the edge   ${list(edge.shed)}`,
      `  passed on     ${edge.passed} to the service, which refused ${edge.passed - report.accepted}`,
      auditText(audit, context.output.width),
    ].join('\n'),
  );
  if (!audit.balanced || report.stored !== report.accepted) context.run.exitCode = 1;
}
