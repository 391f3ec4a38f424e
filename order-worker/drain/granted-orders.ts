import type { Queue } from 'bullmq';
import type { AcceptedOrder } from '#contract/order.ts';
import { chunkJobs } from '#contract/order-chunk.ts';
import type { Reservation } from '#contract/reservation.ts';
import type { Stock } from '#stock/stock.ts';

/** The order that a reservation was granted to, as its job carries it; by which request it came is known no more. */
export function grantedOrder(saleId: string, orderId: string, reservation: Omit<Reservation, 'state'>): AcceptedOrder {
  const { userId, units, place, acceptedAt } = reservation;
  return { orderId, saleId, userId, quantity: units, place, acceptedAt };
}

/**
 * Those whose reservations are there when they are read again, behind the barrier: an order that was read of a server that is
 * the primary no more would be a row without a reservation. Throws a StockFault when too few replicas have them.
 */
export async function stillGranted<T extends { orderId: string }>(
  stock: Pick<Stock, 'barrier' | 'withoutReservation'>,
  saleId: string,
  orders: readonly T[],
): Promise<T[]> {
  const ids = orders.map(({ orderId }) => orderId);
  const gone = new Set(await stock.barrier(saleId, () => stock.withoutReservation(saleId, ids)));
  return orders.filter(({ orderId }) => !gone.has(orderId));
}

/**
 * Puts orders of one sale into the queue that are in no chunk there which runs, or will; some or all when it throws. A chunk of the
 * same orders that has failed, or that no list has any more, would keep the new one out, so it is removed.
 */
export async function enqueueOrders(
  queue: Pick<Queue, 'addBulk' | 'remove'>,
  saleId: string,
  orders: readonly AcceptedOrder[],
): Promise<void> {
  const jobs = chunkJobs(saleId, orders);
  await Promise.all(jobs.map(({ opts }) => queue.remove(opts.jobId)));
  await queue.addBulk(jobs);
}
