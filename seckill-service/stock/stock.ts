import type { Redis } from 'ioredis';
import { saleIdOfOrder } from '#contract/order.ts';
import { relayGroup, saleKeys, salesRegistryKey } from '#contract/redis-keys.ts';
import { parseReservation, type Reservation } from '#contract/reservation.ts';
import { type StoredSaleState, storedSaleStates } from '#contract/sale.ts';
import { faultOf } from './fault.ts';
import { defineScripts } from './load-scripts.ts';
import { replies } from './replies.ts';

export type ReserveOutcome =
  /** `soldOutEpoch` is the sale's new epoch when this order took the last unit, else null. */
  | { kind: 'accepted'; place: number; soldOutEpoch: number | null }
  /** The order was granted before; `place` is what it was then. */
  | { kind: 'replay'; place: number }
  | { kind: 'sale_unknown' }
  /** `opensInMs` is null while the sale is a draft. */
  | { kind: 'not_open'; opensInMs: number | null }
  | { kind: 'paused' }
  | { kind: 'sold_out'; epoch: number }
  | { kind: 'closed' }
  | { kind: 'limit_reached'; limit: number }
  /** Some units are free, but fewer than were asked for. */
  | { kind: 'not_enough'; free: number };

export type CommitOutcome = 'committed' | 'already' | 'unknown' | 'released';

export type ReleaseOutcome =
  /** `openEpoch` is the sale's new epoch when it was sold out and is open again, else null. */
  { kind: 'released'; openEpoch: number | null } | { kind: 'already' } | { kind: 'unknown' };

/** What ops may do with a sale. `mend` is the rebuild's own: it takes a fault away, the sale stays paused. */
export type SaleAction = 'open' | 'pause' | 'resume' | 'close';
export type SetStateOutcome =
  | { kind: 'done' | 'already' | 'not_allowed' | 'faulty'; state: StoredSaleState; epoch: number }
  | { kind: 'sale_unknown' };

/** The sale as stock Redis has it. Times are Unix ms, the rest units. */
export type StockSale = {
  state: StoredSaleState;
  epoch: number;
  opensAtMs: number;
  closesAtMs: number;
  limitPerUser: number;
  total: number;
  free: number;
  /** Units that were granted and came back, and units whose order the database has (both ever growing). */
  returned: number;
  committed: number;
  /** Places that a rebuild passed over, in units. */
  skipped: number;
  /** Why the system itself paused the sale, or null. */
  fault: string | null;
};

/** A sale's books at one instant. `buyers`: units held or bought by user. */
export type StockCut = {
  sale: StockSale;
  reservations: Map<string, Reservation>;
  buyers: Map<string, number>;
};

/** Units granted so far, whatever came back in between: the place of the newest order. It never falls. */
export function unitsGranted(sale: Pick<StockSale, 'total' | 'returned' | 'skipped' | 'free'>): number {
  return sale.total + sale.returned + sale.skipped - sale.free;
}

/** An order as the database or the queue knows it, for {@link Stock.restore}. */
export type KnownOrder = Omit<Reservation, 'state'> & { orderId: string; state: 'held' | 'committed' };
export type RestoreOutcome = 'restored' | 'already' | 'not_standing' | 'no_units';

export type PreloadPlan = {
  total: number;
  opensAtMs: number;
  closesAtMs: number;
  limitPerUser: number;
  lowestEpoch: number;
};

/**
 * The one face of stock Redis: outcomes are values, a {@link StockFault} is thrown when Redis gives no answer. Give it
 * a `hot` connection for decisions, a `patient` one for everything that is idempotent and in no hurry.
 */
export type Stock = ReturnType<typeof createStock>;

