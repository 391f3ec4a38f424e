import { expect, test } from 'vitest';
import { cards, meetsChunk, planRounds } from './plan.ts';

const name = ({ kind, victim }: { kind: string; victim: string }) => `${kind} ${victim}`;

test('30 rounds of any seed see every victim with each of its faults', () => {
  for (let seed = 0; seed < 200; seed += 1) {
    const dealt = new Set(planRounds(seed, 30).flatMap(({ faults }) => faults.map(name)));
    expect(dealt).toEqual(new Set(cards.map(name)));
  }
});

test('a run about some victims deals their cards alone, every one of them', () => {
  const faults = planRounds(7, 30, ['cdc', 'postgres']).flatMap((round) => round.faults);
  const wanted = cards.filter(({ victim }) => victim === 'cdc' || victim === 'postgres');
  expect(new Set(faults.map(name))).toEqual(new Set(wanted.map(name)));
});

test('a round is the same in a longer run, so that it can be replayed alone', () => {
  expect(planRounds(7, 60).slice(0, 30)).toEqual(planRounds(7, 30));
});

test('seeds differ, and so do the moments', () => {
  expect(planRounds(1, 30)).not.toEqual(planRounds(2, 30));
  const moments = planRounds(1, 30).flatMap(({ faults }) => faults.map(({ afterMs }) => afterMs));
  expect(new Set(moments).size).toBeGreaterThan(30);
});

test('the limit fits every stock', () => {
  for (const { storm } of planRounds(3, 300)) expect(storm.limitPerUser).toBeLessThanOrEqual(storm.units);
});

test('a fault in the middle of a chunk meets a burst and a slow drain, and lost timers meet orders that expire', () => {
  for (const { faults, storm, isLife } of planRounds(5, 120)) {
    if (faults.some(meetsChunk)) {
      expect(storm.drainPerSecond).toBeLessThanOrEqual(100);
      expect(storm.tickets * (storm.peakShare ?? 0)).toBeGreaterThan(300);
    }
    if (faults.some(({ kind }) => kind === 'lose-timers')) expect(isLife).toBe(true);
  }
});
