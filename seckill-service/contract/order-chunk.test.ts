import { expect, test } from 'vitest';
import { type AcceptedOrder, newOrderId } from './order.ts';
import { chunkJobs, isReadable, maxChunkOrders, ordersIn, ordersOfJob, parseChunkId } from './order-chunk.ts';

const saleId = 'spring-2026';
const makeOrders = (count: number): AcceptedOrder[] =>
  Array.from({ length: count }, (_, nth) => ({
    ...{ orderId: newOrderId(saleId, 1_800_000_000_000), saleId, userId: `u-${nth}` },
    ...{ quantity: 1, place: nth + 1, acceptedAt: 1_800_000_000_000 },
  }));
const idsOf = (orders: readonly AcceptedOrder[]) => chunkJobs(saleId, orders).map(({ opts }) => opts.jobId ?? '');

test('orders become chunks of at most 100, in their order, and their ids tell how many there are', () => {
  const orders = makeOrders(2 * maxChunkOrders + 7);
  const jobs = chunkJobs(saleId, orders);
  expect(jobs.flatMap(({ data }) => data.orders)).toEqual(orders);
  expect(idsOf(orders).map(parseChunkId)).toEqual([
    { saleId, count: maxChunkOrders },
    { saleId, count: maxChunkOrders },
    { saleId, count: 7 },
  ]);
  expect(ordersIn([...idsOf(orders), newOrderId(saleId, 0)])).toBe(orders.length + 1);
});

test('the same orders are the same job, others are another one', () => {
  const orders = makeOrders(3);
  expect(idsOf(orders)).toEqual(idsOf([...orders]));
  expect(idsOf(orders.slice(1))).not.toEqual(idsOf(orders.slice(0, 2)));
  expect(parseChunkId(orders[0]?.orderId ?? '')).toBeNull();
});

test('what one order of a chunk says does not hold up the others', () => {
  const [first, second] = makeOrders(2);
  const read = ordersOfJob({ orders: [first, { ...second, quantity: 'many' }, 7, second] });
  expect(read.filter(isReadable)).toEqual([first, second]);
  expect(read.filter((order) => !isReadable(order))).toEqual([
    {
      orderId: second?.orderId,
      reason: expect.stringContaining('not an order'),
      data: { ...second, quantity: 'many' },
    },
    { orderId: null, reason: expect.stringContaining('not an order'), data: 7 },
  ]);
});

test('the job of one order alone, and data of another kind, are read too', () => {
  const [order] = makeOrders(1);
  expect(ordersOfJob(order)).toEqual([order]);
  for (const data of [null, 'rubbish', {}, { orders: 'rubbish' }]) expect(ordersOfJob(data)).toHaveLength(1);
});
