import { expect, test } from 'vitest';
import { checkoutOrigin, checkoutUrlOf, checkoutUrlSchema } from './checkout.ts';

test.each([
  'https://shop.example/checkout/{orderId}',
  'https://shop.example:8443/pay?order={orderId}&t={token}',
  'https://shop.example/#/pay/{orderId}/{token}',
  'http://127.0.0.1:4002/checkout/{orderId}',
  'http://localhost/{orderId}',
  'http://[::1]:4002/{orderId}',
])('%s may be a checkout', (url) => {
  expect(checkoutUrlSchema.safeParse(url).success).toBe(true);
});

test.each([
  ['http://shop.example/{orderId}', /must be https: a token goes with it/],
  ['http://127.0.0.1.evil.example/{orderId}', /must be https/],
  ['https://u:p@shop.example/{orderId}', /must have no user and no password/],
  ['https://shop.example/checkout', /must have \{orderId\} in it/],
  ['https://{orderId}.shop.example/', /after its host/],
  ['https://shop.example@{orderId}/', /after its host|no user/],
  ['javascript:alert("{orderId}")', /must be an http\(s\) URL/],
  ['/checkout/{orderId}', /must be an http\(s\) URL/],
  [`https://shop.example/{orderId}/${'x'.repeat(1000)}`, /at most 1000 characters/],
])('%s is refused by what is wrong with it', (url, says) => {
  const { error } = checkoutUrlSchema.safeParse(url);
  expect(error?.issues.map(({ message }) => message).join('; ')).toMatch(says);
});

test('the id and the token take their places; a token without one is a query parameter; the audience is the origin', () => {
  const of = (template: string) => checkoutUrlOf(template, 'phone-1', 'a.b.c');
  expect(of('https://shop.example/c/{orderId}')).toBe('https://shop.example/c/phone-1?token=a.b.c');
  expect(of('https://shop.example/c?o={orderId}#x')).toBe('https://shop.example/c?o=phone-1&token=a.b.c#x');
  expect(of('https://shop.example/c/{orderId}#{token}')).toBe('https://shop.example/c/phone-1#a.b.c');
  expect(checkoutOrigin('https://shop.example:8443/c/{orderId}?t={token}')).toBe('https://shop.example:8443');
});
