import { type Scenario, seconds } from './plan.ts';

/** Requests of one visit: page, two assets, the sale. */
export const requestsOfVisit = 4;
/** Of a shopper who gets a ticket: challenge, ticket, press. */
export const requestsOfShopper = 3;

/**
 * Constant load: half of the requests are visits, half shoppers', each with a ticket of their own: got on the spot, or made
 * before the run.
 */
export function soakScenarios(parameters: { rate: number; durationSeconds: number; getsTickets: boolean }): {
  shoppers: number;
  scenarios: Record<'visitors' | 'shoppers', Scenario>;
} {
  const { rate, durationSeconds, getsTickets } = parameters;
  const shoppersRate = Math.max(1, Math.floor(rate / 2 / (getsTickets ? requestsOfShopper : 1)));
  const visitsRate = Math.max(1, Math.floor(rate / 2 / requestsOfVisit));
  const common = { executor: 'constant-arrival-rate', timeUnit: '1s', duration: seconds(durationSeconds) } as const;
  const vus = (perSecond: number) => ({
    preAllocatedVUs: Math.max(10, Math.min(400, perSecond)),
    maxVUs: Math.max(20, Math.min(1000, perSecond * 3)),
  });
  return {
    shoppers: Math.ceil(shoppersRate * durationSeconds) + 1,
    scenarios: {
      visitors: { ...common, exec: 'visitor', rate: visitsRate, ...vus(visitsRate) },
      shoppers: { ...common, exec: getsTickets ? 'shopper' : 'buyer', rate: shoppersRate, ...vus(shoppersRate) },
    },
  };
}
