import type { LoadKind, TicketSource } from '../plan/plan.ts';
import type { Answers } from '../run/answers.ts';
import type { Sample } from '../run/sampler.ts';
import { answerCharts, phaseChart, routeRows } from './answer-charts.ts';
import { axisTimes, makeAxis } from './axis.ts';
import { phasesOf } from './phases.ts';
import type { Chart, Mark, Phase, Report, Totals } from './report.ts';
import { systemCharts } from './system-charts.ts';
import { judge } from './thresholds.ts';

/** What k6 wrote at its end. Null when it was killed before. */
export type K6Summary = { requests: number; dropped: number } | null;

/** The two numbers that are needed of what `handleSummary` gets. Null when it has another shape. */
export function readSummary(text: string): K6Summary {
  type Metric = { values?: { count?: unknown }; count?: unknown } | undefined;
  const { metrics } = JSON.parse(text) as { metrics?: Record<string, Metric> };
  const counted = (name: string) => Number(metrics?.[name]?.values?.count ?? metrics?.[name]?.count ?? 0);
  return metrics === undefined ? null : { requests: counted('http_reqs'), dropped: counted('dropped_iterations') };
}

export function buildReport(run: {
  kind: LoadKind;
  saleId: string;
  tickets: TicketSource;
  /** Who are to get a ticket, or have one. */
  shoppers: number;
  parameters: Report['parameters'];
  machine: Report['machine'];
  commit: string;
  startedAtMs: number;
  loadEndedAtMs: number;
  answers: Answers;
  samples: readonly Sample[];
  summary: K6Summary;
  books: Pick<Totals, 'units' | 'sold' | 'stored'>;
  audit: Report['audit'];
  marks: readonly { atMs: number; label: string }[];
  notes: readonly string[];
}): Report {
  const { kind, tickets, answers, samples, startedAtMs, loadEndedAtMs, summary } = run;
  const lastMs = Math.max(loadEndedAtMs, samples.at(-1)?.atMs ?? 0);
  const axis = makeAxis(startedAtMs, lastMs);
  const routes = routeRows(answers);
  const bySecond = [...answers.seconds.values()].map((each) =>
    [...each.values()].reduce((sum, { ms }) => sum + ms.length, 0),
  );
  const loadSeconds = Math.max(1, (loadEndedAtMs - startedAtMs) / 1000);
  const totals: Totals = {
    requests: answers.total,
    requestsByK6: summary?.requests ?? null,
    dropped: summary?.dropped ?? 0,
    perSecondMean: answers.total / loadSeconds,
    perSecondMost: Math.max(0, ...bySecond),
    accepted: routes.reduce((sum, { outcomes }) => sum + (outcomes.ACCEPTED ?? 0), 0),
    emptyHanded: answers.emptyHanded,
    ...run.books,
  };
  const underLoad = samples.filter(({ atMs }) => atMs >= startedAtMs && atMs <= loadEndedAtMs);
  const phases = kind === 'smoke' || kind === 'bots' ? [] : phasesOf(answers, startedAtMs, run.shoppers);
  const marks: Mark[] = run.marks.map(({ atMs, label }) => ({ at: round((atMs - startedAtMs) / 1000), label }));
  return {
    version: 1,
    kind,
    saleId: run.saleId,
    startedAt: new Date(startedAtMs).toISOString(),
    loadSeconds: round(loadSeconds),
    parameters: run.parameters,
    machine: run.machine,
    commit: run.commit,
    totals: { ...totals, perSecondMean: round(totals.perSecondMean) },
    phases: phases.map(shownPhase),
    routes,
    time: axisTimes(axis),
    pointSeconds: axis.pointSeconds,
    charts: [
      ...answerCharts(axis, answers),
      ...phases.map(({ name }) => phaseChart(axis, answers, name)),
      ...systemCharts(axis, samples),
    ].map(rounded),
    marks,
    thresholds: judge({ kind, tickets, totals, phases, routes, answers, audit: run.audit, samples: underLoad }),
    audit: run.audit,
    notes: [...run.notes],
  };
}

/** Four digits are all that a chart shows; the file stays small. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}

const shownPhase = (phase: Phase): Phase => ({
  ...phase,
  fromSeconds: round(phase.fromSeconds),
  toSeconds: round(phase.toSeconds),
  perSecondMean: round(phase.perSecondMean),
});

const rounded = (chart: Chart): Chart => ({
  ...chart,
  series: chart.series.map(({ label, values }) => ({
    label,
    values: values.map((value) => (value === null ? null : round(value))),
  })),
});

/** Whether the run counts as passed. */
export const hasPassed = (report: Report): boolean => report.thresholds.every(({ holds }) => holds);
