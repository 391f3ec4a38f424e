import type { Queue } from 'bullmq';
import type { StoredOrderState } from '#contract/order-events.ts';
import type { Reservation } from '#contract/reservation.ts';
import type { ShownOrder } from '#contract/shown-order.ts';
import type { Stock } from '#stock/stock.ts';
import { endedStates } from '../orders/order-state.ts';
import type { OrderStore } from '../orders/order-store.ts';
import { createOrderFinder } from '../queue/queued-orders.ts';

/**
 * Where an order that was granted is:
 *
 * stored       it has its row
 * on its way   the outbox or the queue has it, and its row follows
 * dead letter  its job was given up on: ops retry or drop it
 * lost         none of these, although its units are its own: the database has forgotten it
 * ended        its units went back, and the database has forgotten that, too
 */
export type Whereabouts = 'stored' | 'on its way' | 'dead letter' | 'lost' | 'ended';

/** `row`: as the database has it. `shown`: what its shopper was shown before that. */
export type GrantedOrder = {
  orderId: string;
  reservation: Reservation;
  row: { state: StoredOrderState; version: number } | null;
  shown: ShownOrder | null;
  at: Whereabouts;
};

export type LostOrdersDeps = {
  stock: Pick<Stock, 'scanReservations' | 'pictures' | 'inOutbox' | 'withoutReservation'>;
  store: Pick<OrderStore, 'versions' | 'pageOf'>;
  queue: Pick<Queue, 'getRanges' | 'getJob' | 'getJobState'>;
  /** Between two pages, so that neither store has more than this to do. */
  rest: () => Promise<void>;
  /** Orders in a page; 500 when left out. */
  page?: number;
};

/** An order that the queue has like this is stored without anybody's doing. */
const movingStates: ReadonlySet<string> = new Set([
  'chunk',
  'waiting',
  'active',
  'delayed',
  'prioritized',
  'waiting-children',
]);

/**
 * Hands every order that was ever granted in a sale to `visit`, page by page; one may come twice while the sale sells.
 * Each is looked for in the direction in which it travels (reservation, outbox, queue, row): one that moves meanwhile is
 * found further on, never in none of them.
 */
export async function eachGrantedOrder(
  deps: LostOrdersDeps,
  saleId: string,
  visit: (orders: readonly GrantedOrder[]) => Promise<void>,
): Promise<void> {
  const { stock, queue, rest, page = 500 } = deps;
  const findInQueue = createOrderFinder(queue);
  let cursor = '0';
  do {
    const scan = await stock.scanReservations(saleId, cursor, page);
    cursor = scan.cursor;
    if (scan.page.length > 0) await visit(await locate(deps, findInQueue, saleId, scan.page));
    if (cursor !== '0') await rest();
  } while (cursor !== '0');
}

async function locate(
  { stock, store }: LostOrdersDeps,
  findInQueue: ReturnType<typeof createOrderFinder>,
  saleId: string,
  granted: readonly { orderId: string; reservation: Reservation }[],
): Promise<GrantedOrder[]> {
  const ids = granted.map(({ orderId }) => orderId);
  // Before the rows: a picture is drawn after its row was written, so a row that is older than it has gone back.
  const pictures = await stock.pictures(saleId, ids);
  const rows = await store.versions(ids);
  const unstored = granted.filter(({ orderId, reservation }) => !rows.has(orderId) && reservation.state !== 'released');
  const inOutbox = await stock.inOutbox(
    saleId,
    unstored.map(({ orderId, reservation: { acceptedAt } }) => ({ orderId, acceptedAt })),
  );
  const queued = await findInQueue(
    saleId,
    unstored.map(({ orderId }) => orderId).filter((orderId) => !inOutbox.has(orderId)),
  );
  const isOnItsWay = (orderId: string) => inOutbox.has(orderId) || movingStates.has(queued.get(orderId) ?? '');
  // Those that left the queue since the rows were read.
  const nowhere = unstored.filter(({ orderId }) => !isOnItsWay(orderId)).map(({ orderId }) => orderId);
  if (nowhere.length > 0) for (const [orderId, row] of await store.versions(nowhere)) rows.set(orderId, row);

  const whereIs = (orderId: string, { state }: Reservation): Whereabouts => {
    if (rows.has(orderId)) return 'stored';
    if (state === 'released') return 'ended';
    if (isOnItsWay(orderId)) return 'on its way';
    return queued.get(orderId) === 'failed' ? 'dead letter' : 'lost';
  };
  return granted.map(({ orderId, reservation }) => ({
    ...{ orderId, reservation },
    row: rows.get(orderId) ?? null,
    shown: pictures.get(orderId) ?? null,
    at: whereIs(orderId, reservation),
  }));
}

