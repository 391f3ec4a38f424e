import { expect, test } from 'vitest';
import { parseSaleNews } from './sale-news.ts';

test('a message of the channel is understood, anything else is none', () => {
  expect(parseSaleNews('autumn-phone 7 open')).toEqual({ saleId: 'autumn-phone', epoch: 7, state: 'open' });
  for (const text of [
    '',
    'autumn-phone',
    'autumn-phone 7',
    'autumn-phone x open',
    'a 7 gone',
    'a 7 open!',
    'A 7 open',
  ]) {
    expect(parseSaleNews(text)).toBeNull();
  }
});
