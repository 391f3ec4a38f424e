import { expect, test } from 'vitest';
import type { RedisGroup, RedisNode, SentinelWord } from './redis-group.ts';
import { judgeReplicas } from './replicas.ts';

const at = (host: string, port = 6379) => ({ host, port });
const sentinel = (host: string, change: Partial<Extract<SentinelWord, { kind: 'names' }>> = {}): SentinelWord => ({
  ...{ at: at(host, 26_379), kind: 'names' as const, primary: at('a'), quorum: 2, downAfterMs: 1000, others: 2 },
  ...change,
});
const node = (host: string, fields: Record<string, string>): RedisNode => ({
  ...{ at: at(host), kind: 'there' as const, settings: null },
  clock: { clock: host, aheadMs: 0, sureWithinMs: 0 },
  info: new Map(Object.entries(fields)),
});
const primary = (host: string) => node(host, { role: 'master' });
const replica = (host: string, change: Record<string, string> = {}) =>
  node(host, { role: 'slave', master_link_status: 'up', slave_priority: '100', ...change });
const group = (change: Partial<RedisGroup> = {}): RedisGroup => ({
  ...{
    name: 'stock',
    hasPassword: { servers: false, sentinels: false },
    sentinels: ['a', 'b', 'c'].map((host) => sentinel(host)),
  },
  ...{ nodes: [primary('a'), replica('b'), replica('c')] },
  ...change,
});
const found = (change: Partial<RedisGroup>, asked: number | null = 1) =>
  judgeReplicas(group(change), asked).map(({ verdict, says }) => `${verdict}: ${says}`);

test('three with a sentinel beside each are well; queue Redis needs a replica and no yes', () => {
  expect(found({})).toEqual(['pass: primary a:6379, 2 replicas, a yes is on 2 disks; 3 sentinels, quorum 2']);
  expect(found({ name: 'queue', nodes: [primary('a'), replica('b')] }, null)).toEqual([
    'pass: primary a:6379, 1 replica; 3 sentinels, quorum 2',
  ]);
});

test('a sentinel that is not beside a Redis is told; of containers with addresses of their own nothing is claimed', () => {
  const sentinelsAt = (...hosts: string[]) => ({ sentinels: hosts.map((host) => sentinel(host)) });
  expect(found(sentinelsAt('a', 'b', 'b'))).toEqual([
    'warn: 2 sentinels beside 1 Redis on b',
    'warn: 0 sentinels beside 1 Redis on c',
  ]);
  expect(found(sentinelsAt('x', 'y', 'z'))[0]).toMatch(/^pass/);
  const two = { sentinels: ['a', 'b'].map((host) => sentinel(host, { others: 1 })) };
  expect(found(two)).toEqual(['warn: 2 sentinels for 3 Redis: one shall stand beside each']);
});

test('sentinels that disagree, or do not know the name, and two primaries block', () => {
  const torn = { sentinels: [sentinel('a'), sentinel('b'), sentinel('c', { primary: at('b') })] };
  expect(found(torn)).toEqual([
    'fail: the sentinels name different primaries (a:26379, b:26379: a:6379; c:26379: b:6379)',
  ]);
  const stranger: SentinelWord = { at: at('c', 26_379), kind: 'stranger' };
  expect(judgeReplicas(group({ sentinels: [sentinel('a'), sentinel('b'), stranger] }), 1)).toMatchObject([
    { verdict: 'fail', mend: 'redis-cli -h c -p 26379 SENTINEL MONITOR stock a 6379 2' },
  ]);
  const closed = { servers: true, sentinels: true };
  expect(judgeReplicas(group({ sentinels: [sentinel('a'), stranger], hasPassword: closed }), 1)[0]?.mend).toBe(
    'REDISCLI_AUTH=<password> redis-cli -h c -p 26379 SENTINEL MONITOR stock a 6379 2, then SENTINEL SET stock auth-pass <password of the servers>',
  );
  expect(found({ nodes: [primary('a'), replica('b'), primary('c')] })).toEqual([
    'fail: c:6379 is a primary too, and the sentinels name another one',
    'warn: 1 replica follows the primary, as many as a yes needs: with the next one nothing is sold',
  ]);
});

test('a replica without a link, or that may not be promoted, is told', () => {
  const nodes = [primary('a'), replica('b', { slave_priority: '0' }), replica('c', { master_link_status: 'down' })];
  expect(found({ nodes })).toEqual([
    'warn: b:6379 follows, and cannot be promoted: its replica-priority is 0',
    'warn: c:6379 is a replica without a link to its primary',
    'warn: 1 replica follows the primary, as many as a yes needs: with the next one nothing is sold',
  ]);
});
