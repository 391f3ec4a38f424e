import { formatOrigin, type Origin } from '#contract/origin.ts';
import { createMicroBatcher } from '#runtime/micro-batch.ts';
import { type ReserveOutcome, reserveOutcome } from './outcomes.ts';
import { attempt } from './read-reply.ts';
import type { Stock } from './stock.ts';

/** What an order asks of reserve.lua. `notAfterMs`: Unix ms by Redis' clock, null for never. */
export type Question = {
  orderId: string;
  userId: string;
  quantity: number;
  origin: Origin;
  notAfterMs: number | null;
};

/** A call holds up stock Redis for as long as it runs: about 1 ms for so many. */
const ordersPerCall = 100;

/**
 * The stock's `reserve`, where all that is asked in one turn of the event loop goes as one call of the script for each
 * sale. A call that fails, fails for all of its orders as it would have for each alone: to ask again is safe, by the
 * order's id. What was asked earlier may overtake nothing, but another method of the stock may overtake it: for purchases.
 */
export function reserveInBatches(stock: Pick<Stock, 'reserveAll'>): Stock['reserve'] {
  type Waiting = Question & { saleId: string };
  const batcher = createMicroBatcher<Waiting, ReserveOutcome>({
    handle: async (waiting) => {
      const answers = new Map<Waiting, ReserveOutcome | Error>();
      const ask = async (saleId: string, questions: readonly Waiting[]) => {
        const outcomes = await stock.reserveAll(saleId, questions).catch((error: unknown) => asError(error));
        for (const [index, question] of questions.entries())
          answers.set(question, (outcomes instanceof Error ? outcomes : outcomes[index]) ?? new Error('no answer'));
      };
      await Promise.all([...Map.groupBy(waiting, ({ saleId }) => saleId)].map(([saleId, asked]) => ask(saleId, asked)));
      return waiting.map((question) => answers.get(question) ?? new Error('no answer'));
    },
    maxSize: ordersPerCall,
    maxWaitMs: 0,
  });
  return (saleId, orderId, userId, quantity, origin = {}, notAfterMs = null) =>
    batcher.add({ saleId, orderId, userId, quantity, origin, notAfterMs });
}

/** The five arguments of an order, as the header of reserve.lua names them. */
export function reserveArguments({ orderId, userId, quantity, origin, notAfterMs }: Question): (string | number)[] {
  return [orderId, userId, quantity, formatOrigin(origin), notAfterMs === null ? '' : Math.floor(notAfterMs)];
}

/** The outcome in three numbers of a reply; an order that was too late, or a code that nobody knows, is an error. */
export function outcomeAt(reply: readonly unknown[], at: number): ReserveOutcome | Error {
  return attempt(() => reserveOutcome([Number(reply[at]), Number(reply[at + 1]), Number(reply[at + 2])]));
}

const asError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)));
