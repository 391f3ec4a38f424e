import type { Scenario } from './plan.ts';

/**
 * Requests of one iteration that the edge counts by the address they come from. Pages and sale data are none. A buyer may
 * press twice and watch the order; `oneAddress` of the bots is there to be refused.
 */
const counted: Record<string, number> = { visitor: 0, asker: 2, buyer: 1.3, shopper: 3.1 };

type Scenarios = Readonly<Record<string, Scenario>>;

const inSeconds = (duration: string) => Number.parseInt(duration, 10) / 1000;

/** Iterations a second of a scenario, `at` seconds after the start; a step counts as what comes after it. */
export function rateAt(scenario: Scenario, at: number): number {
  let left = at - inSeconds(scenario.startTime ?? '0ms');
  if (left < 0 || scenario.executor === 'constant-vus') return 0;
  if (scenario.executor === 'constant-arrival-rate') return left < inSeconds(scenario.duration) ? scenario.rate : 0;
  let rate = scenario.startRate;
  for (const { duration, target } of scenario.stages) {
    const length = inSeconds(duration);
    if (left < length) return rate + ((target - rate) * left) / length;
    left -= length;
    rate = target;
  }
  return 0;
}

/** The most requests a second of a plan that an edge counts by their address, in the fullest moment. */
export const maxCountedASecond = (scenarios: Scenarios): number => most(scenarios, (exec) => counted[exec] ?? 1);

/** The same of one virtual user, where work is spread evenly over those of its scenario. */
export const maxOfOneUser = (scenarios: Scenarios): number =>
  Object.values(scenarios).reduce((found, each) => {
    const users = 'vus' in each ? each.vus : each.preAllocatedVUs;
    return Math.max(found, maxCountedASecond({ each }) / users);
  }, 0);

/** The most shoppers a second who ask for a ticket. */
export const maxAskersASecond = (scenarios: Scenarios): number =>
  most(scenarios, (exec) => (exec === 'asker' || exec === 'shopper' ? 1 : 0));

function most(scenarios: Scenarios, weightOf: (exec: string) => number): number {
  const all = Object.values(scenarios);
  const turns = all.flatMap((scenario) => {
    let at = inSeconds(scenario.startTime ?? '0ms');
    const stages = scenario.executor === 'ramping-arrival-rate' ? scenario.stages : [];
    const ends = stages.map(({ duration }) => {
      at += inSeconds(duration);
      return at;
    });
    return [inSeconds(scenario.startTime ?? '0ms'), ...ends];
  });
  // Rates are straight lines between the turns: the most stands at one of them, before the step or after it.
  const sums = turns
    .flatMap((turn) => [turn, turn - 0.001])
    .map((at) => all.reduce((sum, scenario) => sum + rateAt(scenario, at) * weightOf(scenario.exec), 0));
  return Math.max(0, ...sums);
}

/** Virtual users that a plan may have at a time. */
export const maxVirtualUsers = (scenarios: Scenarios): number =>
  Object.values(scenarios).reduce((sum, each) => sum + ('vus' in each ? each.vus : each.maxVUs), 0);
