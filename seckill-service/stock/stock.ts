import type { Redis } from 'ioredis';
import { saleIdOfOrder } from '#contract/order.ts';
import type { Origin } from '#contract/origin.ts';
import { relayGroup, saleKeys, salesRegistryKey } from '#contract/redis-keys.ts';
import { parseReservation, type Reservation } from '#contract/reservation.ts';
import { saleNewsChannel } from '#contract/sale-news.ts';
import { formatShownOrder, parseShownOrder, type ShownOrder, shownOrdersChannel } from '#contract/shown-order.ts';
import { faultOf } from './fault.ts';
import { defineScripts } from './load-scripts.ts';
import {
  type CommitOutcome,
  commitOutcomes,
  numbers,
  type RecountOutcome,
  type ReleaseOutcome,
  type ReserveOutcome,
  type RestoreOutcome,
  recountOutcome,
  restoreOutcomes,
  type SaleAction,
  type SetStateOutcome,
  setStateOutcome,
  unexpected,
} from './outcomes.ts';
import { attempt, list, pairs, toSale } from './read-reply.ts';
import { replies } from './replies.ts';
import { outcomeAt, type Question, reserveArguments } from './reserve-batch.ts';
import { type StockCut, type StockSale, toStockSale, unitsGranted } from './stock-sale.ts';

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

/**
 * The one face of stock Redis: outcomes are values, a {@link StockFault} is thrown when Redis gives no answer. Give it
 * a `hot` connection for decisions, a `patient` one for everything that is idempotent and in no hurry.
 */
export type Stock = ReturnType<typeof createStock>;

/** About 1 ms of stock Redis. */
const salesPerTrip = 100;

