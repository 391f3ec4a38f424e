import type { Job } from 'bullmq';
import { parseTimerId } from '#contract/expiry-timer.ts';
import { type AcceptedOrder, acceptedOrderSchema, saleIdOfOrder } from '#contract/order.ts';
import { parseChunkId } from '#contract/order-chunk.ts';
import { queueNames } from '#contract/queues.ts';
import { deliveryJobSchema, subscriberQueueName } from '#contract/subscribers.ts';
import { counted } from '#runtime/counted.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Stock } from '#stock/stock.ts';
import { grantedOrder } from '../drain/granted-orders.ts';
import { failOrder } from '../orders/fail-order.ts';
import type { DeliveryBacklog } from '../subscribers/delivery-backlog.ts';
import { type DeadLetterKind, type DropOutcome, retryCommand, textOf } from './dead-letter.ts';

const dropped = (says: string): DropOutcome => ({ kind: 'dropped', says });
const refused = (says: string): DropOutcome => ({ kind: 'refused', says });

/**
 * Orders that could not be stored. A shopper was told yes: dropping one ends it, in the open. A whole chunk lies here only
 * when an order-worker of a version before chunks had it in its hands; one of this version takes it back.
 */
export function ordersKind(deps: { pool: Pool; stock: Pick<Stock, 'reservation' | 'sale'> }): DeadLetterKind {
  const { pool, stock } = deps;

  /** What was granted: what the reservation says, whatever the job does. */
  async function grantedTo(
    job: Job,
    saleId: string,
  ): Promise<{ order: AcceptedOrder; isForgotten: boolean } | 'never' | 'went back'> {
    const orderId = job.id ?? '';
    const reservation = await stock.reservation(orderId);
    if (reservation?.state === 'released') return 'went back';
    if (reservation !== null) {
      return { order: acceptedOrderSchema.parse(grantedOrder(saleId, orderId, reservation)), isForgotten: false };
    }
    const sale = await stock.sale(saleId);
    if (sale !== null && sale.fault === null) return 'never';
    // A stock Redis with an older past has forgotten reservations: what the job says was told to a shopper.
    const told = acceptedOrderSchema.safeParse(job.data);
    return told.success && told.data.orderId === orderId ? { order: told.data, isForgotten: true } : 'never';
  }

  return {
    orderOf: ({ id = '' }) => (saleIdOfOrder(id) === null ? null : id),
    mend: (job) => {
      const reason = job.failedReason ?? '';
      const chunk = parseChunkId(job.id ?? '');
      if (chunk !== null) return `nothing: order-worker tries its ${counted(chunk.count, 'order')} again by itself`;
      const saleId = saleIdOfOrder(job.id ?? '') ?? '<saleId>';
      if (reason.startsWith('the catalogue has no sale')) {
        return `seckill sale create (the sale ${saleId} again), then ${retryCommand(queueNames.orders, job.id)}`;
      }
      if (reason.includes('sales_units_guard')) {
        return `seckill audit ${saleId}: the order is one too many; then seckill dlq drop ${job.id}`;
      }
      return retryCommand(queueNames.orders, job.id);
    },
    dropMeans: 'each accepted order among them fails: its shopper is told, its units go back on sale',
    drop: async (job) => {
      const chunk = parseChunkId(job.id ?? '');
      if (chunk !== null)
        return refused(
          `it is a chunk of ${counted(chunk.count, 'order')}, which order-worker tries again by itself; an order that cannot be stored gets a dead letter of its own`,
        );
      const saleId = saleIdOfOrder(job.id ?? '');
      const granted = saleId === null ? 'never' : await grantedTo(job, saleId);
      if (granted === 'never') return dropped('no unit was ever granted to it');
      if (granted === 'went back') return dropped('its units went back before');
      const { order, isForgotten } = granted;
      const outcome = await failOrder(pool, order, `dropped by ops: ${job.failedReason ?? 'no reason'}`);
      if (outcome.kind === 'failed' && isForgotten) {
        return dropped(`the order has failed; stock Redis has forgotten its units: seckill stock rebuild ${saleId}`);
      }
      if (outcome.kind === 'failed') return dropped('the order has failed; its units go back on sale');
      if (outcome.kind === 'already') return dropped(`the order is stored, it is ${outcome.state}`);
      return refused(`the catalogue has no sale ${order.saleId}: create it again, then drop or retry`);
    },
  };
}

/** Timers of unpaid orders, and jobs of one such order as the version before made them. The sweep finds the orders without a job. */
export const expiryKind: DeadLetterKind = {
  orderOf: ({ id = '' }) => (parseTimerId(id) === null ? id : null),
  mend: (job) => retryCommand(queueNames.expiry, job.id),
  dropMeans: 'the sweep goes on trying to expire their orders',
  drop: async () => dropped('the sweep expires its orders without it'),
};

/** Money that is owed. Only giving it back ends that. */
export const refundsKind: DeadLetterKind = {
  orderOf: () => null,
  mend: (job) => retryCommand(queueNames.refunds, job.id),
  dropMeans: 'nothing: a refund that is owed cannot be dropped',
  drop: async (job) =>
    refused(`refund ${textOf(job, 'refundId')} is owed to a shopper: ${retryCommand(queueNames.refunds, job.id)}`),
};

/** What one subscriber was not told. Dropping it means that it never hears of that; later events go on. */
export function subscriberKind(
  backlog: Pick<DeliveryBacklog, 'drop'>,
  subscriber: { id: number; name: string },
): DeadLetterKind {
  return {
    orderOf: (job) => textOf(job, 'orderId'),
    mend: (job) =>
      `seckill subscriber test ${subscriber.name}, then ${retryCommand(subscriberQueueName(subscriber.name), job.id)}`,
    dropMeans: `${subscriber.name} is never told of those events, unless by seckill subscriber replay`,
    drop: async (job: Job) => {
      const data = deliveryJobSchema.safeParse(job.data);
      if (!data.success || data.data.replay !== undefined) return dropped('it was no delivery of its own');
      const { orderId, version } = data.data;
      const was = await backlog.drop(subscriber.id, { orderId, firstVersion: version });
      return dropped(was ? `${subscriber.name} is not told of it` : 'it was delivered before');
    },
  };
}
