import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkoutDir } from '../../stack/host/run-directory.ts';
import { kinds, planHaRounds } from './plan.ts';

test('200 rounds of any seed meet every fault of the HA topology equally often, and so does their beginning', () => {
  for (let seed = 0; seed < 100; seed += 1) {
    const dealt = planHaRounds(seed, 200).map(({ fault }) => fault.kind);
    for (const count of [kinds.length, 3 * kinds.length, 200]) {
      const times = Map.groupBy(dealt.slice(0, count), (kind) => kind);
      expect([...times.keys()].sort()).toEqual([...kinds].sort());
      const often = [...times.values()].map(({ length }) => length);
      expect(Math.max(...often) - Math.min(...often)).toBeLessThanOrEqual(1);
    }
  }
});

test('a round is the same in a longer run, so that it can be replayed alone', () => {
  expect(planHaRounds(7, 200).slice(0, 20)).toEqual(planHaRounds(7, 20));
});

test('seeds differ, and so do the moments', () => {
  expect(planHaRounds(1, 30)).not.toEqual(planHaRounds(2, 30));
  expect(new Set(planHaRounds(1, 30).map(({ fault }) => fault.afterMs)).size).toBeGreaterThan(20);
});

test('shoppers are there before the fault, while it lasts and after it', () => {
  for (const { fault, storm } of planHaRounds(3, 300)) {
    expect(fault.afterMs).toBeGreaterThan(1000);
    expect(storm.arriveMs).toBeGreaterThanOrEqual(fault.afterMs + fault.forMs + 1000);
    expect(storm.lastsMs).toBeGreaterThan(storm.arriveMs);
    expect(storm.limitPerUser).toBeLessThanOrEqual(storm.units);
  }
});

test('docs/testing.md names every fault', () => {
  const page = readFileSync(join(checkoutDir, 'docs/testing.md'), 'utf8');
  const table = page
    .slice(page.indexOf('## Chaos in the HA topology'))
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  const named = table.flatMap((line) =>
    [...(line.split('|')[1] ?? '').matchAll(/`([a-z-]+)`/g)].map(([, name]) => name),
  );
  expect(named.sort()).toEqual([...kinds].sort());
});
