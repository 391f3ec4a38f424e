import type { ReserveOutcome } from './outcomes.ts';
import { ordersPerCall } from './reserve-batch.ts';
import type { Asked, Stock } from './stock.ts';

/** More at once make the first of them wait for the last: about 10 ms of stock Redis. */
const ordersPerGroup = 1000;

/**
 * The stock's `reserve` where a yes waits for replicas. One group is under way, and what is asked meanwhile, of any sale, goes
 * together as the next: with it the wait is paid once for all of them, without it the wait is all that there is time for. A
 * question whose time is over when its turn comes does nothing, by its own deadline.
 */
export function reserveInGroups(stock: Pick<Stock, 'reserveGroup'>): Stock['reserve'] {
  type Waiting = Asked & { saleId: string; answer: PromiseWithResolvers<ReserveOutcome> };
  const waiting: Waiting[] = [];
  let isUnderWay = false;

  async function sendGroup(): Promise<void> {
    const group = waiting.splice(0, ordersPerGroup);
    const calls = [...Map.groupBy(group, ({ saleId }) => saleId)].flatMap(([saleId, ofSale]) =>
      callsOf(saleId, ofSale),
    );
    try {
      const outcomes = await stock.reserveGroup(calls);
      for (const [call, { asked }] of calls.entries())
        for (const [index, { answer }] of asked.entries()) {
          const outcome = outcomes[call]?.[index] ?? new Error('no answer');
          if (outcome instanceof Error) answer.reject(outcome);
          else answer.resolve(outcome);
        }
    } catch (error) {
      for (const { answer } of group) answer.reject(error);
    }
    // Who was answered may ask at once: that belongs to the next group.
    if (waiting.length > 0) setImmediate(sendGroup);
    else isUnderWay = false;
  }

  function callsOf(saleId: string, ofSale: readonly Waiting[]): { saleId: string; asked: readonly Waiting[] }[] {
    const starts = Array.from({ length: Math.ceil(ofSale.length / ordersPerCall) }, (_, nth) => nth * ordersPerCall);
    return starts.map((from) => ({ saleId, asked: ofSale.slice(from, from + ordersPerCall) }));
  }

  return (saleId, question, notAfterMs = null) => {
    const answer = Promise.withResolvers<ReserveOutcome>();
    waiting.push({ saleId, question, notAfterMs, answer });
    if (!isUnderWay) {
      isUnderWay = true;
      setImmediate(sendGroup); // settles through the promises of its group
    }
    return answer.promise;
  };
}
