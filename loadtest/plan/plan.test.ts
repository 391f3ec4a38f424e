import { expect, test } from 'vitest';
import { peakScenarios } from './peak.ts';
import { arrivalsOf, type Scenario } from './plan.ts';
import { maxAskersASecond, maxCountedASecond, rateAt } from './requests.ts';
import { soakScenarios } from './soak.ts';

function arrivals(scenario: Scenario): number {
  if (scenario.executor !== 'ramping-arrival-rate') throw new Error('another executor');
  return arrivalsOf(scenario.startRate, scenario.stages);
}

const crowds = [
  { shoppers: 280_000, spike: 1000, durationSeconds: 560 },
  { shoppers: 200_000, spike: 2000, durationSeconds: 1800 },
  { shoppers: 10_000, spike: 500, durationSeconds: 40 },
  { shoppers: 1000, spike: 20_000, durationSeconds: 60 },
  { shoppers: 300, spike: 50, durationSeconds: 20 },
].map((crowd) => ({ ...crowd, getsTickets: true }));

test.each(crowds)(
  'every shopper visits once, gets a ticket and presses buy once: $shoppers at $spike a second in $durationSeconds s',
  (asked) => {
    const { visitors, tickets, buyers } = peakScenarios(asked).scenarios;
    if (tickets === undefined) throw new Error('no tickets');
    expect(Math.abs(arrivals(visitors) / asked.shoppers - 1)).toBeLessThan(0.05);
    expect(Math.abs(arrivals(buyers) / asked.shoppers - 1)).toBeLessThan(0.05);
    // Those above the last shopper do nothing; one below would leave a shopper without a ticket.
    expect(arrivals(tickets)).toBeGreaterThanOrEqual(asked.shoppers);
    expect(arrivals(tickets) / asked.shoppers - 1).toBeLessThan(0.15);
  },
);

test.each(crowds)(
  'a ticket is there before its press, and not older than it lives: $shoppers in $durationSeconds s',
  (asked) => {
    const { tickets, buyers } = peakScenarios(asked).scenarios;
    if (tickets === undefined) throw new Error('no tickets');
    /** When each hundredth shopper comes. */
    const times = (scenario: Scenario): number[] => {
      const found: number[] = [];
      for (let at = 0, sum = 0; at < asked.durationSeconds; at += 0.01) {
        sum += rateAt(scenario, at + 0.005) * 0.01;
        while (found.length < 99 && sum >= ((found.length + 1) / 100) * asked.shoppers) found.push(at);
      }
      return found;
    };
    const pressedAt = times(buyers);
    const waits = times(tickets).flatMap((got, index) => (pressedAt[index] ?? got) - got);
    expect(Math.min(...waits)).toBeGreaterThan(0);
    expect(Math.max(...waits)).toBeLessThan(270);
  },
);

test('tickets that are minted are asked for by none', () => {
  const asked = { shoppers: 1000, spike: 100, durationSeconds: 60, getsTickets: false };
  expect(peakScenarios(asked).scenarios.tickets).toBeUndefined();
  const { scenarios } = soakScenarios({ rate: 200, durationSeconds: 600, getsTickets: false });
  expect(scenarios.shoppers).toMatchObject({ exec: 'buyer', rate: 100 });
});

test('the wall of buyers stands where the sale opens, and nothing goes on after the end', () => {
  const { opensAfterSeconds, ticketsFromSeconds, pressFromSeconds, scenarios } = peakScenarios({
    shoppers: 50_000,
    spike: 1000,
    durationSeconds: 200,
    getsTickets: true,
  });
  const { buyers } = scenarios;
  expect([ticketsFromSeconds, pressFromSeconds, opensAfterSeconds]).toEqual([0, 49, 50]);
  expect(buyers.startTime).toBe('49000ms');
  if (buyers.executor !== 'ramping-arrival-rate') throw new Error('another executor');
  expect(buyers.startRate).toBe(1000);
  const ms = buyers.stages.reduce((sum, { duration }) => sum + Number.parseInt(duration, 10), 0);
  expect(49_000 + ms).toBeLessThanOrEqual(200_000);
});

test('one shopper is a plan, too', () => {
  const { visitors, tickets, buyers } = peakScenarios({
    shoppers: 1,
    spike: 1,
    durationSeconds: 20,
    getsTickets: true,
  }).scenarios;
  expect(arrivals(buyers)).toBeGreaterThan(0);
  expect(arrivals(visitors)).toBeGreaterThan(0);
  expect(tickets && arrivals(tickets)).toBeGreaterThanOrEqual(1);
});

test('the fullest second is known before anything is sent', () => {
  const common = { timeUnit: '1s', preAllocatedVUs: 1, maxVUs: 1 } as const;
  const scenarios: Record<string, Scenario> = {
    visitors: { ...common, executor: 'constant-arrival-rate', exec: 'visitor', rate: 900, duration: '60000ms' },
    tickets: {
      ...common,
      executor: 'ramping-arrival-rate',
      exec: 'asker',
      startTime: '10000ms',
      startRate: 0,
      stages: [
        { duration: '10000ms', target: 100 },
        { duration: '0ms', target: 20 },
        { duration: '10000ms', target: 0 },
      ],
    },
    shoppers: { ...common, executor: 'constant-arrival-rate', exec: 'shopper', rate: 10, duration: '60000ms' },
  };
  expect(maxAskersASecond(scenarios)).toBeCloseTo(110, 0);
  expect(maxCountedASecond(scenarios)).toBeCloseTo(2 * 100 + 3.1 * 10, 0);
});

test('soak has a session for each of its shoppers', () => {
  const { shoppers, scenarios } = soakScenarios({ rate: 200, durationSeconds: 600, getsTickets: true });
  expect(scenarios.shoppers).toMatchObject({ exec: 'shopper', rate: 33, duration: '600000ms' });
  expect(shoppers).toBeGreaterThanOrEqual(33 * 600);
});
