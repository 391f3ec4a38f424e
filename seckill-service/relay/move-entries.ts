import { type AcceptedOrder, tracks } from '#contract/order.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Tracing } from '#runtime/tracing.ts';
import type { AddOrders } from './add-orders.ts';
import { type OutboxEntries, type OutboxEntry, readEntry } from './outbox-entries.ts';

/** Moves entries of one sale to the queue, and takes them out of the outbox after that. Returns how many it moved. */
export type MoveEntries = (saleId: string, entries: readonly OutboxEntry[]) => Promise<number>;

export function createMoveEntries(deps: {
  outbox: Pick<OutboxEntries, 'remove'>;
  addOrders: AddOrders;
  logger: Logger;
  tracing: Pick<Tracing, 'record'> | null;
  onMoved: ((count: number) => void) | undefined;
}): MoveEntries {
  const { outbox, addOrders, logger, tracing, onMoved } = deps;

  return async (saleId, entries) => {
    if (entries.length === 0) return 0;
    const orders = entries.flatMap((entry) => {
      const order = readEntry(saleId, entry);
      if (order !== null) return [order];
      const [id, fields] = entry;
      // It leaves the outbox all the same: its reservation is still held, and the sweeper works from that.
      logger.error({ saleId, id, fields }, 'an outbox entry cannot be read: left to the sweeper');
      return [];
    });
    await addOrders(orders);
    await outbox.remove(saleId, entries);
    // One line a batch, off the requests' path: here an order's id and its request's are first seen together.
    if (orders.length > 0) logger.info({ saleId, orders: orders.map(tracks) }, 'orders moved to the queue');
    if (tracing !== null) for (const order of orders) traceMove(tracing, order);
    onMoved?.(entries.length);
    return entries.length;
  };
}

/** From the yes until the queue has it. Only an order whose purchase is traced has a trace. */
function traceMove(tracing: Pick<Tracing, 'record'>, { orderId, traceparent, acceptedAt }: AcceptedOrder): void {
  if (traceparent === undefined) return;
  const attributes = { 'seckill.order': orderId };
  const span = { name: 'relay', kind: 'producer' as const, startMs: acceptedAt, endMs: Date.now(), attributes };
  tracing.record({ ...span, parent: traceparent });
}
