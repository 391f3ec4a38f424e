import { type Scenario, seconds } from './plan.ts';

/** Requests of one visit: page, two assets, the sale. */
export const requestsOfVisit = 4;

/** Constant load: half of the requests are visits, half purchases, each with a ticket of its own. */
export function soakScenarios({ rate, durationSeconds }: { rate: number; durationSeconds: number }): {
  shoppers: number;
  scenarios: Record<'visitors' | 'buyers', Scenario>;
} {
  const buyersRate = Math.max(1, Math.floor(rate / 2));
  const visitsRate = Math.max(1, Math.floor(rate / 2 / requestsOfVisit));
  const common = { executor: 'constant-arrival-rate', timeUnit: '1s', duration: seconds(durationSeconds) } as const;
  const vus = (perSecond: number) => ({
    preAllocatedVUs: Math.max(10, Math.min(400, perSecond)),
    maxVUs: Math.max(20, Math.min(1000, perSecond * 3)),
  });
  return {
    shoppers: Math.ceil(buyersRate * durationSeconds) + 1,
    scenarios: {
      visitors: { ...common, exec: 'visitor', rate: visitsRate, ...vus(visitsRate) },
      buyers: { ...common, exec: 'buyer', rate: buyersRate, ...vus(buyersRate) },
    },
  };
}
