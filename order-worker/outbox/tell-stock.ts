import { saleIdOfOrder } from '#contract/order.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Stock, UnitsGo } from '#stock/stock.ts';
import { endedStates } from '../orders/order-state.ts';
import type { OrderStore } from '../orders/order-store.ts';
import type { OutboxEntry } from './outbox.ts';

/**
 * What the outbox' consumer `stock` does: an order that has ended gives its units back, once (I6; the release script is
 * idempotent by order; what is refunded goes back on sale if the sale's file has it so), and the order's picture follows
 * its row. It reads the row as it is now, so that an entry which
 * is told twice, late or together with a younger one comes to the same. Throws a StockFault while stock Redis is away, or too
 * few of its replicas have it: an entry that is taken out is told to no other server again.
 */
export function createTellStock(deps: {
  stock: Pick<Stock, 'release' | 'show' | 'barrier'>;
  store: Pick<OrderStore, 'present' | 'withholding'>;
  logger: Logger;
  /** A sold-out sale is for sale again, at this epoch. */
  onReopened?: (saleId: string, epoch: number) => void;
}): (entries: readonly OutboxEntry[]) => Promise<void> {
  const { stock, store, logger, onReopened } = deps;

  async function release(saleId: string, orderId: string, where: UnitsGo): Promise<void> {
    const outcome = await stock.release(saleId, orderId, where);
    if (outcome.kind === 'unknown') {
      logger.error({ orderId, saleId }, 'an order that has ended has no reservation: run seckill audit');
    } else if (outcome.kind === 'released' && outcome.openEpoch !== null) onReopened?.(saleId, outcome.openEpoch);
  }

  return async (entries) => {
    const present = await store.present([...new Set(entries.map((entry) => entry.orderId))]);
    const bySale = Map.groupBy(
      [...present].map(([orderId, shown]) => ({ orderId, ...shown })),
      ({ orderId }) => saleIdOfOrder(orderId),
    );
    const withRefunds = [...bySale].flatMap(([saleId, orders]) =>
      saleId !== null && orders.some(({ state }) => state === 'refunded') ? [saleId] : [],
    );
    const withholding = await store.withholding(withRefunds);
    for (const [saleId, orders] of bySale) {
      if (saleId === null) continue; // the database holds order ids only
      const ended = orders.filter(({ state }) => endedStates.has(state));
      // Sent together: the script's own order does not matter, each order is its own.
      const tell = () =>
        Promise.all([
          ...ended.map(({ orderId, state }) =>
            release(saleId, orderId, state === 'refunded' && withholding.has(saleId) ? 'withheld' : 'shelf'),
          ),
          stock.show(saleId, orders),
        ]);
      await stock.barrier(saleId, tell);
    }
  };
}
