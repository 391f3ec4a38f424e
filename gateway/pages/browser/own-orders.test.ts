import { expect, test } from 'vitest';
import { newOrderId, type OrderView } from '#contract/order.ts';
import type { ListedOrder } from '#contract/order-list.ts';
import { createOwnOrders } from './own-orders.ts';

const from = Date.parse('2026-11-11T12:00:00Z');
const listed = (saleId: string, atMs: number): ListedOrder => ({
  ...{ orderId: newOrderId(saleId, atMs), saleId, title: saleId, state: 'paid', quantity: 1, place: 1 },
  amount: { amount: 100, currency: 'CNY' },
  payBy: new Date(atMs + 900_000).toISOString(),
  acceptedAt: new Date(atMs).toISOString(),
});
const queued = (saleId: string, atMs: number, state: OrderView['state'] = 'queued') => {
  const { orderId, quantity, place } = listed(saleId, atMs);
  return { view: { orderId, saleId, quantity, place, state, amount: null } as OrderView, sale: null };
};
const names = (orders: ReturnType<typeof createOwnOrders>) => orders.all().map(({ saleId }) => saleId);

test('older pages come after newer ones, and the way to them stays when the newest is asked for again', () => {
  const orders = createOwnOrders();
  const [a, b, c] = [listed('a', from + 2), listed('b', from + 1), listed('c', from)];
  orders.learnNewest({ orders: [a], next: 'to-b' });
  orders.learnOlder({ orders: [b, c], next: null });
  orders.learnNewest({ orders: [{ ...a, state: 'refunded' }], next: 'to-b' });
  expect([names(orders), orders.next()]).toEqual([['a', 'b', 'c'], null]);
  expect(orders.all()[0]?.state).toBe('refunded');
});

test('an order that waits to be stored is the first, until it is listed; of one that does not wait only the list tells', () => {
  const orders = createOwnOrders();
  orders.learnNewest({ orders: [listed('a', from)], next: null });
  const young = queued('young', from + 1);
  orders.learnWaiting([young, queued('failed', from + 2, 'failed')]);
  expect([names(orders), orders.isAnyWaiting()]).toEqual([['young', 'a'], true]);
  orders.learnNewest({ orders: [{ ...listed('young', from + 1), orderId: young.view.orderId }], next: null });
  expect([names(orders), orders.isAnyWaiting()]).toEqual([['young', 'a'], false]);
});

test('of the orders that this browser knows, three are asked for at most: the youngest that are in no list', () => {
  const orders = createOwnOrders();
  const known = Array.from({ length: 6 }, (_, index) => listed(`z${9 - index}`, from + index));
  orders.learnNewest({ orders: known.slice(5), next: null });
  expect(orders.unlisted(known.map(({ orderId }) => orderId))).toEqual(
    [known[4], known[3], known[2]].map((order) => order?.orderId),
  );
});
