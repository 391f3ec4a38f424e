import type { AcceptedOrder } from '#contract/order.ts';
import type { Reservation } from '#contract/reservation.ts';
import type { SaleFile } from '#contract/sale.ts';
import { counted } from '#runtime/counted.ts';
import type { Correction } from '#stock/outcomes.ts';
import type { KnownOrder, Stock, UnitsGo } from '#stock/stock.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import { endedStates } from '../orders/order-state.ts';
import type { OrderStore, StoredOrder } from '../orders/order-store.ts';

/** What a rebuild would do; computed first, shown, and only then done. Units throughout. */
export type RebuildPlan = {
  saleId: string;
  /** `missing`: stock Redis does not know the sale at all. */
  state: StockSale['state'] | 'missing';
  total: number;
  freeNow: number | null;
  /** Below 0: its reservations hold that many units more than there are, and nothing else is done. */
  freeAfter: number;
  /** Whether refunded units go back on sale. */
  restock: boolean;
  /** Counts, and units noted for a user, that do not fit the reservations: by name, what stands there, what is right. */
  counts: Correction[];
  buyers: Correction[];
  /** Orders that the database or the queue has and stock Redis lacks. */
  restore: KnownOrder[];
  /** Reservations that still count although their order has ended: their units go back. */
  release: string[];
  /** The same of refunded orders of a sale that does not restock: nobody gets their units. */
  withhold: string[];
  /** Orders for which no unit is left: more was promised than the sale has. Nothing is done for these. */
  excess: KnownOrder[];
  /** Orders that have ended and are unknown to stock Redis: given back and released, so that their places stay taken. */
  ended: (KnownOrder & { where: UnitsGo })[];
};

type Deps = {
  stock: Pick<Stock, 'cut' | 'recount'>;
  store: Pick<OrderStore, 'ofSale'>;
  /** Every order that is still in the orders queue. */
  queuedOrders: () => Promise<AcceptedOrder[]>;
};

/**
 * Compares stock Redis with the orders that exist: rows in the database, and accepted orders that still stand in the
 * queue. Null when the sale is on sale: a rebuild needs it to stand still.
 */
export async function planRebuild(
  deps: Deps,
  saleId: string,
  sale: Pick<SaleFile, 'units' | 'restock'>,
): Promise<RebuildPlan | null> {
  const cut = await deps.stock.cut(saleId);
  const books = cut === null ? null : await deps.stock.recount(saleId, 'look');
  if (books?.kind === 'not_standing') return null;
  // The queue first: an order that leaves the queue in between is found among the rows.
  const queued = await deps.queuedOrders();
  const rows = await deps.store.ofSale(saleId);
  const reservations = cut?.reservations ?? new Map<string, Reservation>();

  const whereTo = (state: StoredOrder['state']) => unitsOf(state, sale.restock);
  const known = new Map<string, KnownOrder>();
  const endedUnknown: RebuildPlan['ended'] = [];
  for (const row of rows) {
    const { orderId, userId, quantity, place, acceptedAt } = row;
    const order: KnownOrder = { orderId, state: 'committed', units: quantity, place, acceptedAt, userId };
    if (!endedStates.has(row.state)) known.set(orderId, order);
    else if (!reservations.has(orderId)) endedUnknown.push({ ...order, where: whereTo(row.state) });
  }
  const ended = new Map(rows.filter((row) => endedStates.has(row.state)).map((row) => [row.orderId, row.state]));
  for (const order of queued) {
    if (order.saleId !== saleId) continue;
    if (!known.has(order.orderId) && !ended.has(order.orderId)) known.set(order.orderId, held(order));
  }

  const stillCounting = [...reservations].flatMap(([orderId, reservation]) => {
    const state = ended.get(orderId);
    return reservation.state !== 'released' && state !== undefined ? [{ orderId, where: whereTo(state) }] : [];
  });
  const going = (to: UnitsGo) => stillCounting.filter(({ where }) => where === to).map(({ orderId }) => orderId);
  const [release, withhold] = [going('shelf'), going('withheld')];
  let free = books?.free ?? sale.units;
  for (const orderId of release) free += reservations.get(orderId)?.units ?? 0;
  for (const { where, units } of endedUnknown) if (where === 'withheld') free -= units;

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
    total: cut?.sale.total ?? sale.units,
    freeNow: cut?.sale.free ?? null,
    freeAfter: free,
    restock: sale.restock,
    counts: books?.counts ?? [],
    buyers: books?.buyers ?? [],
    restore,
    release,
    withhold,
    excess,
    ended: endedUnknown,
  };
}

