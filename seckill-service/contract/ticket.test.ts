import { describe, expect, test } from 'vitest';
import { newOrderId } from './order.ts';
import { checkTicket, maxTicketLength, parseTicketKeys, signTicket } from './ticket.ts';

const now = Date.parse('2026-11-11T00:00:00Z');
const keys = [
  { id: 'k2', secret: 'b'.repeat(32) },
  { id: 'k1', secret: 'a'.repeat(32) },
];
const orderId = newOrderId('autumn', now);
const expiresAtMs = now + 60_000;
const sign = (userId: string, by = keys) => signTicket({ orderId, userId, expiresAtMs }, by);

describe('a ticket', () => {
  test.each(['user-1', '张三', 'a:b{c}d.e', 'x'.repeat(128)])('gives back what was signed, user %s', (userId) => {
    const text = sign(userId);
    expect(text.length).toBeLessThanOrEqual(maxTicketLength);
    expect(checkTicket(text, keys, now)).toEqual({
      kind: 'valid',
      ticket: { saleId: 'autumn', orderId, userId, expiresAtMs },
    });
  });

  test('is signed by the first key and accepted by every key, so keys can be rotated', () => {
    expect(sign('u').startsWith('1.k2.')).toBe(true);
    expect(checkTicket(sign('u', [...keys].reverse()), keys, now).kind).toBe('valid');
  });

  test('is expired from its second on', () => {
    expect(checkTicket(sign('u'), keys, expiresAtMs - 1).kind).toBe('valid');
    expect(checkTicket(sign('u'), keys, expiresAtMs).kind).toBe('expired');
  });

  test('is invalid when any one character of it is changed', () => {
    const text = sign('user-1');
    for (let index = 0; index < text.length; index += 1) {
      const other = text[index] === 'A' ? 'B' : 'A';
      const forged = text.slice(0, index) + other + text.slice(index + 1);
      // The last character of a 32-byte base64url text carries two unused bits: it may decode to the same bytes.
      const isSameBytes =
        index === text.length - 1 &&
        Buffer.from(forged.slice(-43), 'base64url').equals(Buffer.from(text.slice(-43), 'base64url'));
      if (!isSameBytes) expect(checkTicket(forged, keys, now).kind, `character ${index}`).toBe('invalid');
    }
  });

  test.each([
    '',
    '1',
    '1.k1',
    'x'.repeat(10_000),
    `2${sign('u').slice(1)}`,
    sign('u', [{ id: 'k9', secret: 'c'.repeat(32) }]),
  ])('is invalid when it is not one of ours (%#)', (text) => {
    expect(checkTicket(text, keys, now).kind).toBe('invalid');
  });
});

test('ticket keys are id:secret pairs, and a short secret is refused', () => {
  expect(parseTicketKeys(`k1:${'s'.repeat(32)}, k2:${'t'.repeat(40)}`).map((key) => key.id)).toEqual(['k1', 'k2']);
  expect(() => parseTicketKeys('k1:short')).toThrow(/at least 32 characters/);
  expect(() => parseTicketKeys('')).toThrow(/id:secret/);
});
