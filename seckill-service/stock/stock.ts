import type { Origin } from '#contract/origin.ts';
import type { Reservation } from '#contract/reservation.ts';
import type { ShownOrder } from '#contract/shown-order.ts';
import type {
  CommitOutcome,
  RecountOutcome,
  ReleaseOutcome,
  ReserveOutcome,
  RestoreOutcome,
  SaleAction,
  SetStateOutcome,
} from './outcomes.ts';
import type { StockCut, StockSale } from './stock-sale.ts';

/** What an order asks of the stock: `quantity` units, a positive integer. The outbox carries `origin` on. */
export type Question = { orderId: string; userId: string; quantity: number; origin?: Origin };
/**
 * A question on its way. One that reaches Redis at `notAfterMs` of Redis' own clock (Unix ms, see
 * {@link StockReads.clock}) or later is not carried out; null: it is never too late.
 */
export type Asked = { question: Question; notAfterMs: number | null };
/** Questions about one sale, at most 100: one call of the script. */
export type ReserveCall = { saleId: string; asked: readonly Asked[] };
/** An order as the database or the queue knows it, for {@link Stock.restore}. */
export type KnownOrder = Omit<Reservation, 'state'> & { orderId: string; state: 'held' | 'committed' };
/** Where the units of an order that has ended go: back on sale, or nowhere, as the sale's file says of refunds. */
export type UnitsGo = 'shelf' | 'withheld';
export type PreloadPlan = {
  total: number;
  opensAtMs: number;
  closesAtMs: number;
  limitPerUser: number;
  lowestEpoch: number;
};

/** What changes the stock of a sale: the only way to do so. */
export type StockDecisions = {
  /** Loads a draft's units. `live`: the sale is past being a draft, nothing was changed. */
  preload: (saleId: string, plan: PreloadPlan) => Promise<{ kind: 'done'; epoch: number } | { kind: 'live' }>;

  /**
   * Grants units to an order, once. A question that comes too late ({@link Asked}) does nothing: `unavailable`. A yes that too
   * few replicas have is no yes yet: `unknown`, and the next question gets the truth.
   */
  reserve: (saleId: string, question: Question, notAfterMs?: number | null) => Promise<ReserveOutcome>;

  /**
   * Grants units to orders of one sale, at most 100, one after the other in one call: what a call costs is paid once.
   * Outcomes in the order of `asked`, a fault in the place of an order that has none.
   */
  reserveAll: (saleId: string, asked: readonly Asked[]) => Promise<(ReserveOutcome | Error)[]>;

  /** The same of several sales, or of more orders, in one exchange with stock Redis. Outcomes in the order of `calls`. */
  reserveGroup: (calls: readonly ReserveCall[]) => Promise<(ReserveOutcome | Error)[][]>;

  /** Marks orders of one sale, at most 1,000, as stored in the database. Outcomes in the order of `orderIds`. */
  commit: (saleId: string, orderIds: readonly string[]) => Promise<CommitOutcome[]>;

  /**
   * The same, and shows each of these orders as {@link StockDecisions.show} does, at one instant: a committed order always has
   * its picture. Orders that look alike cost least with one and the same `shown`. Outcomes in any order.
   */
  commitShown: (
    saleId: string,
    orders: readonly { orderId: string; shown: ShownOrder }[],
  ) => Promise<[orderId: string, outcome: CommitOutcome][]>;

  /**
   * Puts an order's units back on sale, once, or withholds them from it. Stock Redis tells the services when that opens
   * the sale again.
   */
  release: (saleId: string, orderId: string, where?: UnitsGo) => Promise<ReleaseOutcome>;

  /**
   * Shows stored orders of one sale, at most 1,000, to whoever asks for them: a picture of their rows. A picture that is
   * older than the one there changes nothing.
   */
  show: (saleId: string, orders: readonly (ShownOrder & { orderId: string })[]) => Promise<void>;

  /**
   * Takes away what shoppers are shown of these orders of one sale: the database has forgotten what it shows. Show the rows
   * as they are after that; meanwhile a stored order is read from the database.
   */
  forgetPictures: (saleId: string, orderIds: readonly string[]) => Promise<void>;

  /** Opens, pauses, resumes or closes; `openNow` also moves the window's start to this instant. */
  setState: (saleId: string, action: SaleAction, openNow?: boolean) => Promise<SetStateOutcome>;

  /**
   * Takes a sale off the list of {@link StockReads.sales} when nothing of it can be on its way any more: its window has been
   * over for `afterMs`, its outbox is empty, and every order of it is stored or was given back. True when it did. Whatever
   * may still come (a refund, an audit) finds the sale by its id. A draft stays, it can be loaded anew; so does a paused
   * sale, it can be given orders back.
   */
  retire: (saleId: string, afterMs: number) => Promise<boolean>;

  /** Pauses a sale whose books are in doubt; only `mend` lets it be resumed. The epoch will be above `lowestEpoch`. */
  pauseForFault: (saleId: string, fault: string, lowestEpoch: number) => Promise<SetStateOutcome>;

  /** Takes the fault away; the sale stays paused until it is resumed. The epoch will be above `lowestEpoch`. */
  mend: (saleId: string, lowestEpoch?: number) => Promise<SetStateOutcome>;

  /** Gives an order that exists elsewhere its reservation back; the sale must be paused or a draft. */
  restore: (saleId: string, order: KnownOrder) => Promise<RestoreOutcome>;

  /**
   * Sets the counts and the buyers of a sale that is off sale to what its reservations say, or, with `look`, only tells
   * what it would set. Again changes nothing more.
   */
  recount: (saleId: string, how: 'look' | 'mend') => Promise<RecountOutcome>;

  /**
   * Runs `write`, and hands on its outcome when the replicas that this stock was made to wait for have all that it wrote or read
   * over this connection: what is told to the world then outlives the server. Throws a `StockFault` of kind `unknown` when too
   * few have it in 0.3 s, or when the connection was lost meanwhile: all that `write` did may stay or may be gone. Without
   * replicas it is `write` alone.
   */
  barrier: <T>(saleId: string, write: () => Promise<T>) => Promise<T>;
};

