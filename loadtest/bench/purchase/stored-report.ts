import { mkdir, writeFile } from 'node:fs/promises';
import { resultsFolder } from '#infra/capacity/costs.ts';
import { circumstances, type Spread, table } from '../kit/statistics.ts';
import { measureStored, type StoredRound, type StoredSettings, summaryOf } from './stored.ts';

const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);

/** `npm run bench -- purchase --stored`; writes loadtest/results/stored.json, which `seckill plan` reckons with. */
export async function runStored(rounds: number, settings: StoredSettings): Promise<string> {
  const results: StoredRound[] = [];
  for (let nth = 1; nth <= rounds; nth += 1) {
    process.stderr.write(`round ${nth} of ${rounds}\n`);
    results.push(await measureStored(settings));
  }
  const summary = summaryOf(results);
  const document = { ...(await circumstances()), settings: { rounds, ...settings }, ...summary, results };
  await mkdir(resultsFolder, { recursive: true });
  await writeFile(new URL('stored.json', resultsFolder), `${JSON.stringify(document, rounded, 2)}\n`);
  return tableOf(summary);
}

function tableOf(summary: ReturnType<typeof summaryOf>): string {
  const { microsPerPurchase, restingMicrosPerSecond: resting, perSecond, atHalfThePausedRate: half } = summary;
  const { stored, accepted } = microsPerPurchase;
  const median = (spreads: Record<string, Spread>, name: string) => (spreads[name]?.median ?? 0).toFixed(0);
  const times = Object.entries(stored).map(([name, { median: middle, min, max }]) => [
    name === 'loader' ? 'wrk (not in the sum)' : name,
    ...[middle, min, max].map((micros) => micros.toFixed(0)),
    median(accepted, name),
    median(resting, name),
  ]);
  const row = (name: string, { median: middle, min, max }: Spread, digits = 0) => [
    name,
    ...[middle, min, max].map((value) => value.toFixed(digits)),
  ];
  return `${table([
    ['processor time, µs', 'accepted and stored', 'lowest', 'highest', 'accepted alone', 'at rest, a second'],
    ...times,
  ])}\n\n${table([
    ['', 'median', 'lowest', 'highest'],
    row('accepted and stored/s, no drain limit', perSecond.acceptedAndStored),
    row('the same, until the last row', perSecond.untilTheLastRow),
    row('accepted/s meanwhile', perSecond.acceptedMeanwhile),
    row('accepted and not stored when the load ends', perSecond.notStoredAtTheEnd),
    row('accepted/s, drain paused, first seconds', perSecond.pausedFirst),
    row('accepted/s, drain paused, a long outbox', perSecond.pausedLate),
    row('ratio of the two', perSecond.lateOverFirst, 3),
    row('half of the first, by arrivals/s', half.perSecond),
    row('p50 at half of it, ms', half.p50Ms, 1),
    row('p99 at half of it, ms', half.p99Ms, 1),
    row('load average', summary.loadAverage, 1),
  ])}\n`;
}
