import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'ioredis';
import { readOutboxFields } from '#contract/outbox.ts';
import { saleKeys } from '#contract/redis-keys.ts';
import { createStock } from '#stock/create-stock.ts';
import { replies } from '#stock/replies.ts';
import type { Stock } from '#stock/stock.ts';
import { createRandom } from '../random.ts';
import {
  brokenInvariants,
  createModel,
  describeSteps,
  type Model,
  type Outcome,
  randomSteps,
  type Snapshot,
  type Step,
  shrink,
  type Window,
  waiting,
} from './stock-model.ts';

/** A connection to stock Redis, and the stock as its scripts are over it. */
export type Link = { redis: Redis; stock: Stock };
export type Failure = { seed: number; steps: Step[]; difference: string };

const stepsPerSequence = 30;
const hourMs = 3_600_000;

/**
 * A connection that keeps the order of what is written to it: steps are sent ahead, without waiting for replies. `mutate`
 * changes a script on its way to Redis.
 */
export async function connectStock(
  url: string,
  mutate: (script: string, lua: string) => string = (_script, lua) => lua,
): Promise<Link> {
  class ScriptRedis extends Redis {
    override defineCommand(name: string, definition: { lua: string; numberOfKeys?: number; readOnly?: boolean }): void {
      super.defineCommand(name, { ...definition, lua: mutate(name.replace('seckill_', ''), definition.lua) });
    }
  }
  const redis = new ScriptRedis(url, { replyMapping: 'legacy' });
  const stock = createStock(redis);
  await redis.ping();
  return { redis, stock };
}

// Names with everything in them that separates something somewhere.
const userNames = ['{u}:0', 'h:1:2:3:李', `a b\n"'${'x'.repeat(300)}`, '\0%d{}::'];
const userNumber = (name: string) => userNames.indexOf(name);
const orderId = (saleId: string, order: number) => `${saleId}-${String(order).padStart(26, '0')}`;
const orderNumber = (id: string) => Number(id.slice(-26));

function call(stock: Stock, saleId: string, step: Step): Promise<Outcome> {
  const id = (order: number) => orderId(saleId, order);
  const user = (number: number) => userNames[number] ?? '';
  switch (step.do) {
    case 'preload': {
      const opensAtMs = Date.now() + (step.window === 'ahead' ? hourMs : -2 * hourMs);
      const closesAtMs = Date.now() + (step.window === 'over' ? -hourMs : 2 * hourMs);
      const { total, limit, lowestEpoch } = step;
      return stock.preload(saleId, { total, opensAtMs, closesAtMs, limitPerUser: limit, lowestEpoch });
    }
    case 'reserve':
      return stock
        .reserve(saleId, { orderId: id(step.order), userId: user(step.user), quantity: step.units })
        .then((outcome) => {
          if (outcome.kind !== 'not_open' || outcome.opensInMs === null) return outcome;
          const isRight = outcome.opensInMs > 0.9 * hourMs && outcome.opensInMs <= hourMs;
          return { kind: 'not_open', opensInMs: isRight ? waiting : outcome.opensInMs };
        });
    case 'commit':
      return stock.commit(saleId, step.orders.map(id));
    case 'release':
      return stock.release(saleId, id(step.order), step.where);
    case 'set-state':
      return stock.setState(saleId, step.action, step.openNow);
    case 'pause-for-fault':
      return stock.pauseForFault(saleId, 'the books differ', step.lowestEpoch);
    case 'mend':
      return stock.mend(saleId);
    case 'recount':
      return stock.recount(saleId, 'mend');
    case 'restore': {
      const { units, place, state } = step;
      const order = { orderId: id(step.order), userId: user(step.user), units, place, state, acceptedAt: Date.now() };
      return stock.restore(saleId, order);
    }
  }
}

/** All that Redis holds of the sale. No other client touches it, so three reads in a row are one instant. */
async function read({ redis, stock }: Link, saleId: string): Promise<Snapshot> {
  const [cut, buyers, outbox] = await Promise.all([
    stock.cut(saleId),
    redis.hgetall(saleKeys(saleId).buyers),
    redis.xrange(saleKeys(saleId).outbox, '-', '+'),
  ]);
  const nowMs = Date.now();
  const windowOf = (opensAtMs: number, closesAtMs: number): Window => {
    if (closesAtMs < nowMs) return 'over';
    return opensAtMs > nowMs + hourMs / 2 ? 'ahead' : 'now';
  };
  let sale: Snapshot['sale'] = null;
  if (cut !== null) {
    const { opensAtMs, closesAtMs, limitPerUser, fault, ...numbers } = cut.sale;
    sale = { ...numbers, window: windowOf(opensAtMs, closesAtMs), limit: limitPerUser, isFaulty: fault !== null };
  }
  const orders = [...(cut?.reservations ?? [])].map(([id, { state, units, place, userId }]) => ({
    order: orderNumber(id),
    state,
    units,
    place,
    user: userNumber(userId),
  }));
  return {
    sale,
    orders: orders.sort((a, b) => a.order - b.order),
    buyers: Object.entries(buyers)
      .map(([name, units]) => ({ user: userNumber(name), units: Number(units) }))
      .sort((a, b) => a.user - b.user),
    outbox: outbox.map(([, fields]) => {
      const { orderId, userId, quantity: units, place } = readOutboxFields(fields);
      return { order: orderNumber(orderId), user: userNumber(userId), units, place };
    }),
  };
}

/** The replies of a step, as `<script>: <reply>`. */
function repliesOf(step: Step, outcome: Outcome): string[] {
  const script = step.do === 'mend' || step.do === 'pause-for-fault' ? 'set-state' : step.do;
  const all = Array.isArray(outcome) ? outcome : [outcome];
  return all.map((each) => `${script}: ${typeof each === 'string' ? each : each.kind}`);
}

