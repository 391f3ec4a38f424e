import { setTimeout as wait } from 'node:timers/promises';
import { poll } from '#lab/poll.ts';
import { openConnections } from '../../cli/kit/connections.ts';
import { edgeIsInStep, isBalanced, isCopied, isStored, lateProblems, noting, sellsOn } from '../checks.ts';
import { openSale } from '../round.ts';
import { createCrowd } from '../storm.ts';
import { createTracker, type Tally, type Tracker } from '../tracker.ts';
import { unleash } from './faults.ts';
import type { HaField } from './field.ts';
import { cardOf, type HaRound, mayReplacePrimary } from './plan.ts';
import { type Silence, silenceAfter } from './silence.ts';

const shownProblems = 8;
/** An answer that was under way when both replicas went may still be told. */
const underWayMs = 1500;

export type HaResult = {
  saleId: string;
  problems: string[];
  counts: ReturnType<Tracker['counts']> & { left: number; bought: number };
  tally: Tally & { falseAlarms: number };
  /** Another server is stock Redis' primary than before the fault. */
  isReplaced: boolean;
  /** What the fault made of the sale; null when shoppers noticed nothing. */
  silence: Silence | null;
  /** The same for rows in PostgreSQL, where that is what the fault stops. */
  rowless: Silence | null;
  tookMs: number;
  /** From the end of the storm and its fault to a topology that is whole. */
  recoveredMs: number;
};

