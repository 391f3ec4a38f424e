import type { Queue } from 'bullmq';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, type Loop, startLoop } from '#runtime/loop.ts';
import type { Stock } from '#stock/stock.ts';
import type { OrderStore } from '../orders/order-store.ts';
import { countOrders, createOrderFinder } from '../queue/queued-orders.ts';
import { enqueueOrders, grantedOrder, stillGranted } from './granted-orders.ts';

/**
 * Finds reservations that are held for longer than the way to the database takes, and finishes them (I3): a row that
 * is there is committed; one that is not is enqueued again. So even a wiped queue Redis loses no order. Any number of
 * sweepers may run: the jobId and the scripts make each step idempotent.
 *
 * It walks the reservations page by page, and only when nothing else explains the wait: the outbox is empty (else the
 * relay still has them) and the queue is short (else they stand in it).
 */
export function startSweeper(deps: {
  stock: Stock;
  store: Pick<OrderStore, 'present'>;
  queue: Queue;
  logger: Logger;
  now: () => number;
  onSwept: (outcome: 'committed' | 'enqueued', count: number) => void;
  heldForMs?: number;
  everyMs?: number;
}): Loop {
  const { stock, store, queue, logger, now, onSwept, heldForMs = 15_000, everyMs = 5000 } = deps;
  const warn = createThrottledWarn(logger);
  /** Orders. */
  const shortQueue = 200;
  const page = 500;

  const findInQueue = createOrderFinder(queue);

  async function sweep(saleId: string): Promise<void> {
    if ((await stock.outboxLength(saleId)) > 0) return;
    // As many units committed as granted: none is held, and a million reservations need not be walked.
    const sale = await stock.sale(saleId);
    if (sale === null || sale.total + sale.returned - sale.free === sale.committed) return;
    let cursor = '0';
    do {
      const scan = await stock.scanReservations(saleId, cursor, page);
      cursor = scan.cursor;
      const overdue = scan.page.filter(
        ({ reservation }) => reservation.state === 'held' && now() - reservation.acceptedAt > heldForMs,
      );
      if (overdue.length > 0) await finish(saleId, overdue);
    } while (cursor !== '0');
  }

  async function finish(
    saleId: string,
    overdue: Awaited<ReturnType<Stock['scanReservations']>>['page'],
  ): Promise<void> {
    const ids = overdue.map(({ orderId }) => orderId);
    // What has a job is not lost: it waits, runs, or lies among the dead letters until ops decide. The queue is asked before the
    // rows, as an order travels: one that is stored meanwhile is found there.
    const queued = await findInQueue(saleId, ids);
    const present = await store.present(ids);
    const rows = [...present].map(([orderId, shown]) => ({ orderId, shown }));
    await stock.commitShown(saleId, rows);
    if (rows.length > 0) onSwept('committed', rows.length);
    const jobless = overdue.filter(({ orderId }) => !present.has(orderId) && !queued.has(orderId));
    if (jobless.length === 0) return;
    const lost = await stillGranted(stock, saleId, jobless);
    if (lost.length === 0) return;
    await enqueueOrders(
      queue,
      saleId,
      lost.map(({ orderId, reservation }) => grantedOrder(saleId, orderId, reservation)),
    );
    onSwept('enqueued', lost.length);
    logger.warn({ saleId, committed: rows.length, enqueued: lost.length }, 'reservations were held too long');
  }

  return startLoop({
    name: 'sweeper',
    everyMs,
    logger,
    pass: async () => {
      const { waiting, active } = await countOrders(queue);
      if (waiting + active > shortQueue) return 'idle';
      await eachSafely(await stock.sales(), sweep, (error, saleId) => warn(error, `sweeping ${saleId}`));
      return 'idle';
    },
  });
}
