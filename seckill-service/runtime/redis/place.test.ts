import { expect, test } from 'vitest';
import { redisPlaceOf } from './place.ts';

test('one host: the URL as it stands', () => {
  expect(redisPlaceOf('redis://ops:pw@127.0.0.1:6379/0')).toEqual({
    kind: 'single',
    href: 'redis://ops:pw@127.0.0.1:6379/0',
    tls: {},
  });
});

test('sentinels: their port may be left out, and what is percent-encoded is read', () => {
  expect(redisPlaceOf('redis+sentinel://ops:p%40ss@a,b:26380,[::1]:26381/stock')).toEqual({
    kind: 'sentinel',
    name: 'stock',
    sentinels: [
      { host: 'a', port: 26_379 },
      { host: 'b', port: 26_380 },
      { host: '::1', port: 26_381 },
    ],
    username: 'ops',
    password: 'p@ss',
    tls: {},
  });
  const own = 'rediss+sentinel://:pw@a,b,c/stock?sentinelUser=watcher&sentinelPassword=secret';
  expect(redisPlaceOf(own)).toMatchObject({
    password: 'pw',
    sentinelUsername: 'watcher',
    sentinelPassword: 'secret',
    tls: { tls: {} },
  });
  expect(redisPlaceOf(own)).not.toHaveProperty('username');
});

test.for([
  ['redis+sentinel://a/stock', 'names one sentinel only'],
  ['redis+sentinel://:secret@a,b', 'a Sentinel URL must be redis+sentinel://'],
  ['redis+sentinel://:secret@a,b:99999/stock', 'redis+sentinel://a,b:99999/stock: b:99999 is no host:port'],
  ['redis+sentinel://a,,b/stock', 'an empty place is no host:port'],
  ['redis+sentinel://:%zz@a,b/stock', 'has a % that stands for nothing'],
  ['redis+sentinel://a,b/stock?db=1', 'must have no db after its ?'],
  ['redis+sentinel://a,b/stock?sslrootcert=/ca.pem', 'must be rediss+sentinel:// where it has an sslrootcert'],
  ['rediss+sentinel://a,b/stock?sslrootcert=/nowhere.pem', '/nowhere.pem'],
])('%s is refused', ([url, words]) => {
  expect(() => redisPlaceOf(url ?? '')).toThrow(words);
  expect(() => redisPlaceOf(url ?? '')).not.toThrow('secret');
});
