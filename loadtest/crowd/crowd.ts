import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import type { OrderState } from '#contract/order.ts';
import { createLanes } from './lanes.ts';
import { isWorthWaiting, type Waits, waitMs } from './patience.ts';
import { createPatientShopper, type Outcome, type Step } from './patient-shopper.ts';
import type { Answer, HeldTicket } from './shopper.ts';

export type CrowdReport = {
  shoppers: number;
  tickets: number;
  accepted: number;
  /** Orders of this crowd that were seen in the database by polling, as a shopper would. */
  stored: number;
  /** Orders of this crowd that were seen paid; 0 when nobody was to pay. */
  paid: number;
  /** Refused purchases by code; what was refused before and after them by step and code. */
  refused: Record<string, number>;
  /** Shoppers who gave up after a minute of asking, by what they asked for. */
  gaveUp: Partial<Record<Step, number>>;
  /** How often a request was asked again, after a lost answer or because the edge or the service asked to wait. */
  repeated: number;
  seconds: { tickets: number; buying: number; storing: number; paying: number };
};

export type CrowdBar = { step: (by?: number) => void; end: () => void };
const noBar: CrowdBar = { step: () => {}, end: () => {} };
/** A page's own deadline for an answer. */
const answerWithinMs = 8000;

/**
 * A crowd on this machine: everybody gets a ticket first, then all press buy at once, then the winners poll their
 * orders. Each is as patient as a page: one that meets a refusal which passes, or a broken line, asks again for a minute.
 * Bounded by `shoppers` and by `storeWithinMs`; never aims at anything but loopback.
 */
export async function runCrowd(options: {
  edgeUrl: string;
  saleId: string;
  shoppers: number;
  /** How many of the winners pay, from 0 to 1. */
  payShare?: number;
  connections?: number;
  storeWithinMs?: number;
  onProgress: (text: string) => void;
  /** Shows how many of so many are done, of one thing after the other. */
  bar?: (label: string, total: number) => CrowdBar;
  /** How a shopper waits, in ms; a test lets the time run. */
  wait?: (ms: number) => Promise<unknown>;
  nowMs?: () => number;
}): Promise<CrowdReport> {
  const { edgeUrl, saleId, shoppers, payShare = 0, connections = 128, storeWithinMs = 60_000, onProgress } = options;
  const { bar = () => noBar, wait: waitFor = wait, nowMs = () => performance.now() } = options;
  const host = new URL(edgeUrl).hostname;
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(host))
    throw new Error(`a crowd goes to loopback only, not ${host}`);

  const deadlines = {
    headersTimeout: answerWithinMs,
    bodyTimeout: answerWithinMs,
    connect: { timeout: answerWithinMs },
  };
  const pool = new Pool(edgeUrl, { connections, pipelining: 1, ...deadlines });
  const lanes = createLanes(connections, waitFor);
  const refused: Record<string, number> = {};
  const gaveUp: CrowdReport['gaveUp'] = {};
  let repeated = 0;
  const waits: Waits = {
    pause: lanes.pause,
    nowMs,
    random: Math.random,
    onRepeat: () => {
      repeated += 1;
    },
  };
  const shopper = createPatientShopper(pool, saleId, waits);
  const giveUp = (step: Step, count = 1) => {
    if (count > 0) gaveUp[step] = (gaveUp[step] ?? 0) + count;
  };
  /** The value of what went well; anything else is counted. */
  function taken<Value>(outcome: Outcome<Value>): Value | null {
    if (outcome.kind === 'ok') return outcome.value;
    if (outcome.kind === 'gave up') giveUp(outcome.step);
    else {
      const name = outcome.step === 'purchase' ? outcome.code : `${outcome.step} ${outcome.code}`;
      refused[name] = (refused[name] ?? 0) + 1;
    }
    return null;
  }
  /** Asks for each, at a bar of its own; those for whom it went well. */
  async function each<Item>(label: string, items: readonly Item[], ask: (item: Item) => Promise<Outcome<HeldTicket>>) {
    const shown = bar(label, items.length);
    const done: HeldTicket[] = [];
    try {
      await lanes.each(items, async (item) => {
        const held = taken(await ask(item));
        if (held !== null) done.push(held);
        shown.step();
      });
      return done;
    } finally {
      shown.end();
    }
  }
  try {
    onProgress(`${shoppers} shoppers sign in and get tickets`);
    const startedAt = performance.now();
    const tickets = await each('tickets', Array.from({ length: shoppers }), shopper.getTicket);

    onProgress(`${tickets.length} tickets; all press buy`);
    const buyingAt = performance.now();
    const winners = await each('buying', tickets, shopper.buy);

    onProgress(`${winners.length} are in; they watch their orders being made`);
    const storingAt = performance.now();
    /** Polls as a page does until each order has moved on; those that had not by the end. */
    const watch = async (label: string, orders: HeldTicket[], isWaiting: (state: OrderState | null) => boolean) => {
      const shown = bar(label, orders.length);
      const until = nowMs() + storeWithinMs;
      let pending = orders;
      let failures = 0;
      while (pending.length > 0 && nowMs() < until) {
        const still: HeldTicket[] = [];
        const slow: (Answer | null)[] = [];
        await lanes.each(pending, async (held) => {
          const reply = await shopper.look(held);
          if (isWorthWaiting(reply)) slow.push(reply);
          if (isWaiting(stateIn(reply))) still.push(held);
        });
        shown.step(pending.length - still.length);
        pending = still;
        failures = slow.length === 0 ? 0 : failures + 1;
        repeated += slow.length;
        const asked = slow.map((reply) => waitMs(failures, reply, Math.random));
        if (pending.length > 0) await waitFor(Math.max(200, ...asked.slice(0, 1000)));
      }
      shown.end();
      giveUp('order', pending.length);
      return pending;
    };
    const pending = await watch('stored', winners, (state) => state === null || state === 'queued');
    const doneAt = performance.now();

    const payers = winners.filter((held) => !pending.includes(held)).slice(0, Math.round(winners.length * payShare));
    if (payers.length > 0) onProgress(`${payers.length} of them pay`);
    const paying = await each('paying', payers, shopper.pay);
    const unpaid = await watch('paid', paying, (state) => state !== 'paid');
    return {
      shoppers,
      tickets: tickets.length,
      accepted: winners.length,
      stored: winners.length - pending.length,
      paid: paying.length - unpaid.length,
      refused,
      gaveUp,
      repeated,
      seconds: {
        tickets: (buyingAt - startedAt) / 1000,
        buying: (storingAt - buyingAt) / 1000,
        storing: (doneAt - storingAt) / 1000,
        paying: (performance.now() - doneAt) / 1000,
      },
    };
  } finally {
    await pool.close();
  }
}

/** The state that an answer tells; null for any other answer. */
const stateIn = (reply: Answer | null) => (reply?.status === 200 ? (reply.body.state as OrderState) : null); // the contract's own field
