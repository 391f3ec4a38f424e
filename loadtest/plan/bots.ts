import { type Scenario, seconds } from './plan.ts';

/** Each of the tricks beside honest buyers, who must not notice. Rates are iterations a second. */
export function botScenarios({ durationSeconds }: { durationSeconds: number }): {
  shoppers: number;
  scenarios: Record<string, Scenario>;
} {
  const common = { timeUnit: '1s', duration: seconds(durationSeconds), executor: 'constant-arrival-rate' } as const;
  const rates = { honest: 50, forged: 200, replayed: 20, shared: 50 };
  return {
    // Honest buyers, as many users behind the one address, and the bots' own.
    shoppers: 2 * (rates.honest * durationSeconds + 1) + 10,
    scenarios: {
      honest: { ...common, exec: 'honest', rate: rates.honest, preAllocatedVUs: 60, maxVUs: 200 },
      // Tickets that nobody signed, signed by somebody else, of another sale, or past their time.
      forged: { ...common, exec: 'forged', rate: rates.forged, preAllocatedVUs: 20, maxVUs: 100 },
      // One shopper's own ticket, over and over.
      replayed: { ...common, exec: 'replayed', rate: rates.replayed, preAllocatedVUs: 10, maxVUs: 60 },
      // One ticket and one user, on as many addresses as there are virtual users.
      shared: { ...common, exec: 'shared', rate: rates.shared, preAllocatedVUs: 300, maxVUs: 300 },
      // One virtual user has one address: thousands of users behind it, ten at a time.
      oneAddress: { executor: 'constant-vus', exec: 'oneAddress', vus: 1, duration: seconds(durationSeconds) },
    },
  };
}
