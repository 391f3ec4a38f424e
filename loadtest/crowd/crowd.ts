import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import { buy, getTicket, type HeldTicket, orderState, signIn } from './shopper.ts';

export type CrowdReport = {
  shoppers: number;
  tickets: number;
  accepted: number;
  /** Orders of this crowd that were seen in the database by polling, as a shopper would. */
  stored: number;
  /** Refused or failed purchases by code. */
  refused: Record<string, number>;
  seconds: { tickets: number; buying: number; storing: number };
};

/**
 * A crowd on this machine: everybody gets a ticket first, then all press buy at once, then the winners poll their
 * orders. Bounded by `shoppers` and by `storeWithinMs`; never aims at anything but loopback.
 */
export async function runCrowd(options: {
  edgeUrl: string;
  saleId: string;
  shoppers: number;
  connections?: number;
  storeWithinMs?: number;
  onProgress: (text: string) => void;
}): Promise<CrowdReport> {
  const { edgeUrl, saleId, shoppers, connections = 128, storeWithinMs = 60_000, onProgress } = options;
  const host = new URL(edgeUrl).hostname;
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(host))
    throw new Error(`a crowd goes to loopback only, not ${host}`);

  const pool = new Pool(edgeUrl, { connections, pipelining: 1 });
  const pause = async (ms: number) => void (await wait(ms));
  const refused: Record<string, number> = {};
  const refuse = (code: string) => {
    refused[code] = (refused[code] ?? 0) + 1;
  };
  try {
    onProgress(`${shoppers} shoppers sign in and get tickets`);
    const startedAt = performance.now();
    const tickets: HeldTicket[] = [];
    await inParallel(shoppers, connections, async () => {
      const result = await getTicket(pool, saleId, await signIn(pool));
      if ('ticket' in result) tickets.push(result);
      else refuse(`ticket ${String(result.body.code)}`);
    });

    onProgress(`${tickets.length} tickets; all press buy`);
    const buyingAt = performance.now();
    const winners: HeldTicket[] = [];
    await inParallel(tickets.length, connections, async (index) => {
      const held = tickets[index];
      if (held === undefined) return;
      const { status, body } = await buy(pool, saleId, held, pause);
      if (status === 202) winners.push(held);
      else refuse(String(body.code));
    });

    onProgress(`${winners.length} are in; they watch their orders being made`);
    const storingAt = performance.now();
    let pending = winners;
    while (pending.length > 0 && performance.now() - storingAt < storeWithinMs) {
      const still: HeldTicket[] = [];
      await inParallel(pending.length, connections, async (index) => {
        const held = pending[index];
        if (held === undefined) return;
        const state = await orderState(pool, held);
        if (state === null || state === 'queued') still.push(held);
      });
      pending = still;
      if (pending.length > 0) await pause(200);
    }
    const doneAt = performance.now();
    return {
      shoppers,
      tickets: tickets.length,
      accepted: winners.length,
      stored: winners.length - pending.length,
      refused,
      seconds: {
        tickets: (buyingAt - startedAt) / 1000,
        buying: (storingAt - buyingAt) / 1000,
        storing: (doneAt - storingAt) / 1000,
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
