import { saleFileSchema } from '#contract/sale.ts';
import { poll } from '#lab/poll.ts';
import { changeDrainSettings } from '#order-worker/drain/settings.ts';
import { edgesInStep } from '#sales/edges.ts';
import { changeSaleState, preloadSale } from '#sales/sale-state.ts';
import { type Connections, openConnections } from '../cli/kit/connections.ts';
import { signalProcess } from '../stack/host/life.ts';
import { edgeIsInStep, isBalanced, isCopied, isHealthy, isStored, lateProblems, noting, sellsOn } from './checks.ts';
import { unleash } from './faults.ts';
import type { Field } from './field.ts';
import { createLifeTracker } from './life-tracker.ts';
import type { RoundPlan } from './plan.ts';
import { behave, isAtRest, misbehave, unitPrice } from './settlement.ts';
import { createCrowd } from './storm.ts';
import { createTracker, type Tracker } from './tracker.ts';

const shownProblems = 8;

export type RoundResult = {
  saleId: string;
  problems: string[];
  /** What the faults that were to meet a chunk have met. */
  met: string[];
  counts: ReturnType<Tracker['counts']> & { left: number; bought: number };
  tookMs: number;
  /** From the end of the storm and its faults to a stack that is well. */
  recoveredMs: number;
};

/** A fresh sale under a storm, the faults of the plan, and everything that must hold afterwards. */
export async function playRound(field: Field, plan: RoundPlan): Promise<RoundResult> {
  const begun = performance.now();
  const { stack } = field;
  const saleId = `chaos-${plan.round}-${crypto.randomUUID().slice(0, 8)}`;
  const tracker = createTracker({ unitsComeBack: plan.isLife });
  const lives = plan.isLife ? createLifeTracker() : null;
  const crowd = createCrowd({ stack, saleId, tracker, seed: plan.seed, lives });
  const connections = await openConnections(stack.environment);
  const problems: string[] = [];
  const met: string[] = [];
  let left = 0;
  let recoveredMs = 0;
  const check = noting(problems);

  async function weather(): Promise<void> {
    if (lives !== null) await check(() => misbehave(stack, plan.seed));
    field.note('storm begins');
    const breaking = async () => met.push(...(await unleash(field, plan.faults)));
    await Promise.all([check(() => crowd.storm(plan.storm)), check(breaking)]);
    field.note('storm is over');
    if (lives !== null) await check(() => behave(stack));
    const overAt = performance.now();
    await check(() => isHealthy(stack));
    recoveredMs = performance.now() - overAt;
  }

  async function judge(): Promise<void> {
    left = tracker.open().length;
    await check(crowd.resolve);
    await check(() => sellsOn(connections, crowd, saleId));
    await check(() => isStored(connections, saleId));
    field.note('stored');
    await check(async () => {
      const rows = await poll('the rows of the sale', () => connections.store.ofSale(saleId));
      const found = tracker.problems(rows, plan.storm);
      problems.push(...found.slice(0, shownProblems));
      if (found.length > shownProblems) problems.push(`… and ${found.length - shownProblems} more of that kind`);
    });
    if (lives !== null) await check(() => isAtRest(field, connections, lives, saleId));
    await check(() => isBalanced(stack, saleId));
    await check(() => isCopied(stack, connections, field.note));
    await check(() => edgeIsInStep(connections, crowd, saleId));
  }

  try {
    field.note(`round ${plan.round}: sale ${saleId}`);
    if (await check(() => openSale(connections, saleId, plan))) {
      await weather();
      await judge();
    }
    problems.push(...unexplainedDeaths(field, plan));
  } finally {
    await crowd.close();
    await connections.close();
  }
  field.note(problems.length === 0 ? 'the round holds' : `PROBLEMS:\n  ${problems.join('\n  ')}`);
  const counts = { ...tracker.counts(), left, bought: tracker.bought().length };
  return { saleId, problems, met, counts, tookMs: performance.now() - begun, recoveredMs };
}

/** What ops do by the CLI, in this process: a round should not spend its time on starting commands. */
export async function openSale(
  connections: Connections,
  saleId: string,
  { storm, isLife }: Pick<RoundPlan, 'storm' | 'isLife'>,
): Promise<void> {
  const { catalogue, zookeeper } = connections;
  const file = saleFileSchema.parse({
    saleId,
    title: 'A phone in a storm',
    price: { amount: unitPrice, currency: 'CNY' },
    units: storm.units,
    limitPerUser: storm.limitPerUser,
    opensAt: new Date(Date.now() - 60_000).toISOString(),
    closesAt: new Date(Date.now() + 3_600_000).toISOString(),
    // Where orders have no life, no unit comes back within a round: the tracker counts on it.
    payWithinSeconds: isLife ? 10 : 86_400,
  });
  await poll('a connection to ZooKeeper', () => (zookeeper.ready() === null ? true : null));
  // Each step may be done twice: what broke the first time is no matter of the round.
  const sale = await poll('the sale to be in the catalogue', async () => {
    await catalogue.create(file);
    return catalogue.find(saleId);
  });
  const drain = { ratePerSecond: storm.drainPerSecond, paused: false };
  await poll('the drain to be set', () => changeDrainSettings(zookeeper, drain));
  await poll('the stock to be loaded', async () => {
    const { kind } = await preloadSale(connections, sale, storm.units);
    return kind === 'done' ? true : null;
  });
  const epoch = await poll('the sale to open', async () => {
    const { outcome } = await changeSaleState(connections, saleId, 'open');
    if (outcome.kind === 'done' || outcome.kind === 'already') return outcome.epoch;
    throw new Error(JSON.stringify(outcome));
  });
  // After a session that expired, the edge's node in ZooKeeper is a second or two on its way back.
  await poll('the edge to know the sale', async () => {
    const { behind, inStep } = await edgesInStep(zookeeper, saleId, epoch);
    return behind.length === 0 && inStep.length > 0 ? true : null;
  });
}

/** A process that ends although nobody killed it is broken, however soon the supervisor starts the next. */
function unexplainedDeaths(field: Field, { faults }: RoundPlan): string[] {
  const killed = faults.filter(({ kind }) => kind === 'kill' || kind === 'disk-full').map(({ process }) => process);
  return field
    .deaths()
    .filter(({ name }) => !killed.includes(name))
    .map(({ how }) => `nobody killed it: ${how}`);
}

/**
 * The books of sales of earlier rounds, after stock Redis and PostgreSQL were killed once more: nothing that came late
 * may have changed them, and what lies on disk must be what was in memory.
 */
export async function recheck(field: Field, saleIds: readonly string[]): Promise<string[]> {
  await Promise.all(['stock-redis', 'postgres'].map((name) => replace(field, name)));
  await isHealthy(field.stack);
  return lateProblems(field.stack, saleIds);
}

/** Kills a process and waits for its successor. */
async function replace(field: Field, name: string): Promise<void> {
  const before = await poll(`${name} to run`, () => field.pidOf(name));
  signalProcess(before, 'SIGKILL');
  await poll(`a new ${name}`, () => {
    const now = field.pidOf(name);
    return now === null || now === before ? null : true;
  });
}
