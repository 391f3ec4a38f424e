import { expect, test } from 'vitest';
import { acceptedOrderSchema, newOrderId } from '#contract/order.ts';
import { outboxFields } from '#contract/outbox.ts';
import { readEntry } from './outbox-entries.ts';

const { orderId: o, userId: u, quantity: q, place: p, origin: r } = outboxFields;
const orderId = newOrderId('tea', 1_800_000_000_000);
const at = '1800000000000-3';
const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const whole = [o, orderId, u, 'ada', q, '2', p, '17', r, `request-1 ${trace}`];
const order = { orderId, saleId: 'tea', userId: 'ada', quantity: 2, place: 17, acceptedAt: 1_800_000_000_000 };
const change = (name: string, value: string) =>
  whole.map((field, index) => (index % 2 === 1 && whole[index - 1] === name ? value : field));

test('an entry is read whole, whatever the order of its fields, and with fields that a later version adds', () => {
  const read = { ...order, requestId: 'request-1', traceparent: trace };
  expect(readEntry('tea', [at, whole])).toEqual(read);
  const turned = [...whole.slice(4), 'x', 'new', ...whole.slice(0, 4)];
  expect(readEntry('tea', [at, turned])).toEqual(read);
  expect(acceptedOrderSchema.parse(read)).toEqual(read);
  // How it came is never a reason.
  expect(readEntry('tea', [at, whole.slice(0, 8)])).toEqual(order);
  expect(readEntry('tea', [at, change(r, '\u0000')])).toEqual(order);
});

test.each([
  ['no fields: it was deleted', null],
  ['no order', whole.slice(2)],
  ['an order that is none', change(o, 'tea')],
  ['no user', change(u, '')],
  ['a quantity that is no number', change(q, 'many')],
  ['no units', change(q, '0')],
  ['half a unit', change(q, '0.5')],
  ['a place below 1', change(p, '-1')],
  ['nothing', []],
])('an entry is not read with %s', (_what, fields) => {
  expect(readEntry('tea', [at, fields])).toBeNull();
});
