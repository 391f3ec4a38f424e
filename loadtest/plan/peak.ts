import { type Scenario, type Stage, seconds } from './plan.ts';

export type PeakParameters = {
  /** Each visits once, gets a ticket and presses buy. */
  shoppers: number;
  /** Buyers a second in the opening second and while the spike lasts. */
  spike: number;
  durationSeconds: number;
  /** Whether the shoppers get their tickets through the edge. */
  getsTickets: boolean;
};

/** Shoppers press so long before the opening: the first are told to wait, and press again. */
const earlySeconds = 1;
const spikeSeconds = 3;

/** Of the duration: until the sale opens. */
const beforeOpening = 0.25;

/** No ticket is asked for earlier: the page waits as long (gateway/pages/browser/sale-timing.ts), and a ticket has to outlive it. */
const prepareSeconds = 240;
/** Between a late shopper's ticket and press, at most: with the wait above it stays within a ticket's five minutes. */
const longestLeadSeconds = 200;

export type PeakScenarios = {
  opensAfterSeconds: number;
  /** When the first ticket is asked for, and when the first buyer presses. */
  ticketsFromSeconds: number;
  pressFromSeconds: number;
  scenarios: { visitors: Scenario; buyers: Scenario; tickets?: Scenario };
};

/**
 * A sale's opening. Visits grow until the opening, stay high for a moment and fade. Tickets are asked for at a level rate
 * before the opening, by the late ones after it. Buyers come in a wall in the opening second, then ever fewer. The areas
 * under the lines are `shoppers` each.
 */
export function peakScenarios(parameters: PeakParameters): PeakScenarios {
  const { shoppers, spike, durationSeconds, getsTickets } = parameters;
  const opensAfterSeconds = durationSeconds * beforeOpening;
  const pressFromSeconds = Math.max(0, opensAfterSeconds - earlySeconds);
  const wave = waveOf(shoppers, spike, durationSeconds - opensAfterSeconds);
  // The phase before the opening ends a second before the first press.
  const level = Math.min(prepareSeconds, Math.max(1, pressFromSeconds - 1));
  const ticketsFromSeconds = Math.max(0, pressFromSeconds - 1 - level);
  return {
    opensAfterSeconds,
    ticketsFromSeconds,
    pressFromSeconds,
    scenarios: {
      visitors: visitors(shoppers, durationSeconds, opensAfterSeconds),
      ...(getsTickets ? { tickets: tickets(shoppers, wave, level, ticketsFromSeconds) } : {}),
      buyers: buyers(spike, wave, pressFromSeconds),
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

/** How the buyers come: seconds of the wall, how many are left then, and over how many seconds those come, ever fewer. */
type Wave = { wallShare: number; wall: number; left: number; tail: number };

function waveOf(shoppers: number, spike: number, remaining: number): Wave {
  const wall = Math.min(spikeSeconds + earlySeconds, shoppers / spike);
  const left = Math.max(0, shoppers - wall * spike);
  const tail = Math.max(1, remaining + earlySeconds - wall - 1);
  return { wallShare: 1 - left / shoppers, wall, left, tail };
}

/**
 * Who presses in the wall, or within `lead` after it, has the ticket before the opening; each of the others gets it `lead`
 * before the press. So no press waits for a ticket, however many there are.
 */
function tickets(shoppers: number, { wallShare, left, tail }: Wave, level: number, from: number): Scenario {
  const lead = Math.min(longestLeadSeconds, tail / 4);
  const later = (1 - lead / tail) ** 2;
  const height = Math.ceil((shoppers * (wallShare + (1 - wallShare) * (1 - later))) / level);
  const after = Math.ceil(((2 * left) / tail) * (1 - lead / tail));
  const stages: Stage[] = [
    { duration: seconds(level), target: height },
    ...(after === 0
      ? []
      : [
          { duration: seconds(0), target: after },
          { duration: seconds(tail - lead), target: 0 },
        ]),
  ];
  const most = Math.max(height, after);
  return {
    executor: 'ramping-arrival-rate',
    exec: 'asker',
    startTime: seconds(from),
    startRate: height,
    timeUnit: '1s',
    stages,
    // Two answers are there in milliseconds; who is told to wait holds a virtual user for seconds.
    preAllocatedVUs: clamp(most / 2, 20, 600),
    maxVUs: clamp(most, 50, 1200),
    gracefulStop: '30s',
  };
}

/** The wall takes `spike` a second; the others come in a line that falls to nothing at the end. */
function buyers(spike: number, { wall, left, tail }: Wave, from: number): Scenario {
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
    startTime: seconds(from),
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
