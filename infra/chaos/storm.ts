import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import { newOrderId } from '#contract/order.ts';
import { parseTicketKeys, signTicket } from '#contract/ticket.ts';
import { signSession } from '#http/authenticate.ts';
import { poll, soonMs } from '#lab/poll.ts';
import { createRandom, type Random, seedFor } from '#lab/random.ts';
import { type Answer, call, type HeldTicket } from '#loadtest/crowd/shopper.ts';
import type { Stack } from '../stack/stack.ts';
import type { LifeTracker } from './life-tracker.ts';
import { createLives } from './lives.ts';
import type { StormPlan } from './plan.ts';
import type { Told, Tracker } from './tracker.ts';

const ticketLifeMs = 600_000;
/** Most shoppers wait that long for an answer; the hasty ones give up early and click again. */
const patienceMs = 3000;
const hasteMs = 250;
const stormMs = 4000;
/** So much longer stay those who have an order to see to. */
const lifeMs = 5000;
const atOnce = 24;

/** `attempts`: purchases that were asked for with this ticket. */
export type Visitor = HeldTicket & { quantity: number; attempts: number };
export type Crowd = ReturnType<typeof createCrowd>;

/** The shoppers of one round, with real tickets signed by the stack's own keys, and what they do. */
export function createCrowd(options: {
  stack: Stack;
  saleId: string;
  tracker: Tracker;
  seed: number;
  /** Hears what shoppers are told about their accepted orders; null: they do nothing with them. */
  lives: LifeTracker | null;
}) {
  const { stack, saleId, tracker, seed, lives } = options;
  const keys = parseTicketKeys(readFileSync(stack.environment.SECKILL_TICKET_KEYS_FILE ?? '', 'utf8'));
  const secret = stack.environment.SECKILL_SESSION_SECRET ?? '';
  const poolOf = (answerWithinMs: number) =>
    new Pool(stack.edgeUrl, {
      connections: 256,
      headersTimeout: answerWithinMs,
      bodyTimeout: answerWithinMs,
      connect: { timeout: 1000 },
    });
  const patient = poolOf(patienceMs);
  const hasty = poolOf(hasteMs);
  const visitors = new Map<string, Visitor>();
  const live = lives === null ? null : createLives(patient, lives);

  function newVisitor(userId: string, quantity: number): Visitor {
    const orderId = newOrderId(saleId, Date.now());
    const ticket = signTicket({ orderId, userId, expiresAtMs: Date.now() + ticketLifeMs }, keys);
    const token = signSession(userId, secret, Date.now());
    const visitor = { userId, orderId, ticket, quantity, token, attempts: 0 };
    visitors.set(orderId, visitor);
    tracker.add({ orderId, userId, quantity });
    return visitor;
  }

  async function buy(visitor: Visitor, pool = patient): Promise<Told> {
    const { orderId, ticket, quantity } = visitor;
    visitor.attempts += 1;
    const { attempts: attempt } = visitor;
    const path = `/api/sales/${saleId}/orders`;
    const answer = await call(pool, 'POST', path, { ticket, attempt, body: { quantity } }).catch(noAnswer);
    const told = 'status' in answer ? toTold(answer, orderId) : answer;
    tracker.told(orderId, told);
    return told;
  }

  /** The place of the order as its page shows it; null when there is no such order, undefined without an answer. */
  async function look({ orderId, token }: Visitor): Promise<number | null | undefined> {
    const answer = await call(patient, 'GET', `/api/orders/${orderId}`, { token }).catch(noAnswer);
    if (!('status' in answer)) return undefined;
    if (answer.status === 200) return Number(answer.body.place);
    if (answer.body.code === 'ORDER_UNKNOWN') return null;
    if (answer.status < 500)
      tracker.told(orderId, { kind: 'no', code: `${String(answer.body.code)} of its own order` });
    return undefined;
  }

  /** One ticket's life: clicks, double clicks, retries while there is no definite answer, a look at the order. */
  async function visit(visitor: Visitor, random: Random, endsAt: number): Promise<void> {
    const pool = random.chance(0.25) ? hasty : patient;
    for (let tries = 0; tries < 8 && performance.now() < endsAt; tries += 1) {
      const clicks = random.chance(0.2) ? 2 : 1;
      const told = await Promise.all(Array.from({ length: clicks }, () => buy(visitor, pool)));
      if (told.some(({ kind }) => kind === 'yes')) {
        if (random.chance(0.3)) await buy(visitor);
        for (let looks = random.int(0, 2); looks > 0; looks -= 1) {
          const seen = await look(visitor);
          if (seen !== undefined) tracker.saw(visitor.orderId, seen);
        }
        await live?.(visitor, random, endsAt + lifeMs);
        return;
      }
      if (told.some((each) => each.kind === 'no' && !isWorthATry(each.code))) return;
      await wait(random.int(80, 400));
    }
  }

  /** The truth about a ticket, as the page finds it: the same purchase again, and where it is shed, the order itself. */
  async function ask(visitor: Visitor): Promise<{ place: number } | 'not-bought' | null> {
    const told = await buy(visitor);
    if (told.kind === 'yes') return { place: told.place };
    if (told.kind === 'unknown' ? told.why !== ended : isWorthATry(told.code)) return null;
    const place = await look(visitor);
    if (place === undefined) return null;
    return place === null ? 'not-bought' : { place };
  }

  const asked = (orderId: string) => {
    const visitor = visitors.get(orderId);
    if (visitor === undefined) throw new Error(`no such visitor: ${orderId}`);
    // A user with many tickets is told to come again a little later.
    return poll(`the truth about ${orderId}`, () => ask(visitor), soonMs, 150);
  };

  return {
    /** Lets everybody come, each at a moment of their own; resolves when the last has left. */
    async storm(plan: StormPlan): Promise<void> {
      const { tickets, users, limitPerUser, arriveMs, peaksMs, peakShare = 0.65, lastsMs = stormMs } = plan;
      const random = createRandom(seedFor(seed, 1));
      const people = Array.from({ length: tickets }, (_, index) =>
        newVisitor(`${saleId}-user-${index % users}`, random.int(1, Math.min(2, limitPerUser))),
      );
      const begun = performance.now();
      await Promise.all(
        people.map(async (visitor, index) => {
          const own = createRandom(seedFor(seed, 100 + index));
          const isAtPeak = peaksMs.length > 0 && own.chance(peakShare);
          await wait(isAtPeak ? Math.max(0, own.pick(peaksMs) + own.int(-100, 150)) : own.int(0, arriveMs));
          await visit(visitor, own, begun + lastsMs);
        }),
      );
    },

    /** Finds out how each ticket stands that got no definite answer, and that each yes still is one. */
    async resolve(): Promise<void> {
      await inTurns(tracker.open(), async ({ orderId }) => {
        const truth = await asked(orderId).catch(() => null); // it stays open, and the tracker says so
        if (truth === 'not-bought') tracker.settle(orderId, { kind: 'not-bought' });
        else if (truth !== null) tracker.settle(orderId, { kind: 'bought', place: truth.place });
      });
      await inTurns(tracker.bought(), async ({ orderId }) => {
        const truth = await asked(orderId).catch(() => null);
        if (truth !== null) tracker.saw(orderId, truth === 'not-bought' ? null : truth.place);
        else tracker.told(orderId, { kind: 'no', code: 'nothing definite after its yes' });
      });
    },

    /** Somebody new buys one unit; throws when that does not succeed soon. */
    async newcomer(withinMs: number): Promise<void> {
      const visitor = newVisitor(`${saleId}-newcomer`, 1);
      await poll(
        'a newcomer to buy one of the free units',
        async () => {
          const told = await buy(visitor);
          if (told.kind === 'yes') return true;
          throw new Error(told.kind === 'no' ? told.code : told.why);
        },
        withinMs,
        150,
      );
    },

    /** What the edge tells everybody about the sale. */
    sale: () => call(patient, 'GET', `/api/sales/${saleId}`),

    close: () => Promise.all([patient.destroy(), hasty.destroy()]),
  };
}

const noAnswer = (error: unknown): Told => ({
  kind: 'unknown',
  why: error instanceof Error ? error.message : String(error),
});

/** The repeat of a purchase whose order has ended meanwhile. Its place is on its page. */
const ended = 'ORDER_STATE';

/** Refusals that say nothing about the ticket. */
function isWorthATry(code: string): boolean {
  return code === 'RATE_LIMITED' || code === 'BUSY';
}

function toTold({ status, body }: Answer, orderId: string): Told {
  const code = String(body.code);
  if (code === ended) return { kind: 'unknown', why: ended };
  if (status === 202) {
    const isRight = body.orderId === orderId && Number.isInteger(body.place);
    return isRight ? { kind: 'yes', place: Number(body.place) } : { kind: 'no', code: `202 ${JSON.stringify(body)}` };
  }
  return status >= 500 && code !== 'BUSY' && code !== 'PAUSED' ? { kind: 'unknown', why: code } : { kind: 'no', code };
}

/** A few at once, so that the questions are no storm of their own. */
async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const one = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}
