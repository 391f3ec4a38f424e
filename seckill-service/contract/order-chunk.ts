import { hash } from 'node:crypto';
import { type AcceptedOrder, acceptedOrderSchema } from './order.ts';

/**
 * A chunk: orders of one sale that travel to order-worker as one job of the queue `orders`, because a job costs the queue many
 * times what an order in it does. Each order in it is stored, refused and counted by itself.
 *
 * Its job's id is `<saleId>.<count>.<digest>`: how many orders it holds, and a digest of their ids. So the same orders in the
 * same order are the same job, and the queue's orders are counted by the ids of its jobs alone. No order's id has a dot.
 *
 * An order has a job of its own, named by its id, when a chunk could not be stored because of it: then it fails, is retried and
 * becomes a dead letter alone. Versions before chunks gave every order such a job.
 */
export const maxChunkOrders = 100;

export const jobNames = { chunk: 'orders', order: 'order' } as const;

/** A chunk's job stays until its orders are stored, or have jobs of their own: it never becomes a dead letter. */
export const chunkJobOptions = {
  attempts: 1_000_000,
  backoff: { type: 'fixed', delay: 1000 },
  removeOnComplete: true,
  removeOnFail: false,
} as const;

/** A chunk that has failed this often as a whole is given up on: each of its orders goes on alone. */
export const maxChunkTries = 3;

/** What a chunk's job carries. Each order is read by itself, so that one which cannot be read holds up no other. */
export type ChunkData = { orders: readonly AcceptedOrder[] };

export type ChunkJob = { name: string; data: ChunkData; opts: typeof chunkJobOptions & { jobId: string } };

/** The jobs of these orders of one sale, in their order, for `Queue.addBulk`. To add them again adds nothing. */
export function chunkJobs(saleId: string, orders: readonly AcceptedOrder[], maxOrders = maxChunkOrders): ChunkJob[] {
  const jobs: ChunkJob[] = [];
  for (let from = 0; from < orders.length; from += maxOrders) {
    const some = orders.slice(from, from + maxOrders);
    jobs.push({
      name: jobNames.chunk,
      data: { orders: some },
      opts: { ...chunkJobOptions, jobId: chunkId(saleId, some) },
    });
  }
  return jobs;
}

function chunkId(saleId: string, orders: readonly AcceptedOrder[]): string {
  let ids = '';
  for (const { orderId } of orders) ids += `${orderId}\n`;
  return `${saleId}.${orders.length}.${hash('sha256', ids, 'hex').slice(0, 20)}`;
}

const idPattern = /^([a-z0-9-]{1,48})\.(\d{1,9})\.[0-9a-f]{20}$/;

/** The sale and the number of orders that a chunk's job id tells; null of the job of one order. */
export function parseChunkId(jobId: string): { saleId: string; count: number } | null {
  const match = idPattern.exec(jobId);
  return match === null ? null : { saleId: match[1] ?? '', count: Number(match[2]) };
}

/** How many orders these jobs hold. */
export function ordersIn(jobIds: readonly string[]): number {
  return jobIds.reduce((sum, id) => sum + (parseChunkId(id)?.count ?? 1), 0);
}

/** An entry of a job's data that is no order, and why. `orderId`: what it says that it is, where it says so. */
export type UnreadableOrder = { orderId: string | null; reason: string; data: unknown };

/** What the data of a job of the queue `orders` holds: a chunk's orders, or one order alone. Nothing is left out. */
export function ordersOfJob(data: unknown): (AcceptedOrder | UnreadableOrder)[] {
  const orders = typeof data === 'object' && data !== null && 'orders' in data ? data.orders : [data];
  return (Array.isArray(orders) ? orders : [orders]).map(readOrder);
}

export const isReadable = (order: AcceptedOrder | UnreadableOrder): order is AcceptedOrder => 'saleId' in order;

function readOrder(data: unknown): AcceptedOrder | UnreadableOrder {
  const order = acceptedOrderSchema.safeParse(data);
  if (order.success) return order.data;
  const id: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, 'orderId') : null;
  return {
    orderId: typeof id === 'string' ? id : null,
    reason: `not an order: ${order.error.issues[0]?.message}`,
    data,
  };
}