/** Whether a row is older than what its shopper was shown: the database has forgotten what became of the order. */
export function isBehind({ row, shown }: GrantedOrder): boolean {
  return row !== null && shown !== null && row.version < shown.version;
}

/** How many there are, their units, and the first few of them. */
export type Tally = { orders: number; units: number; such: string[] };
/** An order whose shopper was shown more than its row says, or than its new row will say. */
export type Outdated = { orderId: string; row: StoredOrderState | null; shown: StoredOrderState };

/** What a look at a sale found. */
export type LostOrders = {
  saleId: string;
  /** Reservations that were looked at. */
  reservations: number;
  lost: Tally;
  /** Those of `lost` that were paid, or more, as far as their shoppers were shown: their payments are lost with them. */
  lostPaid: Outdated[];
  onTheirWay: number;
  deadLetters: Tally;
  ended: Tally;
  /** Rows that are older than what was shown of them. */
  behind: Outdated[];
  /** Rows that hold units in the database whose reservations were given back. */
  wentBack: Tally;
  /** Rows without a reservation: what `stock rebuild` mends. */
  unreserved: Tally;
};

const maxNamed = 20;

export function createLostOrders(saleId: string) {
  const tally = (): Tally => ({ orders: 0, units: 0, such: [] });
  const found: LostOrders = {
    ...{ saleId, reservations: 0, onTheirWay: 0, lostPaid: [], behind: [] },
    ...{ lost: tally(), deadLetters: tally(), ended: tally(), wentBack: tally(), unreserved: tally() },
  };
  const count = (into: Tally, orderId: string, units: number) => {
    into.orders += 1;
    into.units += units;
    if (into.such.length < maxNamed) into.such.push(orderId);
  };

  function add(order: GrantedOrder): void {
    const { orderId, reservation, row, shown, at } = order;
    found.reservations += 1;
    if (at === 'on its way') found.onTheirWay += 1;
    const tallies = { lost: found.lost, 'dead letter': found.deadLetters, ended: found.ended };
    if (at in tallies) count(tallies[at as keyof typeof tallies], orderId, reservation.units);
    if (at === 'lost' && shown !== null && shown.state !== 'awaiting_payment')
      found.lostPaid.push({ orderId, row: null, shown: shown.state });
    if (row === null) return;
    if (shown !== null && isBehind(order)) found.behind.push({ orderId, row: row.state, shown: shown.state });
    if (reservation.state === 'released' && !endedStates.has(row.state))
      count(found.wentBack, orderId, reservation.units);
  }

  return { found, add, addUnreserved: (orderId: string) => count(found.unreserved, orderId, 0) };
}

/** Looks at every order of a sale in stock Redis, and at every row of it. Changes nothing. */
export async function findLostOrders(
  deps: LostOrdersDeps,
  saleId: string,
  onLooked: (count: number) => void = () => {},
): Promise<LostOrders> {
  const { found, add, addUnreserved } = createLostOrders(saleId);
  await eachGrantedOrder(deps, saleId, async (orders) => {
    for (const order of orders) add(order);
    onLooked(orders.length);
  });
  const { stock, store, rest, page = 500 } = deps;
  for (let after = 0; ; ) {
    const rows = await store.pageOf(saleId, after, page);
    const ids = rows.map(({ orderId }) => orderId);
    for (const orderId of await stock.withoutReservation(saleId, ids)) addUnreserved(orderId);
    const last = rows.at(-1);
    if (last === undefined || rows.length < page) return found;
    after = last.place;
    await rest();
  }
}
