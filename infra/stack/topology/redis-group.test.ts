import { expect, test } from 'vitest';
import type { RedisReplicaState, RedisTopology, SentinelState } from '#runtime/redis/topology.ts';
import { redisGroupOf } from './redis-group.ts';

const server = (n: number) => ({
  ...{ address: `10.0.0.${n}:6379`, role: 'slave', runId: 'r', appendonly: true, appendfsync: 'always' },
  ...{ replicationOffset: 1, trouble: null },
});
const replica = (n: number): RedisReplicaState => ({ ...server(n), online: true, lagBytes: 7, lagSeconds: 1 });
const sentinel = (n: number, sees: string | null): SentinelState => ({
  ...{ address: `10.0.0.${n}:26379`, answers: true, sees, epoch: 1, quorum: 2, others: 2, trouble: null },
});
const well: RedisTopology = {
  ...{ kind: 'sentinel', name: 'stock', primary: { ...server(1), role: 'master' }, replicas: [replica(2), replica(3)] },
  sentinels: [1, 2, 3].map((n) => sentinel(n, '10.0.0.1:6379')),
  problems: [],
};

test('what is well is one line, and each server says what it is', () => {
  const { says, problems, servers } = redisGroupOf('stock Redis', well, 1);
  expect(says).toBe('10.0.0.1:6379 is the primary; 2 of 2 replicas in sync; 3 of 3 sentinels agree');
  expect(problems).toEqual([]);
  expect(servers.map(({ part }) => part)).toEqual([
    'primary',
    'replica',
    'replica',
    'sentinel',
    'sentinel',
    'sentinel',
  ]);
  expect(servers[1]?.lag).toEqual({ bytes: 7, seconds: 1 });
});

test('a replica that is away is counted, and said once', () => {
  const away = { ...replica(3), online: false, trouble: 'connect ECONNREFUSED' };
  const address = away.address;
  const { says, problems } = redisGroupOf(
    'stock Redis',
    {
      ...well,
      replicas: [replica(2), away],
      problems: [
        { kind: 'replica-silent', address },
        { kind: 'replica-offline', address },
      ],
    },
    1,
  );
  expect(says).toContain('1 of 2 replicas in sync');
  expect(problems).toEqual(['replica 10.0.0.3:6379 does not answer: connect ECONNREFUSED']);
});

test('sentinels that know no primary of that name are said each, and that nothing is sold', () => {
  const sentinels = [1, 2, 3].map((n) => sentinel(n, null));
  const unknown = sentinels.map(({ address }) => ({ kind: 'name-unknown' as const, address }));
  const nothing = { ...well, name: 'shop', primary: null, replicas: [], sentinels };
  const told = redisGroupOf('stock Redis', { ...nothing, problems: [...unknown, { kind: 'no-primary' }] }, 1);
  expect(told.says).toBe('no primary; 0 of 3 sentinels name one');
  expect(told.problems).toEqual([
    'sentinel 10.0.0.1:26379 knows no primary called "shop"',
    'sentinel 10.0.0.2:26379 knows no primary called "shop"',
    'sentinel 10.0.0.3:26379 knows no primary called "shop"',
    'no sentinel names a primary called "shop": nothing is sold',
  ]);
});

test('replicas that are asked for and are not there, and a primary that is none, stop the sale in words', () => {
  const alone: RedisTopology = { ...well, kind: 'single', name: null, replicas: [], sentinels: [] };
  expect(redisGroupOf('stock Redis', alone, 0)).toMatchObject({ says: '10.0.0.1:6379 stands alone', problems: [] });
  expect(redisGroupOf('stock Redis', alone, 1).problems).toEqual([
    'SECKILL_STOCK_REPLICAS asks for 1 replica, and none is in sync: nothing is sold',
  ]);
  const address = '10.0.0.1:6379';
  const demoted = { primary: server(1), problems: [{ kind: 'primary-is-replica' as const, address }] };
  expect(redisGroupOf('queue Redis', { ...alone, ...demoted }, 0)).toMatchObject({
    says: '10.0.0.1:6379 is a replica',
    problems: ['10.0.0.1:6379 is a replica, and no primary: orders wait in stock Redis'],
    servers: [{ part: 'replica' }],
  });
  expect(redisGroupOf('stock Redis', { ...well, ...demoted }, 1).problems).toEqual([
    'the sentinels name 10.0.0.1:6379 the primary, and it is a replica: nothing is sold',
  ]);
});
