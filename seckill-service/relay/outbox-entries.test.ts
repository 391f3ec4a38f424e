import { expect, test } from 'vitest';
import { acceptedOrderSchema, newOrderId } from '#contract/order.ts';
import { outboxPair } from '#contract/outbox.ts';
import { readEntry } from './outbox-entries.ts';

const orderId = newOrderId('tea', 1_800_000_000_000);
const at = '1800000000000-3';
const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const order = { orderId, saleId: 'tea', userId: 'ada', quantity: 2, place: 17, acceptedAt: 1_800_000_000_000 };
const traced = { ...order, requestId: 'request-1', traceparent: trace };
const origin = `request-1 ${trace}`;

test('an entry is read whole, with every name of a user, and with a pair that a later version adds', () => {
  const pair = outboxPair({ ...order, origin });
  expect(readEntry('tea', [at, pair])).toEqual(traced);
  expect(readEntry('tea', [at, [...pair, 'x', 'new']])).toEqual(traced);
  expect(acceptedOrderSchema.parse(traced)).toEqual(traced);
  for (const userId of [':', 'a:b: c:', '\u0000', 'a\u0000:b', '茶'])
    expect(readEntry('tea', [at, outboxPair({ ...order, userId, origin })])).toEqual({ ...traced, userId });
  // How it came is never a reason.
  for (const unknown of ['', '\u0000', 'request 1'])
    expect(readEntry('tea', [at, outboxPair({ ...order, origin: unknown })])).toEqual(order);
});

const { x, ...letters } = { x: 'new', o: orderId, u: 'ada', q: '2', p: '17', r: origin };
const five = (given: Record<string, string>) => Object.entries(given).flat();

test('an entry of the version before, five pairs, is read in any order, and with pairs that were added', () => {
  expect(readEntry('tea', [at, five(letters)])).toEqual(traced);
  const { o, u, ...others } = letters;
  expect(readEntry('tea', [at, five({ ...others, x, u, o })])).toEqual(traced);
  expect(readEntry('tea', [at, five({ o, u, q: '2', p: '17' })])).toEqual(order);
  expect(readEntry('tea', [at, five({ ...letters, r: '\u0000' })])).toEqual(order);
});

test.each<[string, string[] | null]>([
  ['no fields: it was deleted', null],
  ['nothing', []],
  ['an order that is none', ['tea', '2:17::ada']],
  ['no value', [orderId]],
  ['an empty value', [orderId, '']],
  ['one part', [orderId, '2']],
  ['two parts', [orderId, '2:17']],
  ['three parts', [orderId, '2:17:request-1']],
  ['no user', [orderId, '2:17::']],
  ['a quantity that is no number', [orderId, 'many:17::ada']],
  ['no quantity', [orderId, ':17::ada']],
  ['no units', [orderId, '0:17::ada']],
  ['half a unit', [orderId, '0.5:17::ada']],
  ['a place that is no number', [orderId, '2:first::ada']],
  ['a place below 1', [orderId, '2:-1::ada']],
  ['five pairs: no order', five(letters).slice(2)],
  ['five pairs: an order that is none', five({ ...letters, o: 'tea' })],
  ['five pairs: no user', five({ ...letters, u: '' })],
  ['five pairs: a quantity that is no number', five({ ...letters, q: 'many' })],
  ['five pairs: no units', five({ ...letters, q: '0' })],
  ['five pairs: half a unit', five({ ...letters, q: '0.5' })],
  ['five pairs: a place below 1', five({ ...letters, p: '-1' })],
])('an entry is not read with %s', (_what, fields) => {
  expect(readEntry('tea', [at, fields])).toBeNull();
});
