import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Behaviour, LoadKind, Plan, Scenario, TicketSource } from '#loadtest/plan/plan.ts';
import { maxVirtualUsers } from '#loadtest/plan/requests.ts';
import { buildReport, readSummary } from '#loadtest/report/build-report.ts';
import { renderHtml } from '#loadtest/report/render-html.ts';
import type { Report } from '#loadtest/report/report.ts';
import { Answers } from '#loadtest/run/answers.ts';
import { startGate } from '#loadtest/run/gate.ts';
import { createHandOver } from '#loadtest/run/hand-over.ts';
import { watchProcesses } from '#loadtest/run/proc.ts';
import { type Sample, startSampler } from '#loadtest/run/sampler.ts';
import { startK6 } from '#loadtest/run/start-k6.ts';
import { auditSale } from '#order-worker/audit/audit.ts';
import { unitsGranted } from '#stock/stock-sale.ts';
import { CliError } from '../kit/cli-error.ts';
import type { CommandContext } from '../kit/connections.ts';
import { refuseTarget } from '../kit/refuse-target.ts';
import { currentCommit, describeMachine } from './machine.ts';
import type { Ground } from './preflight.ts';
import { progressLine } from './progress.ts';
import { openReaders } from './readers.ts';
import { closeShadowSale, openShadowSale, type SaleWanted } from './shadow-sale.ts';
import { writeShoppers } from './write-shoppers.ts';

export type LoadTest = {
  kind: LoadKind;
  script: 'smoke' | 'peak' | 'soak' | 'bots';
  sale: SaleWanted;
  scenarios: Record<string, Scenario>;
  behaviour: Behaviour;
  tickets: TicketSource;
  /** Each has a session, or a ticket, that is made before; 0 when the script makes its own. */
  shoppers: number;
  durationSeconds: number;
  opensAfterSeconds: number;
  /** When a phase begins, in seconds after the start. */
  phases: { label: string; fromSeconds: number }[];
  localIps: string | null;
  pays: boolean;
  parameters: Report['parameters'];
  notes: string[];
  /** What a visit asks for; asked before the sale is there. */
  visit: () => Promise<string[]>;
  afterOpening?: () => Promise<void>;
  /** Something beside k6, while the load is on; what it returns ends it and says what to note. */
  beside?: () => Promise<() => Promise<string[]>>;
};

/** Orders are stored at 500 a second at first; this is far more than any run needs, and it ends. */
const longestDrainMs = 180_000;

/**
 * Shoppers, k6, the sale, the load, the drain, the audit, the report, in that order. Whatever happens, k6 is gone, the
 * shoppers' file is deleted and the sale is closed when it ends. Resolves with the report and where it is.
 */
export async function runLoadTest(
  context: CommandContext,
  ground: Ground,
  test: LoadTest,
  options: { reportFile: string; signal: AbortSignal; baseEnvironment: Readonly<Record<string, string>> },
): Promise<{ report: Report; html: string; json: string }> {
  const { output } = context;
  const { saleId } = test.sale;
  const edgeUrl = (context.environment.SECKILL_EDGE_URL ?? '').replace(/\/$/, '');
  const html = options.reportFile;
  const json = html.replace(/\.html$/, '.json');
  await Promise.all([html, json].map(refuseTarget));
  const work = join(dirname(html), `.${saleId}`);
  await mkdir(work, { recursive: true, mode: 0o700 });
  const machine = describeMachine(ground.k6.version, edgeUrl);
  const shoppersFile = join(work, 'shoppers');
  const summaryFile = join(work, 'summary.json');
  try {
    const { shoppers, tickets, durationSeconds } = test;
    if (shoppers > 0) await writeShoppers(context, { saleId, shoppers, tickets, durationSeconds, file: shoppersFile });
    const measured = await load(context, ground, test, {
      ...options,
      edgeUrl,
      shoppersFile: shoppers > 0 ? shoppersFile : null,
      summaryFile,
    });
    const stock = await context.stock.sale(saleId);
    output.progress('the books are checked');
    const audit = await auditSale(context, saleId);
    const report = buildReport({
      ...measured,
      kind: test.kind,
      saleId,
      tickets: test.tickets,
      shoppers,
      parameters: test.parameters,
      machine,
      commit: await currentCommit(),
      summary: await readFile(summaryFile, 'utf8').then(readSummary, () => null),
      books: {
        units: test.sale.units,
        sold: stock === null ? 0 : unitsGranted(stock),
        stored: stock?.committed ?? 0,
      },
      audit: audit === null ? null : { balanced: audit.balanced, checks: audit.checks },
    });
    await writeFile(json, `${JSON.stringify(report)}\n`, { mode: 0o600 });
    await writeFile(html, await renderHtml(report), { mode: 0o600 });
    return { report, html, json };
  } finally {
    await rm(work, { recursive: true, force: true });
    await closeShadowSale(context, saleId);
  }
}

type Measured = Pick<
  Parameters<typeof buildReport>[0],
  'startedAtMs' | 'loadEndedAtMs' | 'answers' | 'samples' | 'marks' | 'notes'
>;

