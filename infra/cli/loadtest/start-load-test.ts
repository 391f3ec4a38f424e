import { cpus } from 'node:os';
import { join } from 'node:path';
import { maxVirtualUsers } from '#loadtest/plan/requests.ts';
import { hasPassed } from '#loadtest/report/build-report.ts';
import { readEdges } from '#sales/edges.ts';
import { childEnvironment } from '../../stack/host/launch.ts';
import { checkoutDir } from '../../stack/host/run-directory.ts';
import { CliError } from '../kit/cli-error.ts';
import type { CommandContext } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { type Asked, makeLoadTest } from './make-load-test.ts';
import {
  checkEdgeLimits,
  checkFileLimit,
  checkNewSale,
  checkNobodyElse,
  checkNoMaintenance,
  checkNotLive,
  checkStack,
  checkTarget,
  checkWork,
  officeNotes,
  requireK6,
} from './preflight.ts';
import { reportText } from './report-text.ts';
import { type LoadTest, runLoadTest } from './run-load-test.ts';

export type LoadtestOptions = {
  duration: string;
  shoppers?: number;
  units?: number;
  spike?: number;
  rate?: number;
  sale?: string;
  minted?: boolean;
  out?: string;
  iOwnThisHost?: boolean;
  besideLiveSales?: boolean;
};

/** Every check comes before anything is sent, the cheapest first. */
export async function startLoadTest(context: CommandContext, asked: Asked, options: LoadtestOptions): Promise<void> {
  const { environment, output, run } = context;
  const edgeUrl = environment.SECKILL_EDGE_URL;
  if (edgeUrl === undefined) throw new CliError('SECKILL_EDGE_URL is not set: which edge is to be tested?', 78);
  const isLoopback = checkTarget(edgeUrl, options.iOwnThisHost === true);
  const test: LoadTest = await makeLoadTest(context, asked, { ...options, isLoopback });
  const nowMs = Date.now();
  if (asked.rehearsed !== undefined) {
    await findSale(context, asked.rehearsed);
    await checkNotLive(context, asked.rehearsed, { nowMs, durationSeconds: test.durationSeconds });
  }
  if (options.sale !== undefined) {
    await checkNotLive(context, options.sale, { nowMs, durationSeconds: test.durationSeconds });
    await checkNewSale(context, options.sale);
  }
  await checkNobodyElse(context, nowMs, options.besideLiveSales === true);
  const stack = await checkStack(environment);
  const k6 = await requireK6(environment, run.environment.PATH ?? '');
  const virtualUsers = maxVirtualUsers(test.scenarios);
  await checkFileLimit(virtualUsers);
  if (test.tickets === 'edge' && test.sale.like?.challenge === 'pow') checkWork(test.scenarios, cpus().length);
  const edges = await readEdges(context.zookeeper);
  checkNoMaintenance(edges);
  if (asked.kind !== 'bots') checkEdgeLimits(edges, test);
  if (test.tickets === 'edge') test.notes.push(...officeNotes(edges));

  const stamp = new Date(nowMs).toISOString().slice(0, 19).replaceAll(':', '');
  const reportFile = options.out ?? join(checkoutDir, '.run', 'reports', `loadtest-${asked.kind}-${stamp}.html`);
  const interrupted = run.interruption();
  interrupted.happened.then(() =>
    output.progress('stopping: the books are still checked (once more to leave at once)'),
  );
  try {
    output.progress(`${asked.kind} on ${test.sale.saleId}, ${edgeUrl}, k6 ${k6.version}`);
    const { report, html, json } = await runLoadTest(context, { k6, stack, isLoopback }, test, {
      reportFile,
      signal: interrupted.signal,
      baseEnvironment: childEnvironment(run.environment),
    });
    const { thresholds, totals, phases, audit, kind, saleId, loadSeconds, notes } = report;
    const passed = hasPassed(report);
    output.result(
      { kind, saleId, passed, loadSeconds, totals, phases, thresholds, audit, notes, html, json },
      reportText(report, html, output.width),
    );
    if (!passed) run.exitCode = 1;
  } finally {
    interrupted.release();
  }
}