/** Where the units of an order that has ended go. */
const unitsOf = (state: StoredOrder['state'], restock: boolean): UnitsGo =>
  state === 'refunded' && !restock ? 'withheld' : 'shelf';

function held(order: AcceptedOrder): KnownOrder {
  const { orderId, userId, quantity, place, acceptedAt } = order;
  return { orderId, state: 'held', units: quantity, place, acceptedAt, userId };
}

/** What a plan for a sale that is closed for good comes down to: its counts. Nobody can get an order back any more. */
export function countsOnly(plan: RebuildPlan): RebuildPlan {
  return { ...plan, restore: [], release: [], withhold: [], excess: [], ended: [] };
}

export type Rebuilt = {
  restored: number;
  refused: string[];
  counts: Correction[];
  buyers: Correction[];
  /** Units that reservations hold above what there is; nothing else was done then. */
  oversold: number;
};

/** Carries a plan out on a sale that stands still (paused, or a fresh draft); each step is idempotent. */
export async function applyRebuild(
  deps: {
    stock: Pick<Stock, 'restore' | 'release' | 'mend' | 'recount' | 'pauseForFault'>;
    store: Pick<OrderStore, 'ofSale'>;
  },
  plan: RebuildPlan,
  /** The highest epoch that was published: the sale's will be above it, also when stock Redis holds none. */
  lowestEpoch = 0,
): Promise<Rebuilt> {
  const { stock, store } = deps;
  const { saleId } = plan;
  // First, because what follows adds to the counts and takes from them; again, when units came back that were missing.
  let books = await stock.recount(saleId, 'mend');
  const nothing = { restored: 0, refused: [], counts: [], buyers: [], oversold: 0 };
  const onSale = { ...nothing, refused: [`${saleId} is on sale again: pause it first`] };
  if (books.kind === 'not_standing') return onSale;
  for (const orderId of plan.release) await stock.release(saleId, orderId);
  for (const orderId of plan.withhold) await stock.release(saleId, orderId, 'withheld');
  if (books.kind === 'oversold') books = await stock.recount(saleId, 'mend');
  if (books.kind === 'not_standing') return onSale;
  const { counts, buyers } = books;
  if (books.kind === 'oversold') {
    // Keeps it off sale: a unit that comes back belongs to one of those who have none.
    const missing = counted(-books.free, 'unit more is', 'units more are');
    await stock.pauseForFault(saleId, `${missing} promised than there are`, 0);
    return { ...nothing, oversold: -books.free };
  }
  let restored = 0;
  // Before the others: each needs its units for a moment.
  for (const order of plan.ended) {
    await stock.restore(saleId, order);
    await stock.release(saleId, order.orderId, order.where);
  }
  const refused: string[] = [];
  for (const order of plan.restore) {
    const outcome = await stock.restore(saleId, order);
    if (outcome === 'restored') restored += 1;
    else if (outcome !== 'already') refused.push(`${order.orderId}: ${outcome}`);
  }
  // Orders went on ending since the plan was made. Stock Redis was told of it when it did not know them yet.
  const known = new Set(plan.restore.map(({ orderId }) => orderId));
  for (const { orderId, state } of await store.ofSale(saleId)) {
    if (known.has(orderId) && endedStates.has(state))
      await stock.release(saleId, orderId, unitsOf(state, plan.restock));
  }
  if (refused.length === 0 && plan.excess.length === 0) await stock.mend(saleId, lowestEpoch);
  return { restored, refused, counts, buyers, oversold: 0 };
}
