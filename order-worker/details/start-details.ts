import type { Hono } from 'hono';
import type { Own } from '#runtime/belongings.ts';
import type { Logger } from '#runtime/logger.ts';
import { Counter, Gauge, type Registry } from '#runtime/metrics.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { FindOwnOrder } from '../orders/find-own-order.ts';
import { createDetailsApp } from './details-routes.ts';
import { createDetailsStore, type DetailsStore } from './details-store.ts';
import { startEraseSweep } from './erase-sweep.ts';
import type { Seal } from './seal.ts';

/** Contact and address of shoppers (I10): the route that takes them, their store, and what erases them in time. */
export function startDetails(deps: {
  own: Own;
  pool: Pool;
  /** Null without a key: then nothing is taken. */
  seal: Seal | null;
  findOwnOrder: FindOwnOrder;
  logger: Logger;
  registers: Registry[];
  onGiven: () => void;
  /** Between two looks of what erases; shorter in tests. */
  eraseEveryMs?: number;
}): { app: Hono; store: DetailsStore } {
  const { own, pool, seal, findOwnOrder, logger, registers, onGiven, eraseEveryMs } = deps;
  const store = createDetailsStore({ pool, seal });
  const erased = new Counter({
    name: 'seckill_details_erased_total',
    help: 'Contact and address of orders that were erased because their time was over',
    registers,
  });
  const overdue = new Gauge({
    name: 'seckill_details_overdue',
    help: 'Orders whose contact and address should have been erased a day ago and are not, at the last look',
    registers,
  });
  own(
    'erasing of contact and address',
    startEraseSweep({
      ...{ pool, logger },
      ...(eraseEveryMs === undefined ? {} : { everyMs: eraseEveryMs }),
      onErased: (rows) => erased.inc(rows),
      onOverdue: (rows) => overdue.set(rows),
    }),
  );
  return { app: createDetailsApp({ findOwnOrder, store, logger, onGiven }), store };
}
