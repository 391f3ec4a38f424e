import type { Queue } from 'bullmq';
import type { AcceptedOrder } from '#contract/order.ts';
import { orderJobOptions } from '#contract/queues.ts';
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

/** Puts orders into the queue, some or all when it throws. An order that has a job there, in any state, gets no second. */
export async function enqueueOrders(queue: Pick<Queue, 'addBulk'>, orders: readonly AcceptedOrder[]): Promise<void> {
  await queue.addBulk(
    orders.map((data) => ({ name: 'order', data, opts: { ...orderJobOptions, jobId: data.orderId } })),
  );
}
