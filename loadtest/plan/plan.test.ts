import { expect, test } from 'vitest';
import { peakScenarios } from './peak.ts';
import { arrivalsOf, type Scenario } from './plan.ts';
import { soakScenarios } from './soak.ts';

function arrivals(scenario: Scenario): number {
  if (scenario.executor !== 'ramping-arrival-rate') throw new Error('another executor');
  return arrivalsOf(scenario.startRate, scenario.stages);
}

test.each([
  { shoppers: 200_000, spike: 2000, durationSeconds: 300 },
  { shoppers: 10_000, spike: 500, durationSeconds: 40 },
  { shoppers: 1000, spike: 20_000, durationSeconds: 60 },
])('every shopper visits once and presses buy once: $shoppers at $spike a second in $durationSeconds s', (asked) => {
  const { visitors, buyers } = peakScenarios(asked).scenarios;
  expect(Math.abs(arrivals(visitors) / asked.shoppers - 1)).toBeLessThan(0.05);
  expect(Math.abs(arrivals(buyers) / asked.shoppers - 1)).toBeLessThan(0.05);
});

test('the wall of buyers stands where the sale opens, and nothing goes on after the end', () => {
  const { opensAfterSeconds, scenarios } = peakScenarios({ shoppers: 50_000, spike: 1000, durationSeconds: 200 });
  const { buyers } = scenarios;
  expect(opensAfterSeconds).toBe(50);
  expect(buyers.startTime).toBe('49000ms');
  if (buyers.executor !== 'ramping-arrival-rate') throw new Error('another executor');
  expect(buyers.startRate).toBe(1000);
  const ms = buyers.stages.reduce((sum, { duration }) => sum + Number.parseInt(duration, 10), 0);
  expect(49_000 + ms).toBeLessThanOrEqual(200_000);
});

test('one shopper is a plan, too', () => {
  const { visitors, buyers } = peakScenarios({ shoppers: 1, spike: 1, durationSeconds: 20 }).scenarios;
  expect(arrivals(buyers)).toBeGreaterThan(0);
  expect(arrivals(visitors)).toBeGreaterThan(0);
});

test('soak has a ticket for each of its buyers', () => {
  const { shoppers, scenarios } = soakScenarios({ rate: 200, durationSeconds: 600 });
  expect(scenarios.buyers).toMatchObject({ rate: 100, duration: '600000ms' });
  expect(shoppers).toBeGreaterThanOrEqual(60_000);
});
