import type { Redis } from 'ioredis';
import { saleIdOfOrder } from '#contract/order.ts';
import { readOutboxFields } from '#contract/outbox.ts';
import { saleKeys, salesRegistryKey } from '#contract/redis-keys.ts';
import { parseReservation, type Reservation } from '#contract/reservation.ts';
import { parseShownOrder } from '#contract/shown-order.ts';
import { fail, faultOf } from './fault.ts';
import type { RunScripts } from './load-scripts.ts';
import { attempt, list, pairs, toSale } from './read-reply.ts';
import { replies } from './replies.ts';
import type { StockReads } from './stock.ts';
import { type StockSale, toStockSale } from './stock-sale.ts';

/** About 1 ms of stock Redis. */
const salesPerTrip = 100;

/** The half of the stock that writes nothing. */
export function createStockReads(redis: Redis, scripts: RunScripts): StockReads {
  return {
    async withoutReservation(saleId, orderIds) {
      if (orderIds.length === 0) return [];
      const records = await redis.hmget(saleKeys(saleId).reservations, ...orderIds).catch(fail);
      return orderIds.filter((_orderId, index) => records[index] == null);
    },

    async clock() {
      const [seconds = Number.NaN, microseconds = Number.NaN] = await redis.time().catch(fail);
      return seconds * 1000 + microseconds / 1000;
    },

    async sales() {
      return redis.smembers(salesRegistryKey).catch(fail);
    },

    async sale(saleId) {
      return toSale(await scripts.one('read-sale', saleKeys(saleId), []).catch(fail));
    },

    async eachSale(saleIds) {
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

    async reservation(orderId) {
      const saleId = saleIdOfOrder(orderId);
      if (saleId === null) return null;
      const record = await redis.hget(saleKeys(saleId).reservations, orderId).catch(fail);
      return record === null ? null : parseReservation(record);
    },

    async shown(orderId) {
      const saleId = saleIdOfOrder(orderId);
      if (saleId === null) return null;
      const picture = await redis.hget(saleKeys(saleId).orders, orderId).catch(fail);
      return picture === null ? null : parseShownOrder(picture);
    },

    async pictures(saleId, orderIds) {
      if (orderIds.length === 0) return new Map();
      const texts = await redis.hmget(saleKeys(saleId).orders, ...orderIds).catch(fail);
      return new Map(
        orderIds.flatMap((orderId, index) => {
          const text = texts[index];
          return text == null ? [] : [[orderId, parseShownOrder(text)]];
        }),
      );
    },

    async cut(saleId) {
      const reply = list(await scripts.one('read-books', saleKeys(saleId), []).catch(fail));
      const [code, free, reservations, buyers, ...fields] = reply;
      if (code !== replies['read-books'].FOUND) return null;
      return {
        sale: toStockSale(free, fields),
        reservations: pairs(reservations, parseReservation),
        buyers: pairs(buyers, Number),
      };
    },

    async outboxLength(saleId) {
      return redis.xlen(saleKeys(saleId).outbox).catch(fail);
    },

    async inOutbox(saleId, orders) {
      const { outbox } = saleKeys(saleId);
      if (orders.length === 0 || (await redis.xlen(outbox).catch(fail)) === 0) return new Set();
      // An entry's id begins with the instant at which its order was accepted: each is a look along the index.
      const asking = redis.pipeline();
      for (const acceptedAt of new Set(orders.map((order) => order.acceptedAt)))
        asking.xrange(outbox, acceptedAt, acceptedAt);
      const answers = (await asking.exec().catch(fail)) ?? [];
      const there = new Set<string>();
      for (const [error, reply] of answers) {
        if (error !== null) throw faultOf(error);
        for (const [, fields] of reply as [string, string[]][]) there.add(readOutboxFields(fields).orderId);
      }
      return new Set(orders.flatMap(({ orderId }) => (there.has(orderId) ? [orderId] : [])));
    },

    async orderCount(saleId) {
      return redis.hlen(saleKeys(saleId).reservations).catch(fail);
    },

    async scanReservations(saleId, cursor, count) {
      const [next, flat] = await redis.hscan(saleKeys(saleId).reservations, cursor, 'COUNT', count).catch(fail);
      const page: { orderId: string; reservation: Reservation }[] = [];
      for (let index = 0; index + 1 < flat.length; index += 2) {
        page.push({ orderId: flat[index] ?? '', reservation: parseReservation(flat[index + 1] ?? '') });
      }
      return { cursor: next, page };
    },
  };
}
