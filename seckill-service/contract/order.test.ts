import { expect, test } from 'vitest';
import { newOrderId, saleIdOfOrder, userIdSchema } from './order.ts';
import { parseReservation } from './reservation.ts';

test.each(['a', 'autumn', 'sale-2026-11', '123', 'x'.repeat(48)])('an order id leads back to its sale %s', (saleId) => {
  const orderId = newOrderId(saleId, 1_795_000_000_000);
  expect(saleIdOfOrder(orderId)).toBe(saleId);
  expect(orderId).not.toContain(':'); // BullMQ refuses a colon in a jobId
  expect(orderId).not.toMatch(/^\d+$/); // and a jobId of digits only
});

test.each(['', 'autumn', '../etc/passwd-01kasdf', 'A-01KAYZ00000000000000000000', `-${'0'.repeat(26)}`, 'a}-{b'])(
  'what is no order id belongs to no sale: %s',
  (text) => {
    expect(saleIdOfOrder(text)).toBeNull();
  },
);

test('order ids grow with time, so rows are appended to the index', () => {
  expect(newOrderId('s', 2000) > newOrderId('s', 1000)).toBe(true);
});

test('a user id of 10 KB or with control characters is refused, any other script is welcome', () => {
  expect(userIdSchema.safeParse('x'.repeat(10_240)).success).toBe(false);
  expect(userIdSchema.safeParse('a\nb').success).toBe(false);
  expect(userIdSchema.safeParse('auth0|{张三}:7').success).toBe(true);
});

test('a reservation record is read with a user that holds colons, and nothing else passes for one', () => {
  expect(parseReservation('h:2:512:1795000000000:a:b{c}')).toEqual({
    state: 'held',
    units: 2,
    place: 512,
    acceptedAt: 1_795_000_000_000,
    userId: 'a:b{c}',
  });
  expect(() => parseReservation('x:1:1:1:u')).toThrow(/not a reservation record/);
});
