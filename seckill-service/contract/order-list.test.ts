import { expect, test } from 'vitest';
import { newOrderId } from './order.ts';
import { formatCursor, parseCursor } from './order-list.ts';

test('a cursor leads back to the order that it was made of, and names nothing that a URL would have to escape', () => {
  for (const saleId of ['a', 'a'.repeat(48)]) {
    const place = { acceptedAtMs: 1_796_000_000_123, orderId: newOrderId(saleId, 1_796_000_000_000) };
    const cursor = formatCursor(place);
    expect(cursor).toMatch(/^[\w-]+$/);
    expect(parseCursor(cursor)).toEqual(place);
  }
});

test('what no answer has given is no cursor', () => {
  const made = (text: string) => Buffer.from(text).toString('base64url');
  const orderId = newOrderId('tea', 1_796_000_000_000);
  const wrong = [
    '',
    'x',
    `${made(`1796000000123.${orderId}`)}=`,
    made(orderId),
    made(`-179600000012.${orderId}`),
    made(`99999999999999.${orderId}`),
    made('1796000000123.tea'),
    made(`1796000000123.${orderId}\0`),
    made(`1796000000123.${orderId}' OR 1=1`),
    'a'.repeat(5000),
  ];
  expect(wrong.map(parseCursor)).toEqual(wrong.map(() => null));
});
