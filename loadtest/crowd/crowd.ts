import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import type { OrderState } from '#contract/order.ts';
import { buy, getTicket, type HeldTicket, orderState, pay, signIn } from './shopper.ts';

export type CrowdReport = {
  shoppers: number;
  tickets: number;
  accepted: number;
  /** Orders of this crowd that were seen in the database by polling, as a shopper would. */
  stored: number;
  /** Orders of this crowd that were seen paid; 0 when nobody was to pay. */
  paid: number;
  /** Refused or failed purchases by code. */
  refused: Record<string, number>;
  seconds: { tickets: number; buying: number; storing: number; paying: number };
};

export type CrowdBar = { step: (by?: number) => void; end: () => void };
const noBar: CrowdBar = { step: () => {}, end: () => {} };

/**
 * A crowd on this machine: everybody gets a ticket first, then all press buy at once, then the winners poll their
 * orders. Bounded by `shoppers` and by `storeWithinMs`; never aims at anything but loopback.
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
}): Promise<CrowdReport> {
  const { edgeUrl, saleId, shoppers, payShare = 0, connections = 128, storeWithinMs = 60_000, onProgress } = options;
  const { bar = () => noBar } = options;
  const host = new URL(edgeUrl).hostname;
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(host))
    throw new Error(`a crowd goes to loopback only, not ${host}`);

  const pool = new Pool(edgeUrl, { connections, pipelining: 1 });
  const pause = async (ms: number) => void (await wait(ms));
  const refused: Record<string, number> = {};
  const refuse = (code: string) => {
    refused[code] = (refused[code] ?? 0) + 1;
  };
  /** Does `work` for each of so many, at a bar of its own. */
  const each = async (label: string, count: number, work: (index: number) => Promise<void>) => {
    const shown = bar(label, count);
    try {
      await inParallel(count, connections, async (index) => {
        await work(index);
        shown.step();
      });
    } finally {
      shown.end();
    }
  };
  try {
    onProgress(`${shoppers} shoppers sign in and get tickets`);
    const startedAt = performance.now();
    const tickets: HeldTicket[] = [];
    await each('tickets', shoppers, async () => {
      const result = await getTicket(pool, saleId, await signIn(pool));
      if ('ticket' in result) tickets.push(result);
      else refuse(`ticket ${String(result.body.code)}`);
    });

    onProgress(`${tickets.length} tickets; all press buy`);
    const buyingAt = performance.now();
    const winners: HeldTicket[] = [];
    await each('buying', tickets.length, async (index) => {
      const held = tickets[index];
      if (held === undefined) return;
      const { status, body } = await buy(pool, saleId, held, pause);
      if (status === 202) winners.push(held);
      else refuse(String(body.code));
    });

    onProgress(`${winners.length} are in; they watch their orders being made`);
    const storingAt = performance.now();
    /** Polls as a page does until each order has moved on; those that had not by the end. */
    const watch = async (label: string, orders: HeldTicket[], isWaiting: (state: OrderState | null) => boolean) => {
      const shown = bar(label, orders.length);
      const until = performance.now() + storeWithinMs;
      let pending = orders;
      while (pending.length > 0 && performance.now() < until) {
        const still: HeldTicket[] = [];
        await inParallel(pending.length, connections, async (index) => {
          const held = pending[index];
          if (held !== undefined && isWaiting(await orderState(pool, held))) still.push(held);
        });
        shown.step(pending.length - still.length);
        pending = still;
        if (pending.length > 0) await pause(200);
      }
      shown.end();
      return pending;
    };
    const pending = await watch('stored', winners, (state) => state === null || state === 'queued');
    const doneAt = performance.now();

    const payers = winners.filter((held) => !pending.includes(held)).slice(0, Math.round(winners.length * payShare));
    if (payers.length > 0) onProgress(`${payers.length} of them pay`);
    const paying: HeldTicket[] = [];
    await each('paying', payers.length, async (index) => {
      const held = payers[index];
      if (held !== undefined && (await pay(pool, held, pause))) paying.push(held);
    });
    const unpaid = await watch('paid', paying, (state) => state !== 'paid');
    return {
      shoppers,
      tickets: tickets.length,
      accepted: winners.length,
      stored: winners.length - pending.length,
      paid: paying.length - unpaid.length,
      refused,
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

/** Runs `work` for 0 … count−1, `width` at a time. */
async function inParallel(count: number, width: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
}
