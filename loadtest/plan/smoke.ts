import { type Scenario, seconds } from './plan.ts';

/** Two whole walks through the shop a second: every route, from the list of sales to the refund. */
export function smokeScenarios({ durationSeconds }: { durationSeconds: number }): Record<'walks', Scenario> {
  return {
    walks: {
      executor: 'constant-arrival-rate',
      exec: 'walk',
      rate: 2,
      timeUnit: '1s',
      duration: seconds(durationSeconds),
      preAllocatedVUs: 20,
      maxVUs: 60,
      gracefulStop: '20s',
    },
  };
}
