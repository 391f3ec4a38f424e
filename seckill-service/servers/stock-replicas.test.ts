import { expect, test } from 'vitest';
import { followingReplicas } from './stock-replicas.ts';

const info = (role: string, ...replicas: string[]) =>
  [
    '# Replication',
    `role:${role}`,
    `connected_slaves:${replicas.length}`,
    ...replicas,
    'master_failover_state:no-failover',
    '',
  ].join('\r\n');
const replica = (state: string, lag: number) => `slave0:ip=10.0.0.2,port=6379,state=${state},offset=1,lag=${lag}`;

test('a replica counts while it is in step and speaks; one that copies, is silent or was never heard does not', () => {
  expect(followingReplicas(info('master', replica('online', 0), replica('online', 1)))).toBe(2);
  expect(followingReplicas(info('master', replica('online', 0), replica('send_bulk', 0)))).toBe(1);
  expect(followingReplicas(info('master', replica('online', 3), replica('online', -1)))).toBe(0);
  expect(followingReplicas(info('master'))).toBe(0);
});

test('a server that is no primary has no replica that could have a yes', () => {
  expect(followingReplicas(info('slave', replica('online', 0)))).toBe(0);
});
