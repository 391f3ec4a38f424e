import type { AcceptedOrder } from '#contract/order.ts';
import type { ShownOrder } from '#contract/shown-order.ts';
import type { Logger } from '#runtime/logger.ts';
import { isDatabaseOutage } from '#runtime/postgres/connect.ts';
import { StockFault } from '#stock/fault.ts';
import type { Stock } from '#stock/stock.ts';
import { isUnitsGuard, type OrderStore, type StoreOutcome } from '../orders/order-store.ts';

/** The order itself cannot be stored, however often it is tried: a matter for the dead letters. */
export class PoisonOrder extends Error {}

export type CommitBatch = (orders: readonly AcceptedOrder[]) => Promise<(StoreOutcome | PoisonOrder)[]>;

/**
 * Stores a batch of orders, then tells their reservations. In this order: a crash in between leaves a row whose
 * reservation is still held, which the sweeper (or the job's second run) commits; the other order could lose an order.
 *
 * While PostgreSQL or stock Redis is away it waits and tries again, for as long as it takes: the jobs stay active, so
 * the drain stands still instead of burning its attempts. An order that PostgreSQL refuses fails alone: the batch is
 * then stored one by one.
 */
export function createCommitBatch(deps: {
  store: Pick<OrderStore, 'store'>;
  stock: Pick<Stock, 'commitShown'>;
  logger: Logger;
  /** Rejects when the process ends: the batch is given up, its jobs are not. */
  wait: (ms: number) => Promise<void>;
  onOutage?: (what: string, error: unknown) => void;
  /** The database refused an order because its sale has no unit left for it: an alarm. */
  onGuard?: () => void;
  /** These orders are in the database, their reservations are told: what follows must not hold up the drain. */
  onStoredOrders?: (orders: readonly (ShownOrder & { orderId: string })[]) => void;
}): CommitBatch {
  const { store, stock, logger, wait, onOutage, onGuard, onStoredOrders } = deps;

  async function patiently<T>(what: string, work: () => Promise<T>, isOutage: (error: unknown) => boolean): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (!isOutage(error)) throw error;
        onOutage?.(what, error);
        if (attempt % 10 === 0) logger.warn({ err: error, attempt }, `${what} is away: the drain waits`);
        await wait(Math.min(100 * 2 ** attempt, 500)); // a failover is over in seconds: no half of them is slept through
      }
    }
  }

  const storeOne = async (order: AcceptedOrder): Promise<StoreOutcome | PoisonOrder> => {
    try {
      const [outcome] = await patiently('PostgreSQL', () => store.store([order]), isDatabaseOutage);
      return outcome ?? new PoisonOrder('no outcome');
    } catch (error) {
      if (isDatabaseOutage(error)) throw error; // the wait for its end was given up: no order is to blame
      if (isUnitsGuard(error)) {
        logger.error({ orderId: order.orderId, saleId: order.saleId }, 'UNITS GUARD: one order too many for its sale');
        onGuard?.();
      }
      return new PoisonOrder(`cannot be stored: ${error instanceof Error ? error.message : String(error)}`);
    }
  };

  return async (orders) => {
    let outcomes: (StoreOutcome | PoisonOrder)[];
    try {
      outcomes = await patiently('PostgreSQL', () => store.store(orders), isDatabaseOutage);
    } catch (error) {
      if (isDatabaseOutage(error)) throw error; // as above
      logger.warn({ err: error, orders: orders.length }, 'a batch was refused; storing its orders one by one');
      outcomes = [];
      for (const order of orders) outcomes.push(await storeOne(order));
    }

    const stored = Map.groupBy(
      orders.flatMap(({ orderId, saleId }, index) => {
        const outcome = outcomes[index];
        return isStored(outcome) ? [{ saleId, orderId, shown: outcome.shown }] : [];
      }),
      (order) => order.saleId,
    );
    for (const [saleId, ofSale] of stored) {
      const tell = () => stock.commitShown(saleId, ofSale);
      for (const [orderId, reply] of await patiently('stock Redis', tell, (error) => error instanceof StockFault)) {
        if (reply === 'unknown' || reply === 'released') {
          logger.error({ orderId, reply }, 'a stored order has no live reservation: run seckill audit');
        }
      }
      onStoredOrders?.(ofSale.map(({ orderId, shown }) => ({ orderId, ...shown })));
    }
    return outcomes.map((outcome, index) =>
      outcome instanceof PoisonOrder || outcome.kind !== 'sale_unknown'
        ? outcome
        : new PoisonOrder(`the catalogue has no sale ${orders[index]?.saleId}`),
    );
  };
}

function isStored(
  outcome: StoreOutcome | PoisonOrder | undefined,
): outcome is Exclude<StoreOutcome, { kind: 'sale_unknown' }> {
  return outcome !== undefined && !(outcome instanceof PoisonOrder) && outcome.kind !== 'sale_unknown';
}
