import { type AcceptedOrder, tracks } from '#contract/order.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Tracing } from '#runtime/tracing.ts';
import type { AddChunks } from './add-chunks.ts';
import { type OutboxEntries, type OutboxEntry, readEntry } from './outbox-entries.ts';

/**
 * Moves entries of one sale to the queue, and takes them out of the outbox after that. Returns how many it moved. Rejects when the
 * queue did not take all of them: the others stay in the outbox.
 */
export type MoveEntries = (saleId: string, entries: readonly OutboxEntry[]) => Promise<number>;

export function createMoveEntries(deps: {
  outbox: Pick<OutboxEntries, 'remove'>;
  addChunks: AddChunks;
  logger: Logger;
  tracing: Pick<Tracing, 'record'> | null;
  onMoved: ((count: number) => void) | undefined;
  /** The queue did not take all that it was given. */
  onRefused: () => void;
}): MoveEntries {
  const { outbox, addChunks, logger, tracing, onMoved, onRefused } = deps;

  return async (saleId, entries) => {
    if (entries.length === 0) return 0;
    const orders: AcceptedOrder[] = [];
    /** Of each order, its entry's place. */
    const at: number[] = [];
    for (const [index, entry] of entries.entries()) {
      const order = readEntry(saleId, entry);
      if (order !== null) {
        orders.push(order);
        at.push(index);
        continue;
      }
      const [id, fields] = entry;
      // It leaves the outbox all the same: its reservation is still held, and the sweeper works from that.
      if (fields !== null) logger.error({ saleId, id, fields }, 'an outbox entry cannot be read: left to the sweeper');
    }
    const { count, fault } = await addChunks(saleId, orders);
    if (fault !== null) onRefused();
    const moved = fault === null ? entries : entries.slice(0, at[count]);
    await outbox.remove(saleId, moved);
    const queued = fault === null ? orders : orders.slice(0, count);
    // One line a batch, off the requests' path: here an order's id and its request's are first seen together.
    if (queued.length > 0) logger.info({ saleId, orders: queued.map(tracks) }, 'orders moved to the queue');
    if (tracing !== null) for (const order of queued) traceMove(tracing, order);
    onMoved?.(moved.length);
    if (fault !== null) throw fault;
    return moved.length;
  };
}

/** From the yes until the queue has it. Only an order whose purchase is traced has a trace. */
function traceMove(tracing: Pick<Tracing, 'record'>, { orderId, traceparent, acceptedAt }: AcceptedOrder): void {
  if (traceparent === undefined) return;
  const attributes = { 'seckill.order': orderId };
  const span = { name: 'relay', kind: 'producer' as const, startMs: acceptedAt, endMs: Date.now(), attributes };
  tracing.record({ ...span, parent: traceparent });
}
