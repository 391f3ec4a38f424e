import { expect, test } from 'vitest';
import { postgresPlaceOf } from './place.ts';

test('one host: the URL as it stands', () => {
  for (const url of [
    'postgres://ops:p%40ss@127.0.0.1:5433/seckill?sslmode=disable',
    'postgresql://ops@db/seckill',
    'postgres:///seckill?host=/run/postgresql',
  ]) {
    expect(postgresPlaceOf(url).hosts.map((host) => host.url)).toEqual([url]);
  }
});

test('several hosts: each has the login, the database and the parameters; its port may be left out', () => {
  const { hosts } = postgresPlaceOf('postgres://ops:p%40s,s@a,b.example:5433,[::1]:5434/sec%20kill?sslmode=disable');
  expect(hosts).toEqual([
    { name: 'a:5432', url: 'postgres://ops:p%40s,s@a/sec%20kill?sslmode=disable' },
    { name: 'b.example:5433', url: 'postgres://ops:p%40s,s@b.example:5433/sec%20kill?sslmode=disable' },
    { name: '[::1]:5434', url: 'postgres://ops:p%40s,s@[::1]:5434/sec%20kill?sslmode=disable' },
  ]);
});

test.for([
  ['mysql://:secret@a/db', 'a PostgreSQL URL must be postgres://'],
  ['postgres://:secret@a,b/db?target_session_attrs=read-write', 'must not have target_session_attrs, which the driver'],
  ['postgres://:secret@a/db?target_session_attrs=any', 'by asking each'],
  ['postgres://a,b/db?load_balance_hosts=random', 'must not have load_balance_hosts'],
  ['postgres://a,b/db?host=c', 'must not have host, beside several hosts'],
  ['postgres://a,b/db?port=5433', 'must not have port, beside several hosts'],
  ['postgres://:secret@a,,b/db', 'postgres://a,,b/db: an empty place is no host:port'],
  ['postgres://a,b:99999/db', 'b:99999 is no host:port'],
  ['postgres://a,b:0/db', 'b:0 is no host:port'],
  ['postgres://a,::1/db', '::1 is no host:port'],
  ['postgres://a,b:5432,a:5432/db', 'names a:5432 twice'],
  ['postgres://:secret%zz@a,b/db', 'has a % that stands for nothing'],
  ['postgres://a,b/db?sslmode=verify-full&sslrootcert=/nowhere.pem', '/nowhere.pem'],
])('%s is refused', ([url, words]) => {
  expect(() => postgresPlaceOf(url ?? '')).toThrow(words);
  expect(() => postgresPlaceOf(url ?? '')).not.toThrow('secret');
});