/**
 * Runs a sequence on a new sale, sent ahead as a whole; returns the first difference in words, null when none. `met`
 * collects every reply that came, as `<script>: <reply>`.
 */
export async function runSequence(
  link: Link,
  steps: readonly Step[],
  model: Model = createModel(),
  met: Set<string> = new Set(),
): Promise<string | null> {
  const saleId = `simulated-${crypto.randomUUID()}`;
  // A lost answer: the call is made and its reply is not looked at; then the same call again.
  const calls = steps.flatMap((step, index) =>
    step.isLost
      ? [
          { step, index, isHeard: false },
          { step, index, isHeard: true },
        ]
      : [{ step, index, isHeard: true }],
  );
  // All that is written in this turn of the event loop goes as one.
  link.redis.stream.cork();
  const sent = calls.map(({ step }) => Promise.all([call(link.stock, saleId, step), read(link, saleId)]));
  link.redis.stream.uncork();
  const answers = await Promise.allSettled(sent);

  const restored = new Set<number>();
  let before = createModel().snapshot();
  for (const [place, { step, index, isHeard }] of calls.entries()) {
    const answer = answers[place];
    const at = `step ${index + 1} (${step.do})`;
    if (answer?.status !== 'fulfilled') return `${at}: ${String(answer?.reason)}`;
    const [outcome, after] = answer.value;
    for (const reply of repliesOf(step, outcome)) met.add(reply);
    if (step.do === 'restore' && outcome === 'restored') restored.add(step.order);
    const expected = model.apply(step);
    if (isHeard && !isDeepStrictEqual(outcome, expected)) {
      return `${at}: answered ${JSON.stringify(outcome)}, the model says ${JSON.stringify(expected)}`;
    }
    const broken = brokenInvariants({ before, step, outcome, after }, restored);
    if (broken.length > 0) return `${at}: broken: ${broken.join('; ')}\nin ${JSON.stringify(after)}`;
    const meant = model.snapshot();
    if (!isDeepStrictEqual(after, meant)) {
      return `${at}: Redis holds\n${JSON.stringify(after)}\nthe model\n${JSON.stringify(meant)}`;
    }
    before = after;
  }
  return null;
}

const firstAtOnce = 10;
const maxAtOnce = 25;

/**
 * Runs the sequences of `seeds`, many sales at a time: few at first, for a mistake shows itself soon. Returns the first
 * failure in the order of the seeds, shrunk.
 */
export async function firstFailure(
  link: Link,
  seeds: readonly number[],
  { newModel = () => createModel(), met = new Set<string>() } = {},
): Promise<Failure | null> {
  const differs = (steps: readonly Step[]) => runSequence(link, steps, newModel(), met);
  // Loads the scripts first: the first call of each may be sent twice, which would end the order of what is sent ahead.
  await warmUp(link);
  for (let start = 0, count = firstAtOnce; start < seeds.length; start += count, count = maxAtOnce) {
    const runs = seeds.slice(start, start + count).map(async (seed) => {
      const steps = randomSteps(createRandom(seed), stepsPerSequence);
      return { seed, steps, difference: await differs(steps) };
    });
    const failed = (await Promise.all(runs)).find(({ difference }) => difference !== null);
    if (failed !== undefined) {
      const steps = await shrink(failed.steps, async (fewer) => (await differs(fewer)) !== null);
      return { seed: failed.seed, steps, difference: (await differs(steps)) ?? 'not seen again' };
    }
    await link.redis.flushall();
  }
  return null;
}

async function warmUp({ stock }: Link): Promise<void> {
  const nobody = { orderId: 'warm-up', userId: 'u', units: 1, place: 1, state: 'held', acceptedAt: 0 } as const;
  await stock.reserve('warm-up', { orderId: 'warm-up', userId: 'u', quantity: 1 });
  await stock.commit('warm-up', ['warm-up']);
  await stock.release('warm-up', 'warm-up');
  await stock.setState('warm-up', 'open');
  await stock.cut('warm-up');
  await stock.recount('warm-up', 'look');
  await stock.restore('warm-up', nobody);
  await stock.preload('warm-up', { total: 1, opensAtMs: 0, closesAtMs: 0, limitPerUser: 1, lowestEpoch: 0 });
}

/** A failure in words, with its steps and how to see it again; empty when there is none. */
export function report(failure: Failure | null): string {
  if (failure === null) return '';
  const { seed, steps, difference } = failure;
  return `${difference}\n\n${describeSteps(steps)}\n\nSIMULATION_SEED=${seed} replays the whole sequence`;
}

/** What random sequences meet sooner or later, as `<script>: <reply>`, sorted. */
export function foreseenReplies(): string[] {
  // Those that change stock: `show` keeps a picture of rows.
  const changing = Object.entries(replies).filter(([script]) => !script.startsWith('read-') && script !== 'show');
  // No script leaves such a sale behind; no step has a deadline (stock.int.test.ts asks what comes too late).
  const unmet = new Set(['recount: oversold', 'reserve: late']);
  return changing
    .flatMap(([script, names]) => Object.keys(names).map((name) => `${script}: ${name.toLowerCase()}`))
    .filter((reply) => !unmet.has(reply))
    .sort();
}

/** The seeds of a run: the one of SIMULATION_SEED, else `count` from a random one on. */
export function seedsOfRun(count: number): number[] {
  const replayed = process.env.SIMULATION_SEED;
  return replayed === undefined ? consecutive(Math.floor(Math.random() * 1e9), count) : [Number(replayed)];
}

export const consecutive = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);