async function load(
  context: CommandContext,
  ground: Ground,
  test: LoadTest,
  run: {
    edgeUrl: string;
    shoppersFile: string | null;
    summaryFile: string;
    signal: AbortSignal;
    baseEnvironment: Readonly<Record<string, string>>;
  },
): Promise<Measured> {
  const { output } = context;
  const { saleId } = test.sale;
  const { shoppers, scenarios } = test;
  const buyers = scenarios.buyers === undefined ? 1 : maxVirtualUsers({ buyers: scenarios.buyers });
  const handOver = createHandOver({ shoppers, buyers });
  // Only buyers who come later take what is handed over; else it would lie here for nothing.
  const answers = new Answers(scenarios.tickets === undefined ? undefined : handOver.give);
  let opensAtMs = 0;
  let startAtMs = 0;
  const planned: Omit<Plan, 'gateUrl'> = {
    kind: test.kind,
    edgeUrl: run.edgeUrl,
    saleId,
    visit: [],
    tickets: test.tickets,
    shoppersFile: run.shoppersFile,
    summaryFile: run.summaryFile,
    pays: test.pays,
    behaviour: test.behaviour,
    scenarios: test.scenarios,
    localIps: test.localIps,
  };
  // k6 makes its virtual users while the sale is not there yet; it asks at the gate, and then the sale is opened.
  const visit = await test.visit();
  const gate = await startGate(async () => {
    startAtMs = Date.now() + 3000; // by then the sale is known everywhere
    opensAtMs = startAtMs + test.opensAfterSeconds * 1000;
    await openShadowSale(context, test.sale, opensAtMs);
    await test.afterOpening?.();
    return startAtMs;
  }, handOver.take);
  const readers = openReaders(context, saleId);
  const complaints = new Set<string>();
  const k6 = startK6({
    binary: ground.k6.path,
    script: test.script,
    plan: { ...planned, visit, gateUrl: gate.url },
    answers,
    environment: run.baseEnvironment,
    onComplaint: (line) => {
      // The same complaint a thousand times says no more than once; the report counts them.
      if (!complaints.has(line)) output.progress(`k6: ${line}`);
      complaints.add(line);
    },
  });
  const stop = () => k6.stop();
  run.signal.addEventListener('abort', stop);
  if (run.signal.aborted) stop(); // while the shoppers were written
  let endBeside: (() => Promise<string[]>) | undefined;
  let endSampling: (() => Promise<void>) | undefined;
  const notes = [...test.notes];
  try {
    output.progress('k6 makes its virtual users');
    await k6.started.catch((error: Error) => {
      throw new CliError(error.message, 1);
    });
    endBeside = await test.beside?.();
    const names = (ground.stack?.processes ?? []).map(({ name, pid }) => ({ name, pids: pid === null ? [] : [pid] }));
    const processes = await watchProcesses([
      ...names,
      { name: 'k6', pids: [k6.pid] },
      { name: 'this command', pids: [process.pid], alone: true },
    ]);
    let shown: { sample: Sample; total: number } | undefined;
    const sampler = startSampler({
      readers: [...readers.readers, ...(process.platform === 'linux' ? [processes] : [])],
      onSample: (sample) => {
        if (shown !== undefined && sample.atMs - shown.sample.atMs < 4900) return;
        output.progress(progressLine(startAtMs, sample, shown?.sample, answers, shown?.total ?? 0));
        shown = { sample, total: answers.total };
      },
    });
    endSampling = sampler.stop;
    // A k6 that does not end by itself is ended: nothing runs on for ever.
    const bound = setTimeout(stop, (test.durationSeconds + 120) * 1000);
    const { code, said } = await k6.ended;
    clearTimeout(bound);
    const loadEndedAtMs = Date.now();
    notes.push(...((await endBeside?.()) ?? []));
    endBeside = undefined;
    if (run.signal.aborted) notes.push('The run was interrupted: the figures are those until then.');
    else if (code !== 0) notes.push(`k6 ended with exit code ${code}: ${said.slice(-3).join(' ')}`);
    output.progress('the load is over; the last orders are being stored');
    await drained(context, saleId);
    await endSampling();
    const soldOut = sampler.samples.find(({ gauges }) => gauges['units.free'] === 0);
    return {
      startedAtMs: startAtMs,
      loadEndedAtMs,
      answers,
      samples: sampler.samples,
      marks: [
        ...test.phases.map(({ label, fromSeconds }) => ({ atMs: startAtMs + fromSeconds * 1000, label })),
        ...(test.opensAfterSeconds > 0 ? [{ atMs: opensAtMs, label: 'opens' }] : []),
        ...(soldOut === undefined ? [] : [{ atMs: soldOut.atMs, label: 'sold out' }]),
        { atMs: loadEndedAtMs, label: 'load ends' },
      ],
      notes,
    };
  } finally {
    run.signal.removeEventListener('abort', stop);
    k6.stop();
    await endBeside?.();
    await endSampling?.();
    gate.close();
    readers.close();
  }
}

/** Until every order that was granted is in the database, or nothing has moved for long enough. */
async function drained({ stock }: CommandContext, saleId: string): Promise<void> {
  const until = performance.now() + longestDrainMs;
  while (performance.now() < until) {
    const sale = await stock.sale(saleId);
    if (sale === null || sale.committed >= unitsGranted(sale)) return;
    await wait(250);
  }
}
