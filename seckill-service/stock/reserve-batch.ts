import { createMicroBatcher } from '#runtime/micro-batch.ts';
import type { ReserveOutcome } from './outcomes.ts';
import type { Asked, Stock } from './stock.ts';

/** A call holds up stock Redis for as long as it runs: about 1 ms for so many. */
export const ordersPerCall = 100;

/**
 * The stock's `reserve`, where all that is asked in one turn of the event loop goes as one call of the script for each
 * sale. A call that fails, fails for all of its orders as it would have for each alone: to ask again is safe, by the
 * order's id. What was asked earlier may overtake nothing, but another method of the stock may overtake it: for purchases.
 */
export function reserveInBatches(stock: Pick<Stock, 'reserveAll'>): Stock['reserve'] {
  type Waiting = Asked & { saleId: string };
  const batcher = createMicroBatcher<Waiting, ReserveOutcome>({
    handle: async (waiting) => {
      const answers = new Map<Waiting, ReserveOutcome | Error>();
      const ask = async (saleId: string, asked: readonly Waiting[]) => {
        const outcomes = await stock.reserveAll(saleId, asked).catch((error: unknown) => asError(error));
        for (const [index, each] of asked.entries())
          answers.set(each, (outcomes instanceof Error ? outcomes : outcomes[index]) ?? new Error('no answer'));
      };
      await Promise.all([...Map.groupBy(waiting, ({ saleId }) => saleId)].map(([saleId, asked]) => ask(saleId, asked)));
      return waiting.map((each) => answers.get(each) ?? new Error('no answer'));
    },
    maxSize: ordersPerCall,
    maxWaitMs: 0,
  });
  return (saleId, question, notAfterMs = null) => batcher.add({ saleId, question, notAfterMs });
}

const asError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)));
