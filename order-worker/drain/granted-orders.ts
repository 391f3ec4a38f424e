import type { Queue } from 'bullmq';
import type { AcceptedOrder } from '#contract/order.ts';
import { orderJobOptions } from '#contract/queues.ts';
import type { Reservation } from '#contract/reservation.ts';

/** The order that a reservation was granted to, as its job carries it; by which request it came is known no more. */
export function grantedOrder(saleId: string, orderId: string, reservation: Omit<Reservation, 'state'>): AcceptedOrder {
  const { userId, units, place, acceptedAt } = reservation;
  return { orderId, saleId, userId, quantity: units, place, acceptedAt };
}

/** Puts orders into the queue, some or all when it throws. An order that has a job there, in any state, gets no second. */
export async function enqueueOrders(queue: Pick<Queue, 'addBulk'>, orders: readonly AcceptedOrder[]): Promise<void> {
  await queue.addBulk(
    orders.map((data) => ({ name: 'order', data, opts: { ...orderJobOptions, jobId: data.orderId } })),
  );
}
