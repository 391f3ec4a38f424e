import type { LoadKind, TicketSource } from '../plan/plan.ts';
import type { Answers } from '../run/answers.ts';
import type { Sample } from '../run/sampler.ts';
import { growthOf } from './growth.ts';
import type { Phase, Report, RouteRow, Threshold, Totals } from './report.ts';
import { atMost, latency } from './threshold.ts';
import { ticketThresholds } from './ticket-thresholds.ts';

export type Judged = {
  kind: LoadKind;
  tickets: TicketSource;
  totals: Totals;
  phases: readonly Phase[];
  routes: readonly RouteRow[];
  answers: Pick<Answers, 'broken' | 'brokenCount'>;
  audit: Report['audit'];
  /** While the load was on. */
  samples: readonly Sample[];
};

const megabyte = 1_000_000;
/** A heap breathes: below so much, growth is no leak. */
const breath = { rss: 48 * megabyte, files: 64 };
const maxGrowth = 1.2;

/** Everything that must hold for a run to have passed. */
export function judge(judged: Judged): Threshold[] {
  const isWholeWay = judged.tickets === 'edge';
  return [...always(judged), ...(isWholeWay ? ticketThresholds(judged) : []), ...ofKind(judged)];
}

function always({ totals, routes, answers, audit, kind }: Judged): Threshold[] {
  const lost = count(routes, 'NO_ANSWER');
  const faults = count(routes, 'UNAVAILABLE', 'HTTP_500', 'HTTP_502', 'HTTP_504');
  const planned = totals.requests + totals.dropped;
  return [
    {
      name: 'the books',
      holds: audit?.balanced === true,
      says:
        audit === null
          ? 'no audit was possible'
          : audit.balanced
            ? 'every invariant holds'
            : 'the audit found differences',
    },
    {
      name: 'stored',
      holds: totals.stored === totals.sold,
      says: `${totals.stored} of ${totals.sold} units that were sold are in the database`,
    },
    {
      name: 'promises',
      holds: answers.brokenCount === 0,
      says:
        answers.brokenCount === 0
          ? 'every answer was one that the scripts expect'
          : `${answers.brokenCount} were not, such as: ${answers.broken.slice(0, 3).join('; ')}`,
    },
    atMost('no answer at all', lost / Math.max(1, totals.requests), kind === 'smoke' ? 0 : 0.001),
    atMost('faults of the system', faults / Math.max(1, totals.requests), kind === 'smoke' ? 0 : 0.001),
    atMost('work that k6 could not begin', totals.dropped / Math.max(1, planned), kind === 'smoke' ? 0 : 0.05),
  ];
}

function ofKind({ kind, totals, routes, samples }: Judged): Threshold[] {
  switch (kind) {
    case 'smoke':
      // The slowest route speaks for all of them.
      return [...routes]
        .sort((a, b) => b.p99 - a.p99)
        .slice(0, 1)
        .map((row) => latency(row, 'p99', 1000));
    case 'peak':
    case 'rehearsal':
      return [
        { name: 'sold', holds: totals.sold === totals.units, says: `${totals.sold} of ${totals.units} units` },
        ...routes.filter(({ route }) => route === 'buy').map((row) => latency(row, 'p99', 1000)),
      ];
    case 'soak':
      return [
        ...routes.filter(({ route }) => route === 'buy').map((row) => latency(row, 'p99', 1000)),
        ...growth(samples, 'rss.', breath.rss, (bytes) => `${(bytes / megabyte).toFixed(0)} MB`),
        ...growth(samples, 'files.', breath.files, (files) => `${files} files and sockets`),
      ];
    case 'bots':
      return bots(routes);
  }
}

function bots(routes: readonly RouteRow[]): Threshold[] {
  const row = (route: string) => routes.find((each) => each.route === route);
  const of = (route: string, outcome: string) => row(route)?.outcomes[outcome] ?? 0;
  const honest = row('honest');
  const kept = (name: string, holds: boolean, says: string): Threshold => ({ name, holds, says });
  const limited = of('one address', 'RATE_LIMITED');
  return [
    kept(
      'forged tickets',
      (row('forged')?.count ?? 0) > 0 && of('forged', 'ACCEPTED') === 0,
      `${of('forged', 'ACCEPTED')} of ${row('forged')?.count ?? 0} got in`,
    ),
    kept(
      'replayed tickets',
      of('replayed', 'ACCEPTED') > 0,
      `${of('replayed', 'ACCEPTED')} of ${row('replayed')?.count ?? 0} got the answer of their one purchase again, ${of('replayed', 'RATE_LIMITED')} were slowed down`,
    ),
    kept(
      'shared tickets',
      of('shared', 'RATE_LIMITED') > 0,
      `${of('shared', 'RATE_LIMITED')} of ${row('shared')?.count ?? 0} were slowed down: one user on many addresses is one user`,
    ),
    kept(
      'one address',
      limited > 0,
      `${limited} of ${row('one address')?.count ?? 0} were slowed down: thousands of users behind one address are one address`,
    ),
    atMost('honest buyers who were not served', 1 - of('honest', 'ACCEPTED') / Math.max(1, honest?.count ?? 0), 0.01),
    ...(honest === undefined ? [] : [latency(honest, 'p99', 1000)]),
  ];
}

function growth(
  samples: readonly Sample[],
  prefix: string,
  breath: number,
  show: (value: number) => string,
): Threshold[] {
  return growthOf(samples, prefix)
    .filter(({ name }) => name !== 'k6')
    .map(({ name, early, late }) => ({
      name: `${prefix === 'rss.' ? 'memory' : 'connections'} of ${name}`,
      holds: late <= early * maxGrowth || late - early <= breath,
      says: `${show(early)} after a quarter, ${show(late)} at the end`,
    }));
}

const count = (routes: readonly RouteRow[], ...outcomes: string[]) =>
  routes.reduce((sum, row) => sum + outcomes.reduce((all, outcome) => all + (row.outcomes[outcome] ?? 0), 0), 0);
