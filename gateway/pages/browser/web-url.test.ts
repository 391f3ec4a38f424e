import { expect, test } from 'vitest';
import { webUrl } from './web-url.ts';

test('an http(s) address is followed, and nothing else', () => {
  expect(webUrl('https://pay.example/a b')).toBe('https://pay.example/a%20b');
  expect(webUrl('http://127.0.0.1:8/')).toBe('http://127.0.0.1:8/');
  for (const text of [
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'data:text/html,x',
    'weixin://wxpay/1',
    '/orders/1',
    '',
  ]) {
    expect([text, webUrl(text)]).toEqual([text, null]);
  }
});
