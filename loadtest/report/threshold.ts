import type { RouteRow, Threshold } from './report.ts';

const percent = (share: number) => `${(share * 100).toFixed(share > 0 && share < 0.001 ? 4 : 2)} %`;

export const atMost = (name: string, share: number, most: number): Threshold => ({
  name,
  holds: share <= most,
  says: `${percent(share)}, at most ${percent(most)}`,
});

export const latency = (row: RouteRow, key: 'p99', most: number): Threshold => ({
  name: `${row.route}, ${key}`,
  holds: row[key] <= most,
  says: `${row[key].toFixed(1)} ms, at most ${most} ms`,
});