export function createStock(redis: Redis) {
  const scripts = defineScripts(redis);
  const run: typeof scripts.one = (...call) => scripts.one(...call).catch(fail);

  /**
   * Grants units to orders of one sale, at most 100, one after the other in one call: what a call costs is paid once.
   * Outcomes in the order of `questions`, a fault in the place of an order that has none.
   */
  async function reserveAll(saleId: string, questions: readonly Question[]): Promise<(ReserveOutcome | Error)[]> {
    const reply = list(await run('reserve', saleKeys(saleId), questions.flatMap(reserveArguments)));
    if (reply.length !== 3 * questions.length)
      throw new Error(`the script reserve answered ${questions.length} orders with ${JSON.stringify(reply)}`);
    return questions.map((_question, index) => outcomeAt(reply, 3 * index));
  }

  return {
    /** Loads a draft's units. `live`: the sale is past being a draft, nothing was changed. */
    async preload(saleId: string, plan: PreloadPlan): Promise<{ kind: 'done'; epoch: number } | { kind: 'live' }> {
      const { total, opensAtMs, closesAtMs, limitPerUser, lowestEpoch } = plan;
      const args = [total, opensAtMs, closesAtMs, limitPerUser, lowestEpoch, relayGroup];
      // Another slot than the sale's, so a command of its own, and sent first: a name without stock is passed over
      // everywhere, stock without a name would sell unseen by relay, sweeper and reconciler.
      const named = redis.sadd(salesRegistryKey, saleId).catch(fail);
      const [, reply] = await Promise.all([named, run('preload', saleKeys(saleId), args)]);
      const [code, epoch] = numbers(reply);
      if (code === replies.preload.LIVE) return { kind: 'live' };
      return { kind: 'done', epoch };
    },

    /**
     * Grants `quantity` (a positive integer) units to an order, once. The outbox carries `origin` on. A call that reaches
     * Redis at `notAfterMs` of Redis' own clock (Unix ms, see {@link clock}) or later does nothing: `unavailable`.
     */
    async reserve(
      saleId: string,
      orderId: string,
      userId: string,
      quantity: number,
      origin: Origin = {},
      notAfterMs: number | null = null,
    ): Promise<ReserveOutcome> {
      const [outcome] = await reserveAll(saleId, [{ orderId, userId, quantity, origin, notAfterMs }]);
      if (outcome === undefined || outcome instanceof Error) throw outcome;
      return outcome;
    },

    reserveAll,

    /** Marks orders of one sale, at most 1,000, as stored in the database. Outcomes in the order of `orderIds`. */
    async commit(saleId: string, orderIds: readonly string[]): Promise<CommitOutcome[]> {
      if (orderIds.length === 0) return [];
      const codes = numbers(await run('commit', saleKeys(saleId), orderIds));
      return codes.map((code) => commitOutcomes.get(code) ?? unexpected('commit', code));
    },

    /**
     * Puts an order's units back on sale, once, or withholds them from it. Stock Redis tells the services when that opens
     * the sale again.
     */
    async release(saleId: string, orderId: string, where: UnitsGo = 'shelf'): Promise<ReleaseOutcome> {
      const [code, epoch] = numbers(await run('release', saleKeys(saleId), [orderId, saleId, saleNewsChannel, where]));
      if (code === replies.release.RELEASED) return { kind: 'released', openEpoch: epoch === 0 ? null : epoch };
      if (code === replies.release.WITHHELD) return { kind: 'withheld' };
      if (code === replies.release.ALREADY) return { kind: 'already' };
      return code === replies.release.UNKNOWN ? { kind: 'unknown' } : unexpected('release', code);
    },

    /**
     * Shows stored orders of one sale, at most 1,000, to whoever asks for them: a picture of their rows. A picture that is
     * older than the one there changes nothing.
     */
    async show(saleId: string, orders: readonly (ShownOrder & { orderId: string })[]): Promise<void> {
      if (orders.length === 0) return;
      const triples = orders.flatMap((order) => [order.orderId, order.version, formatShownOrder(order)]);
      await run('show', saleKeys(saleId), [shownOrdersChannel, ...triples]);
    },

    /** Opens, pauses, resumes or closes; `openNow` also moves the window's start to this instant. */
    async setState(saleId: string, action: SaleAction, openNow = false): Promise<SetStateOutcome> {
      return setStateOutcome(await run('set-state', saleKeys(saleId), [action, openNow ? 'now' : '', '', 0]));
    },

    /**
     * Takes a sale off the list of {@link sales} when nothing of it can be on its way any more: its window has been over for
     * `afterMs`, its outbox is empty, and every order of it is stored or was given back. True when it did. Whatever may still
     * come (a refund, an audit) finds the sale by its id. A draft stays, it can be loaded anew; so does a paused sale, it can
     * be given orders back.
     */
    async retire(saleId: string, afterMs: number): Promise<boolean> {
      const isOver = async () => {
        const [sale, outbox, now] = await Promise.all([this.sale(saleId), this.outboxLength(saleId), this.clock()]);
        if (sale === null || sale.state === 'draft' || sale.state === 'paused') return false;
        return outbox === 0 && now >= sale.closesAtMs + afterMs && unitsGranted(sale) - sale.skipped === sale.committed;
      };
      if (!(await isOver())) return false;
      await redis.srem(salesRegistryKey, saleId).catch(fail);
      // Ops may have paused it, and begun to give it orders back, in between.
      if (await isOver()) return true;
      await redis.sadd(salesRegistryKey, saleId).catch(fail);
      return false;
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
      // Before, as in preload: a held order must be found by the sweeper.
      const named = redis.sadd(salesRegistryKey, saleId).catch(fail);
      const [, reply] = await Promise.all([named, run('restore', saleKeys(saleId), args)]);
      const [code] = numbers(reply);
      return restoreOutcomes.get(code) ?? unexpected('restore', code);
    },

    /**
     * Sets the counts and the buyers of a sale that is off sale to what its reservations say, or, with `look`, only tells
     * what it would set. Again changes nothing more.
     */
    async recount(saleId: string, how: 'look' | 'mend'): Promise<RecountOutcome> {
      return recountOutcome(await run('recount', saleKeys(saleId), [how]));
    },

    /** Which of these orders have no reservation. */
    async withoutReservation(saleId: string, orderIds: readonly string[]): Promise<string[]> {
      if (orderIds.length === 0) return [];
      const records = await redis.hmget(saleKeys(saleId).reservations, ...orderIds).catch(fail);
      return orderIds.filter((_orderId, index) => records[index] == null);
    },

    /** Redis' own clock, Unix ms with fractions: windows and deadlines go by it. */
    async clock(): Promise<number> {
      const [seconds = Number.NaN, microseconds = Number.NaN] = await redis.time().catch(fail);
      return seconds * 1000 + microseconds / 1000;
    },

    /** The ids of every sale whose stock is here. */
    async sales(): Promise<string[]> {
      return redis.smembers(salesRegistryKey).catch(fail);
    },

    /** The sale's numbers, read at one instant; null when there is no stock of that sale here. */
    async sale(saleId: string): Promise<StockSale | null> {
      return toSale(await run('read-sale', saleKeys(saleId), []));
    },

    /**
     * The same of many sales, each read at an instant of its own: a thousand cost ten round trips, and purchases get their
     * turn in between. In the place of a sale that cannot be read stands the error.
     */
    async eachSale(saleIds: readonly string[]): Promise<Map<string, StockSale | null | Error>> {
      const found = new Map<string, StockSale | null | Error>();
      for (let at = 0; at < saleIds.length; at += salesPerTrip) {
        const some = saleIds.slice(at, at + salesPerTrip);
        const answers = await scripts.each('read-sale', some.map(saleKeys)).catch(fail);
        for (const [index, saleId] of some.entries())
          found.set(
            saleId,
            attempt(() => toSale(answers[index])),
          );
      }
      return found;
    },

    /** One order's reservation, null when nothing was ever granted to it. */
    async reservation(orderId: string): Promise<Reservation | null> {
      const saleId = saleIdOfOrder(orderId);
      if (saleId === null) return null;
      const record = await redis.hget(saleKeys(saleId).reservations, orderId).catch(fail);
      return record === null ? null : parseReservation(record);
    },

    /** What an order's shopper is shown, null while it is not stored. */
    async shown(orderId: string): Promise<ShownOrder | null> {
      const saleId = saleIdOfOrder(orderId);
      if (saleId === null) return null;
      const picture = await redis.hget(saleKeys(saleId).orders, orderId).catch(fail);
      return picture === null ? null : parseShownOrder(picture);
    },

    /** Sale, stock, buyers and every reservation at one instant: the audit's cut. See read-books.lua for its cost. */
    async cut(saleId: string): Promise<StockCut | null> {
      const [code, free, reservations, buyers, ...fields] = list(await run('read-books', saleKeys(saleId), []));
      if (code !== replies['read-books'].FOUND) return null;
      return {
        sale: toStockSale(free, fields),
        reservations: pairs(reservations, parseReservation),
        buyers: pairs(buyers, Number),
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
