import { existsSync, readFileSync } from 'node:fs';

/** Seconds that each test file took, by its path from the root of the checkout. */
export type Timings = Record<string, number>;

/** Written by each run. */
export const lastTimings = '.run/reports/timings.json';
/** Kept in the repository for a checkout that has run nothing yet: a copy of the above, made now and then. */
export const keptTimings = 'infra/lab/run/timings.json';

export function readTimings(): Timings {
  const read = (file: string): Timings => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {});
  const all = { ...read(keptTimings), ...read(lastTimings) };
  return Object.fromEntries(Object.entries(all).filter(([file]) => existsSync(file))); // a file may be gone
}
