import { expect, test } from 'vitest';
import { bounds, checkTickets, parseDuration } from './parameters.ts';
import { checkTarget } from './preflight.ts';

test('a duration is seconds, minutes or hours', () => {
  const range = bounds.soak.durationSeconds;
  expect(['90', '90s', '15m', '2h'].map((text) => parseDuration(text, range))).toEqual([90, 90, 900, 7200]);
});

test.each(['0', '-5', '25h', '1 hour', '', '90x', '1e3'])(
  'a duration of "%s" is refused with what to write',
  (text) => {
    expect(() => parseDuration(text, bounds.soak.durationSeconds)).toThrow(/from 60 to 86400 seconds, such as/);
  },
);

test('a soak that needs more tickets than are made is refused', () => {
  expect(checkTickets(1_000_000, 'it')).toBe(1_000_000);
  expect(() => checkTickets(1_000_001, '5000 requests a second')).toThrow('lower the rate or the duration');
});

test.each(['http://127.0.0.1:8080', 'http://localhost:8080', 'http://[::1]:8080', 'http://127.16.3.9'])(
  '%s is this machine',
  (url) => {
    expect(checkTarget(url, false)).toBe(true);
  },
);

test.each(['http://203.0.113.5', 'https://shop.example', 'http://127.0.0.1.example', 'http://0.0.0.0:8080'])(
  '%s is refused until its owner says so',
  (url) => {
    expect(() => checkTarget(url, false)).toThrow('--i-own-this-host');
    expect(checkTarget(url, true)).toBe(false);
  },
);
