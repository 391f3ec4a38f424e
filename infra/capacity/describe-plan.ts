import { counted } from '#runtime/counted.ts';
import { table } from '../text/table.ts';
import { type Costs, replicatedStock, sourcesOf } from './costs.ts';
import type { Plan } from './plan.ts';

const whole = (value: number) => Math.ceil(value).toLocaleString('en');
const many = (value: number, noun: string) => counted(value, noun, undefined, whole(value));
const round = (value: number) => (value < 10 ? value.toFixed(1) : whole(value));

const challenges: Record<Plan['crowd']['challenge'], string> = {
  sum: 'a sum',
  quiz: 'a quiz of the sale',
  pow: 'proof of work',
  none: 'no challenge',
};
const named = ({ signIn, challenge }: Plan['crowd']) =>
  `${signIn === 'demo' ? 'the demo sign-in' : signIn} and ${challenges[challenge]}`;

const few = (cores: number) => (cores < 1 ? cores.toFixed(2) : round(cores));

/** The plan for people: what is needed, what gives first, and where each figure comes from. */
export function describePlan(plan: Plan, costs: Costs, width: number | null): string {
  const { crowd, parts, givesFirst, memory, bandwidth, beforePress } = plan;
  const rows = parts.map(({ name, count, needed, capacity, unit, share, why }) => [
    name,
    count,
    whole(needed),
    whole(capacity),
    unit,
    `${Math.round(share * 100)} %`,
    why,
  ]);
  const edges = Math.max(...parts.filter(({ name }) => name.startsWith('edge')).map(({ count }) => count));
  const sources = [...sourcesOf(costs), ...(crowd.isReplicated ? [replicatedStock.from] : [])];
  return [
    `${many(crowd.shoppers, 'shopper')}, ${many(crowd.units, 'unit')}, open in ${whole(crowd.openInSeconds)} s`,
    ...(beforePress === null
      ? []
      : [
          `before it       ${whole(crowd.shoppers / crowd.openInSeconds)} shoppers/s, by ${named(crowd)}: each costs nginx ${whole(beforePress.nginx.micros)} µs and the gateway ${whole(beforePress.gateway.micros)} µs, which keeps ${few(beforePress.nginx.cores + beforePress.gateway.cores)} cores busy`,
        ]),
    `at the opening  ${whole(plan.requestsPerSecond)} requests/s for ${whole(crowd.withinSeconds)} s; ${whole(plan.acceptedPerSecond)} purchases/s go on; sold out after ${round(plan.soldOutAfterSeconds)} s`,
    '',
    table(['part', 'count', 'needed', 'at most', 'unit', 'used', 'why'], rows, width),
    '',
    `edges           ${edges}, of ${counted(crowd.workersPerEdge, 'worker')} each: the most that one of the lines asks for`,
    `gives first     ${givesFirst.name}, at ${whole(givesFirst.capacity)} ${givesFirst.unit}${givesFirst.canGrow ? '' : ': more of them do not help one sale'}`,
    ...parts
      .filter(({ share }) => share > 1)
      .map(({ name }) => `too much for ${name}: give it more time (--store-within, --within), or spread the sale`),
    `memory          stock Redis ${round(memory.stockRedisMb)} MB of orders${crowd.isReplicated ? ', each replica as much' : ''}; ${memory.edgeSharedMb} MB shared by the workers of each edge`,
    ...(bandwidth === null
      ? []
      : [
          `bandwidth       ${round(bandwidth.beforeMbitPerSecond)} Mbit/s of pages before the opening without a CDN; ${round(bandwidth.openingMbitPerSecond)} Mbit/s of refusals at it`,
        ]),
    `not measured    ${plan.notMeasured.join('; ')}`,
    '',
    `Extrapolated from single costs, measured in loadtest/results:`,
    ...sources.map((source) => `  ${source}`),
    'Measure on the machines that will serve, and rehearse, before you trust it.',
  ].join('\n');
}
