import type { Job } from 'bullmq';
import { expect, test } from 'vitest';
import { type AcceptedOrder, newOrderId } from '#contract/order.ts';
import { chunkJobs } from '#contract/order-chunk.ts';
import { createHand } from './hand.ts';
import { openJob, type Part } from './taken-job.ts';

const makeOrders = (count: number): AcceptedOrder[] =>
  Array.from({ length: count }, (_, nth) => ({
    ...{ orderId: newOrderId('tea', 1), saleId: 'tea', userId: `u-${nth}`, quantity: 1, place: nth + 1, acceptedAt: 1 },
  }));
const taken = (orders: readonly AcceptedOrder[]) => {
  const [chunk] = chunkJobs('tea', orders);
  return openJob({ id: chunk?.opts.jobId, data: chunk?.data } as Job).taken;
};
const placesOf = (parts: readonly Part[]) => parts.map(({ orders }) => orders.map(({ place }) => place));

test('orders leave the hand in their order, as many as are asked for, across the chunks they came in', () => {
  const hand = createHand();
  const orders = makeOrders(7);
  const [first, second] = [taken(orders.slice(0, 3)), taken(orders.slice(3))];
  for (const job of [first, second]) hand.add(job);
  expect(hand.count()).toBe(7);
  expect(placesOf(hand.take(2))).toEqual([[1, 2]]);
  const parts = hand.take(3);
  expect(placesOf(parts)).toEqual([[3], [4, 5]]);
  expect(parts.map(({ from }) => from)).toEqual([first, second]);
  expect(hand.count()).toBe(2);
  expect(placesOf(hand.take(10))).toEqual([[6, 7]]);
  expect(hand.take(1)).toEqual([]);
});

test('a job that failed, leaves or is lost is passed over', () => {
  const hand = createHand();
  const orders = makeOrders(4);
  const jobs = orders.map((order) => taken([order]));
  for (const job of jobs) hand.add(job);
  Object.assign(jobs[0] ?? {}, { isLost: true });
  Object.assign(jobs[1] ?? {}, { isLeaving: true });
  Object.assign(jobs[2] ?? {}, { fault: new Error('no') });
  expect(hand.count()).toBe(1);
  expect(placesOf(hand.take(4))).toEqual([[4]]);
});
