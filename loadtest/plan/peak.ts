import { type Scenario, type Stage, seconds } from './plan.ts';

export type PeakParameters = {
  /** Each has a ticket, visits once and presses buy. */
  shoppers: number;
  /** Buyers a second in the opening second and while the spike lasts. */
  spike: number;
  durationSeconds: number;
};

/** Shoppers press so long before the opening: the first are told to wait, and press again. */
const earlySeconds = 1;
const spikeSeconds = 3;

/** Of the duration: until the sale opens. */
const beforeOpening = 0.25;

/**
 * A sale's opening. Visits grow until the opening, stay high for a moment and fade. Buyers come in a wall in the opening
 * second, then ever fewer. The areas under the two lines are `shoppers` each.
 */
export function peakScenarios({ shoppers, spike, durationSeconds }: PeakParameters): {
  opensAfterSeconds: number;
  scenarios: Record<'visitors' | 'buyers', Scenario>;
} {
  const opensAfterSeconds = durationSeconds * beforeOpening;
  return {
    opensAfterSeconds,
    scenarios: {
      visitors: visitors(shoppers, durationSeconds, opensAfterSeconds),
      buyers: buyers(shoppers, spike, durationSeconds - opensAfterSeconds, opensAfterSeconds),
    },
  };
}

/** Up in a line, level until 10 % after the opening, down to half, level: the height follows from the area. */
function visitors(shoppers: number, duration: number, opensAfter: number): Scenario {
  const level = duration * 0.1;
  const fall = duration * 0.15;
  const rest = duration - opensAfter - level - fall;
  const low = 0.5;
  const areaOfHeightOne = opensAfter / 2 + level + (fall * (1 + low)) / 2 + rest * low;
  const height = Math.max(1, Math.round(shoppers / areaOfHeightOne));
  const stages: Stage[] = [
    { duration: seconds(opensAfter), target: height },
    { duration: seconds(level), target: height },
    { duration: seconds(fall), target: Math.round(height * low) },
    { duration: seconds(rest), target: Math.round(height * low) },
  ];
  return {
    executor: 'ramping-arrival-rate',
    exec: 'visitor',
    startRate: 0,
    timeUnit: '1s',
    stages,
    // A visit is over in milliseconds; more of these only wait for the processor.
    preAllocatedVUs: clamp(height / 10, 20, 200),
    maxVUs: clamp(height / 4, 40, 400),
    gracefulStop: '10s',
  };
}

/** The wall takes `spike` a second; whoever is left comes in a line that falls to nothing at the end. */
function buyers(shoppers: number, spike: number, remaining: number, opensAfter: number): Scenario {
  const wall = Math.min(spikeSeconds + earlySeconds, shoppers / spike);
  const left = Math.max(0, shoppers - wall * spike);
  const tail = Math.max(1, remaining + earlySeconds - wall - 1);
  const tailStart = Math.round((2 * left) / tail);
  const stages: Stage[] = [
    { duration: seconds(0), target: spike },
    { duration: seconds(wall), target: spike },
    { duration: seconds(0), target: tailStart },
    { duration: seconds(tail), target: 0 },
  ];
  return {
    executor: 'ramping-arrival-rate',
    exec: 'buyer',
    startTime: seconds(Math.max(0, opensAfter - earlySeconds)),
    startRate: spike,
    timeUnit: '1s',
    stages,
    // A buyer may wait seconds between two presses, or watch an order: each of them holds a virtual user.
    preAllocatedVUs: clamp(Math.max(spike, tailStart) * 0.6, 20, 1500),
    maxVUs: clamp(Math.max(spike, tailStart) * 1.5, 50, 3000),
    gracefulStop: '10s',
  };
}

const clamp = (value: number, least: number, most: number) => Math.round(Math.min(most, Math.max(least, value)));