export function createStock(redis: Redis) {
  const runScript = defineScripts(redis);

  const run: typeof runScript = async (...call) => {
    try {
      return await runScript(...call);
    } catch (error) {
      throw faultOf(error);
    }
  };

  return {
    /** Loads a draft's units. `live`: the sale is past being a draft, nothing was changed. */
    async preload(saleId: string, plan: PreloadPlan): Promise<{ kind: 'done'; epoch: number } | { kind: 'live' }> {
      const { total, opensAtMs, closesAtMs, limitPerUser, lowestEpoch } = plan;
      const args = [total, opensAtMs, closesAtMs, limitPerUser, lowestEpoch, relayGroup];
      const [code, epoch] = numbers(await run('preload', saleKeys(saleId), args));
      if (code === replies.preload.LIVE) return { kind: 'live' };
      // Another slot than the sale's, so after the script: a crash between the two is mended by preloading again.
      await redis.sadd(salesRegistryKey, saleId);
      return { kind: 'done', epoch };
    },

    /** Grants `quantity` (a positive integer) units to an order, once. */
    async reserve(saleId: string, orderId: string, userId: string, quantity: number): Promise<ReserveOutcome> {
      return reserveOutcome(numbers(await run('reserve', saleKeys(saleId), [orderId, userId, quantity])));
    },

    /** Marks orders of one sale, at most 1,000, as stored in the database. Outcomes in the order of `orderIds`. */
    async commit(saleId: string, orderIds: readonly string[]): Promise<CommitOutcome[]> {
      if (orderIds.length === 0) return [];
      const codes = numbers(await run('commit', saleKeys(saleId), orderIds));
      return codes.map((code) => commitOutcomes.get(code) ?? unexpected('commit', code));
    },

    /** Puts an order's units back on sale, once. */
    async release(saleId: string, orderId: string): Promise<ReleaseOutcome> {
      const [code, epoch] = numbers(await run('release', saleKeys(saleId), [orderId]));
      if (code === replies.release.RELEASED) return { kind: 'released', openEpoch: epoch === 0 ? null : epoch };
      if (code === replies.release.ALREADY) return { kind: 'already' };
      return code === replies.release.UNKNOWN ? { kind: 'unknown' } : unexpected('release', code);
    },

    /** Opens, pauses, resumes or closes; `openNow` also moves the window's start to this instant. */
    async setState(saleId: string, action: SaleAction, openNow = false): Promise<SetStateOutcome> {
      return setStateOutcome(await run('set-state', saleKeys(saleId), [action, openNow ? 'now' : '', '', 0]));
    },

    /** Pauses a sale whose books are in doubt; only {@link mend} lets it be resumed. The epoch will be above `lowestEpoch`. */
    async pauseForFault(saleId: string, fault: string, lowestEpoch: number): Promise<SetStateOutcome> {
      return setStateOutcome(await run('set-state', saleKeys(saleId), ['pause', '', fault, lowestEpoch]));
    },

    /** Takes the fault away; the sale stays paused until it is resumed. */
    async mend(saleId: string): Promise<SetStateOutcome> {
      return setStateOutcome(await run('set-state', saleKeys(saleId), ['mend', '', '', 0]));
    },

    /** Gives an order that exists elsewhere its reservation back; the sale must be paused or a draft. */
    async restore(saleId: string, order: KnownOrder): Promise<RestoreOutcome> {
      const { orderId, state, units, place, acceptedAt, userId } = order;
      const args = [orderId, state === 'held' ? 'h' : 'c', units, place, acceptedAt, userId];
      const [code] = numbers(await run('restore', saleKeys(saleId), args));
      return restoreOutcomes.get(code) ?? unexpected('restore', code);
    },

    /** Which of these orders have no reservation. */
    async withoutReservation(saleId: string, orderIds: readonly string[]): Promise<string[]> {
      if (orderIds.length === 0) return [];
      const records = await redis.hmget(saleKeys(saleId).reservations, ...orderIds).catch(fail);
      return orderIds.filter((_orderId, index) => records[index] == null);
    },

    /** The ids of every sale whose stock is here. */
    async sales(): Promise<string[]> {
      return redis.smembers(salesRegistryKey).catch(fail);
    },

    /** The sale's numbers, read at one instant; null when there is no stock of that sale here. */
    async sale(saleId: string): Promise<StockSale | null> {
      const keys = saleKeys(saleId);
      const results = await redis.multi().hgetall(keys.sale).get(keys.stock).exec().catch(fail);
      const [hash, free] = (results ?? []).map(([error, value]) => (error === null ? value : fail(error)));
      return toStockSale(hash, free);
    },

    /** One order's reservation, null when nothing was ever granted to it. */
    async reservation(orderId: string): Promise<Reservation | null> {
      const saleId = saleIdOfOrder(orderId);
      if (saleId === null) return null;
      const record = await redis.hget(saleKeys(saleId).reservations, orderId).catch(fail);
      return record === null ? null : parseReservation(record);
    },

    /**
     * Sale, stock, buyers and every reservation at one instant (one MULTI): the audit's cut. It blocks Redis for about
     * a millisecond per thousand reservations.
     */
    async cut(saleId: string): Promise<StockCut | null> {
      const keys = saleKeys(saleId);
      const results = await redis
        .multi()
        .hgetall(keys.sale)
        .get(keys.stock)
        .hgetall(keys.reservations)
        .hgetall(keys.buyers)
        .exec()
        .catch(fail);
      const [hash, free, records, held] = (results ?? []).map(([error, value]) =>
        error === null ? value : fail(error),
      );
      const sale = toStockSale(hash, free);
      if (sale === null) return null;
      const entries = Object.entries(records as Record<string, string>); // HGETALL's reply in ioredis' legacy shape
      const buyers = Object.entries(held as Record<string, string>); // the same
      return {
        sale,
        reservations: new Map(entries.map(([orderId, record]) => [orderId, parseReservation(record)])),
        buyers: new Map(buyers.map(([userId, units]) => [userId, Number(units)])),
      };
    },

    /** Accepted orders that no relay has moved to the queue yet. */
    async outboxLength(saleId: string): Promise<number> {
      return redis.xlen(saleKeys(saleId).outbox).catch(fail);
    },

    /** Orders that were ever granted in a sale. */
    async orderCount(saleId: string): Promise<number> {
      return redis.hlen(saleKeys(saleId).reservations).catch(fail);
    },

    /** A page of reservations: about `count` of them and the cursor of the next page (`'0'` ends). */
    async scanReservations(saleId: string, cursor: string, count: number) {
      const [next, flat] = await redis.hscan(saleKeys(saleId).reservations, cursor, 'COUNT', count).catch(fail);
      const page: { orderId: string; reservation: Reservation }[] = [];
      for (let index = 0; index + 1 < flat.length; index += 2) {
        page.push({ orderId: flat[index] ?? '', reservation: parseReservation(flat[index + 1] ?? '') });
      }
      return { cursor: next, page };
    },
  };
}

