import { metricNames } from './metric-names.ts';

/** What the edges did with a sale's purchases: passed on, or shed by reason. Counts are since the edges started. */
export type EdgeCounts = { arrived: number; passed: number; shed: Record<string, number> };

type Sample = { name: string; labels: Record<string, string>; value: number };

/** The counts of each sale in samples of the edges' own metrics, those of several edges in one list. */
export function edgeCountsBySale(samples: readonly Sample[]): Map<string, EdgeCounts> {
  const sales = new Map<string, EdgeCounts>();
  for (const { name, labels, value } of samples) {
    if (name !== metricNames.edgeRequests || labels.sale === undefined) continue;
    const counts = sales.get(labels.sale) ?? { arrived: 0, passed: 0, shed: {} };
    sales.set(labels.sale, counts);
    const outcome = labels.outcome ?? '';
    counts.arrived += value;
    if (outcome === 'passed') counts.passed += value;
    else counts.shed[outcome] = (counts.shed[outcome] ?? 0) + value;
  }
  return sales;
}

/** The same of one sale. */
export const edgeCounts = (samples: readonly Sample[], saleId: string): EdgeCounts =>
  edgeCountsBySale(samples).get(saleId) ?? { arrived: 0, passed: 0, shed: {} };

/** When the edge that began last began to count, Unix ms: before that the counts of all are not complete. Null: unknown. */
export function countsSinceMs(samples: readonly Sample[]): number | null {
  const starts = samples.filter(({ name }) => name === metricNames.edgeCountsSince).map(({ value }) => value * 1000);
  return starts.length === 0 ? null : Math.max(...starts);
}
