import { setTimeout as wait } from 'node:timers/promises';
import { countsSinceMs, type EdgeCounts, edgeCounts } from '#contract/edge-counts.ts';
import { type CrowdReport, runCrowd } from '#loadtest/crowd/crowd.ts';
import { auditSale } from '#order-worker/audit/audit.ts';
import { counted } from '#runtime/counted.ts';
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
  const who = steps.length === 0 ? 'none' : `after a minute of asking: ${steps.join(', ')}`;
  return [`gave up         ${who}; ${counted(repeated, 'request was', 'requests were')} repeated`];
}

type Samples = NonNullable<Awaited<ReturnType<typeof readEdgeSamples>>>;

/** The counters of every edge; null when one does not answer, asked three times: a busy machine is slow. */
async function readEveryEdge(innerUrls: readonly string[]): Promise<Samples | null> {
  for (let tries = 1; ; tries += 1) {
    const answers = await Promise.all(innerUrls.map((url) => readEdgeSamples(url)));
    const heard = answers.filter((each) => each !== null);
    if (heard.length === answers.length) return heard.flat();
    if (tries === 3) return null;
    await wait(500);
  }
}

/** What the edges counted of a sale from one reading to the other; null when that cannot be told. */
function countedBetween(
  before: Samples | null,
  after: Samples | null,
  saleId: string,
): Omit<EdgeCounts, 'arrived'> | null {
  if (before === null || after === null || countsSinceMs(before) !== countsSinceMs(after)) return null;
  const [was, is] = [edgeCounts(before, saleId), edgeCounts(after, saleId)];
  const shed = Object.entries(is.shed).map(([reason, count]) => [reason, count - (was.shed[reason] ?? 0)] as const);
  return { passed: is.passed - was.passed, shed: Object.fromEntries(shed) };
}

/** A crowd at a demo sale, then what it met: counted at both ends, and audited. */
export async function sendCrowd(
  context: CommandContext,
  saleId: string,
  { shoppers, pay }: { shoppers: number; pay: number },
): Promise<void> {
  const config = commandConfig(['SECKILL_EDGE_URL', 'SECKILL_EDGE_INNER_URL'], context.environment);
  const before = await readEveryEdge(config.SECKILL_EDGE_INNER_URL);
  const report = await runCrowd({
    edgeUrl: config.SECKILL_EDGE_URL,
    saleId,
    shoppers,
    payShare: pay / 100,
    onProgress: context.output.progress,
    bar: context.output.bar,
  });
  // The edge adds its counters up a few times a second: give it one more.
  await wait(600);
  const edge = countedBetween(before, await readEveryEdge(config.SECKILL_EDGE_INNER_URL), saleId);
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
      ...(edge === null
        ? ['  by the edge   ? (an edge did not answer, or started anew meanwhile)']
        : [
            `  by the edge   ${list(edge.shed)}`,
            `  passed on     ${edge.passed} to the service, which refused ${edge.passed - report.accepted}`,
          ]),
      ...gaveUpLines(report),
      auditText(audit, context.output.width),
    ].join('\n'),
  );
  if (!audit.balanced || report.stored !== report.accepted) context.run.exitCode = 1;
}