function fail(error: unknown): never {
  throw faultOf(error);
}

function unexpected(script: string, code: number): never {
  throw new Error(`the script ${script} returned an unknown code: ${code}`);
}

function numbers(reply: unknown): [number, number, number, ...number[]] {
  if (!Array.isArray(reply)) throw new Error(`a stock script returned ${JSON.stringify(reply)}`);
  return reply.map(Number) as [number, number, number, ...number[]]; // as many as the script's header says
}

const commitOutcomes = new Map<number, CommitOutcome>([
  [replies.commit.COMMITTED, 'committed'],
  [replies.commit.ALREADY, 'already'],
  [replies.commit.UNKNOWN, 'unknown'],
  [replies.commit.RELEASED, 'released'],
]);

const restoreOutcomes = new Map<number, RestoreOutcome>([
  [replies.restore.RESTORED, 'restored'],
  [replies.restore.ALREADY, 'already'],
  [replies.restore.NOT_STANDING, 'not_standing'],
  [replies.restore.NO_UNITS, 'no_units'],
]);

const setStateKinds = new Map<number, 'done' | 'already' | 'not_allowed' | 'faulty'>([
  [replies['set-state'].DONE, 'done'],
  [replies['set-state'].ALREADY, 'already'],
  [replies['set-state'].NOT_ALLOWED, 'not_allowed'],
  [replies['set-state'].FAULTY, 'faulty'],
]);

function setStateOutcome(reply: unknown): SetStateOutcome {
  const [code, epoch, state] = reply as [number, number, string]; // the script's three fields, see its header
  if (code === replies['set-state'].SALE_UNKNOWN) return { kind: 'sale_unknown' };
  const kind = setStateKinds.get(code) ?? unexpected('set-state', code);
  return { kind, state: toStoredState(state), epoch };
}

function reserveOutcome([code, value, epoch]: readonly [number, number, number, ...number[]]): ReserveOutcome {
  const reply = replies.reserve;
  switch (code) {
    case reply.ACCEPTED:
      return { kind: 'accepted', place: value, soldOutEpoch: epoch === 0 ? null : epoch };
    case reply.REPLAY:
      return { kind: 'replay', place: value };
    case reply.SALE_UNKNOWN:
      return { kind: 'sale_unknown' };
    case reply.NOT_OPEN:
      return { kind: 'not_open', opensInMs: value === 0 ? null : value };
    case reply.PAUSED:
      return { kind: 'paused' };
    case reply.SOLD_OUT:
      return { kind: 'sold_out', epoch };
    case reply.CLOSED:
      return { kind: 'closed' };
    case reply.LIMIT_REACHED:
      return { kind: 'limit_reached', limit: value };
    case reply.NOT_ENOUGH:
      return { kind: 'not_enough', free: value };
    default:
      return unexpected('reserve', code);
  }
}

function toStoredState(text: string | undefined): StoredSaleState {
  const state = storedSaleStates.find((known) => known === text);
  if (state === undefined) throw new Error(`stock Redis holds an unknown sale state: ${JSON.stringify(text)}`);
  return state;
}

function toStockSale(hash: unknown, free: unknown): StockSale | null {
  const fields = hash as Record<string, string>; // HGETALL's reply in ioredis' legacy shape
  if (fields.state === undefined) return null;
  return {
    state: toStoredState(fields.state),
    epoch: Number(fields.epoch),
    opensAtMs: Number(fields.opensAt),
    closesAtMs: Number(fields.closesAt),
    limitPerUser: Number(fields.limit),
    total: Number(fields.total),
    free: Number(free),
    returned: Number(fields.returned),
    committed: Number(fields.committed),
    skipped: Number(fields.skipped),
    fault: fields.fault ?? null,
  };
}
