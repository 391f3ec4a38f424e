import { type AcceptedOrder, acceptedOrderSchema } from '#contract/order.ts';
import type { Reservation } from '#contract/reservation.ts';
import type { KnownOrder, Stock } from '#stock/stock.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import { endedStates, type OrderStore } from '../orders/order-store.ts';

/** What a rebuild would do; computed first, shown, and only then done. Units throughout. */
export type RebuildPlan = {
  saleId: string;
  /** `missing`: stock Redis does not know the sale at all. */
  state: StockSale['state'] | 'missing';
  total: number;
  freeNow: number | null;
  freeAfter: number;
  /** Orders that the database or the queue has and stock Redis lacks. */
  restore: KnownOrder[];
  /** Reservations that still count although their order has ended: their units go back. */
  release: string[];
  /** Orders for which no unit is left: more was promised than the sale has. Nothing is done for these. */
  excess: KnownOrder[];
  /** Orders that have ended and are unknown to stock Redis: given back and released, so that their places stay taken. */
  ended: KnownOrder[];
};

type Deps = {
  stock: Pick<Stock, 'cut'>;
  store: Pick<OrderStore, 'ofSale'>;
  /** Data of every job that is still in the orders queue. */
  queuedOrders: () => Promise<unknown[]>;
};

/**
 * Compares stock Redis with the orders that exist: rows in the database, and accepted orders that still stand in the
 * queue. Null when the sale is on sale: a rebuild needs it to stand still.
 */
export async function planRebuild(deps: Deps, saleId: string, total: number): Promise<RebuildPlan | null> {
  const cut = await deps.stock.cut(saleId);
  if (cut?.sale.state === 'open' || cut?.sale.state === 'sold_out') return null;
  // Jobs first: an order that leaves the queue in between is found among the rows.
  const jobs = await deps.queuedOrders();
  const rows = await deps.store.ofSale(saleId);
  const reservations = cut?.reservations ?? new Map<string, Reservation>();

  const known = new Map<string, KnownOrder>();
  const endedUnknown: KnownOrder[] = [];
  for (const row of rows) {
    const { orderId, userId, quantity, place, acceptedAt } = row;
    const order: KnownOrder = { orderId, state: 'committed', units: quantity, place, acceptedAt, userId };
    if (!endedStates.has(row.state)) known.set(orderId, order);
    else if (!reservations.has(orderId)) endedUnknown.push(order);
  }
  const ended = new Set(rows.filter((row) => endedStates.has(row.state)).map((row) => row.orderId));
  for (const job of jobs) {
    const order = acceptedOrderSchema.safeParse(job);
    if (!order.success || order.data.saleId !== saleId) continue;
    if (!known.has(order.data.orderId) && !ended.has(order.data.orderId))
      known.set(order.data.orderId, held(order.data));
  }

  const release = [...reservations].flatMap(([orderId, reservation]) =>
    reservation.state !== 'released' && ended.has(orderId) ? [orderId] : [],
  );
  const releasing = new Set(release);
  let free = cut?.sale.free ?? total;
  for (const orderId of releasing) free += reservations.get(orderId)?.units ?? 0;

  const restore: KnownOrder[] = [];
  const excess: KnownOrder[] = [];
  // In the order in which they were granted: if units run out, the first come are the ones served.
  for (const order of [...known.values()].sort((a, b) => a.place - b.place)) {
    if (reservations.has(order.orderId)) continue;
    if (order.units > free) {
      excess.push(order);
      continue;
    }
    free -= order.units;
    restore.push(order);
  }
  return {
    saleId,
    state: cut?.sale.state ?? 'missing',
    total: cut?.sale.total ?? total,
    freeNow: cut?.sale.free ?? null,
    freeAfter: free,
    restore,
    release,
    excess,
    ended: endedUnknown,
  };
}

function held(order: AcceptedOrder): KnownOrder {
  const { orderId, userId, quantity, place, acceptedAt } = order;
  return { orderId, state: 'held', units: quantity, place, acceptedAt, userId };
}

/** Carries a plan out on a sale that stands still (paused, or a fresh draft); each step is idempotent. */
export async function applyRebuild(
  deps: { stock: Pick<Stock, 'restore' | 'release' | 'mend'> },
  plan: RebuildPlan,
): Promise<{ restored: number; refused: string[] }> {
  for (const orderId of plan.release) await deps.stock.release(plan.saleId, orderId);
  let restored = 0;
  // Before the others: each needs its units for a moment.
  for (const order of plan.ended) {
    await deps.stock.restore(plan.saleId, order);
    await deps.stock.release(plan.saleId, order.orderId);
  }
  const refused: string[] = [];
  for (const order of plan.restore) {
    const outcome = await deps.stock.restore(plan.saleId, order);
    if (outcome === 'restored') restored += 1;
    else if (outcome !== 'already') refused.push(`${order.orderId}: ${outcome}`);
  }
  if (refused.length === 0 && plan.excess.length === 0) await deps.stock.mend(plan.saleId);
  return { restored, refused };
}