/** A fresh sale under a storm, the fault of the plan, and everything that must hold afterwards. */
export async function playHaRound(field: HaField, plan: HaRound): Promise<HaResult> {
  const begun = performance.now();
  const { stack, servers } = field;
  const { storm, fault } = plan;
  const saleId = `ha-${plan.round}-${crypto.randomUUID().slice(0, 8)}`;
  // A refusal waits for no replica: what a lost primary had granted and told no shopper is free again afterwards.
  const { tracker, ...seen } = watched(createTracker({ unitsComeBack: mayReplacePrimary(fault.kind) }));
  const crowd = createCrowd({ stack, saleId, tracker, seed: plan.seed, lives: null });
  const connections = await openConnections(stack.environment);
  const problems: string[] = [];
  let tally: Tally = { lost: 0, toldTwice: 0 };
  let left = 0;
  let recoveredMs = 0;
  let isReplaced = false;
  let silence: Silence | null = null;
  let rowless: Silence | null = null;
  const check = noting(problems);

  async function weather(): Promise<void> {
    const before = await servers.primary('stock');
    field.note(`storm begins; ${before} is the primary`);
    let faultEndedAt = 0;
    const rows = fault.kind.startsWith('postgres') ? watchRows() : null;
    await Promise.all([
      check(() => crowd.storm(storm)),
      check(() => unleash(field, fault)).then(() => {
        faultEndedAt = performance.now();
      }),
    ]);
    const overAt = performance.now();
    field.note('storm is over');
    // Once it is sold out, no shopper is told yes any more.
    silence = silenceAfter(seen.yesAtMs, field.begunAt(), seen.soldOutAtMs() ?? overAt);
    await check(() => field.whole());
    recoveredMs = performance.now() - overAt;
    rowless = (await rows?.(field.begunAt())) ?? null;
    problems.push(...(await silenceProblems(before, faultEndedAt)));
  }
  /** Looks how the rows of the sale grow, until what it returns is asked what came after the fault. */
  function watchRows(): (faultAtMs: number) => Promise<Silence | null> {
    const grewAtMs: number[] = [];
    let count = 0;
    let isOver = false;
    const watching = (async () => {
      while (!isOver) {
        const { length } = await connections.store.ofSale(saleId).catch(() => []);
        if (length > count) {
          count = length;
          grewAtMs.push(performance.now());
        }
        await wait(100);
      }
    })();
    return async (faultAtMs) => {
      isOver = true;
      await watching;
      return silenceAfter(grewAtMs, faultAtMs, grewAtMs.at(-1) ?? performance.now());
    };
  }

  /** What shoppers must not notice, or must. */
  async function silenceProblems(before: string, faultEndedAt: number): Promise<string[]> {
    const found: string[] = [];
    const { sells } = cardOf(fault.kind);
    const after = await servers.primary('stock');
    isReplaced = after !== before;
    const from = field.begunAt();
    const isSoldOut = (seen.soldOutAtMs() ?? faultEndedAt) < faultEndedAt;
    // However slow the machine is: while the fault lasts, somebody is sold something.
    if (sells === 'on' && fault.forMs > 0 && !isSoldOut && !seen.yesAtMs.some((at) => at > from && at < faultEndedAt)) {
      found.push('the sale should have gone on, and no shopper was told yes while the fault lasted');
    }
    if (fault.kind === 'sentinels-away' || fault.kind === 'primary-pair') {
      if (isReplaced) found.push(`${after} has become the primary in the place of ${before}`);
    }
    if (fault.kind === 'replicas-away') {
      const told = seen.yesAtMs.filter((at) => at > from + underWayMs && at < faultEndedAt).length;
      if (told > 0) found.push(`${told} yeses were told while both replicas were away`);
    }
    return found;
  }

  async function judge(): Promise<void> {
    left = tracker.open().length;
    await check(crowd.resolve);
    await check(() => sellsOn(connections, crowd, saleId));
    await check(() => isStored(connections, saleId));
    field.note('stored');
    await check(async () => {
      const rows = await poll('the rows of the sale', () => connections.store.ofSale(saleId));
      const cut = await poll('stock Redis to show the sale', () => connections.stock.cut(saleId));
      tally = tracker.tally(rows, new Set(cut.reservations.keys()));
      const found = tracker.problems(rows, storm);
      problems.push(...found.slice(0, shownProblems));
      if (found.length > shownProblems) problems.push(`… and ${found.length - shownProblems} more of that kind`);
    });
    await check(() => isBalanced(stack, saleId));
    await check(() => isCopied(stack, connections, field.note));
    await check(() => edgeIsInStep(connections, crowd, saleId));
  }

  try {
    field.note(`round ${plan.round}: sale ${saleId}`);
    if (await check(() => openSale(connections, saleId, { storm, isLife: false }))) {
      await weather();
      await judge();
    }
    problems.push(...field.unexplained());
  } finally {
    await crowd.close();
    await connections.close();
  }
  const alarms = await field.alarms();
  const falseAlarms = tally.lost === 0 ? alarms : 0;
  if (falseAlarms > 0) problems.push(`${falseAlarms} false alarms: a sale was paused, and no yes is lost`);
  if (tally.lost + tally.toldTwice > 0)
    problems.unshift(`${tally.lost} yeses are lost, ${tally.toldTwice} places were told twice`);
  field.note(problems.length === 0 ? 'the round holds' : `PROBLEMS:\n  ${problems.join('\n  ')}`);
  const counts = { ...tracker.counts(), left, bought: tracker.bought().length };
  const tookMs = performance.now() - begun;
  const times = { silence, rowless, tookMs, recoveredMs };
  return { saleId, problems, counts, tally: { ...tally, falseAlarms }, isReplaced, ...times };
}

/** A tracker beside which is noted when each ticket was told yes for the first time, and when the sale was sold out. */
function watched(tracker: Tracker): { tracker: Tracker; yesAtMs: number[]; soldOutAtMs: () => number | null } {
  const yesAtMs: number[] = [];
  const heard = new Set<string>();
  let soldOutAtMs: number | null = null;
  const told: Tracker['told'] = (orderId, answer) => {
    if (answer.kind === 'yes' && !heard.has(orderId)) {
      heard.add(orderId);
      yesAtMs.push(performance.now());
    }
    if (answer.kind === 'no' && answer.code === 'SOLD_OUT') soldOutAtMs ??= performance.now();
    tracker.told(orderId, answer);
  };
  return { tracker: { ...tracker, told }, yesAtMs, soldOutAtMs: () => soldOutAtMs };
}

/** The books of sales of earlier rounds: nothing that came late may have changed them. */
export async function recheck(field: HaField, saleIds: readonly string[]): Promise<string[]> {
  await field.whole();
  return lateProblems(field.stack, saleIds);
}
