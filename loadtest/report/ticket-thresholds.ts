import type { Phase, RouteRow, Threshold, Totals } from './report.ts';
import { atMost, latency } from './threshold.ts';

/** What must hold of a crowd's way to its tickets: everybody who asks gets one, quickly, and the system has no fault. */
export function ticketThresholds(judged: {
  totals: Totals;
  phases: readonly Phase[];
  routes: readonly RouteRow[];
}): Threshold[] {
  const { totals, phases, routes } = judged;
  const phase = phases.find(({ name }) => name === 'tickets');
  const { planned, asked, got, missed } = phase?.shoppers ?? { planned: 0, asked: 0, got: 0, missed: {} };
  const faults = Object.entries(phase?.refused ?? {}).filter(([code]) => /^(UNAVAILABLE$|HTTP_5)/.test(code));
  const others = list(Object.entries(missed));
  return [
    {
      name: 'tickets for all who asked',
      holds: asked > 0 && got === asked,
      says: `${got} of ${asked} shoppers who asked got one, ${planned} were planned${others === '' ? '' : `; the others met ${others}`}`,
    },
    {
      name: 'no fault on the way to a ticket',
      holds: faults.length === 0,
      says: faults.length === 0 ? 'no challenge and no ticket was answered with a fault' : list(faults),
    },
    ...routes
      .filter(({ route }) => route === 'challenge' || route === 'ticket')
      .map((row) => latency(row, 'p99', 1000)),
    // Shoppers whom k6 could not begin have no ticket, and their buyers come all the same.
    atMost('buyers without a ticket', totals.emptyHanded / Math.max(1, got), 0.05),
  ];
}

const list = (counts: readonly (readonly [string, number])[]) =>
  counts.map(([name, count]) => `${name} ${count}`).join(', ');