/** What is read of the stock, and changes nothing. */
export type StockReads = {
  /** Which of these orders have no reservation. */
  withoutReservation: (saleId: string, orderIds: readonly string[]) => Promise<string[]>;

  /** Redis' own clock, Unix ms with fractions: windows and deadlines go by it. */
  clock: () => Promise<number>;

  /** The ids of every sale whose stock is here. */
  sales: () => Promise<string[]>;

  /** The sale's numbers, read at one instant; null when there is no stock of that sale here. */
  sale: (saleId: string) => Promise<StockSale | null>;

  /**
   * The same of many sales, each read at an instant of its own: a thousand cost ten round trips, and purchases get their
   * turn in between. In the place of a sale that cannot be read stands the error.
   */
  eachSale: (saleIds: readonly string[]) => Promise<Map<string, StockSale | null | Error>>;

  /** One order's reservation, null when nothing was ever granted to it. */
  reservation: (orderId: string) => Promise<Reservation | null>;

  /** What an order's shopper is shown, null while it is not stored. */
  shown: (orderId: string) => Promise<ShownOrder | null>;

  /** The same of many orders of one sale; those that have no picture are not in it. */
  pictures: (saleId: string, orderIds: readonly string[]) => Promise<Map<string, ShownOrder>>;

  /** Sale, stock, buyers and every reservation at one instant: the audit's cut. See read-books.lua for its cost. */
  cut: (saleId: string) => Promise<StockCut | null>;

  /** Accepted orders that no relay has moved to the queue yet. */
  outboxLength: (saleId: string) => Promise<number>;

  /** Those of these accepted orders that no relay has moved yet. */
  inOutbox: (saleId: string, orders: readonly { orderId: string; acceptedAt: number }[]) => Promise<Set<string>>;

  /** Orders that were ever granted in a sale. */
  orderCount: (saleId: string) => Promise<number>;

  /** A page of reservations: about `count` of them and the cursor of the next page (`'0'` ends). */
  scanReservations: (
    saleId: string,
    cursor: string,
    count: number,
  ) => Promise<{ cursor: string; page: { orderId: string; reservation: Reservation }[] }>;
};

/** The one face of stock Redis: outcomes are values, a `StockFault` is thrown when Redis gives no answer. */
export type Stock = StockDecisions & StockReads;
