import { expect, test } from 'vitest';
import type { Group } from '../../stack/topology/group.ts';
import { uptime } from '../../text/uptime.ts';
import { groupsText, namesByAddress, partsByName } from './groups-text.ts';
import { describeStatus } from './stack-status-table.ts';

test('an uptime is short and never negative', () => {
  expect([-5, 59_999, 61_000, 7_260_000, 90_000_000].map(uptime)).toEqual(['0s', '59s', '1m 1s', '2h 1m', '1d 1h']);
});

test('a process that is not well says why, beside its address', () => {
  const role = 'zookeeper' as const;
  const sick = {
    role,
    name: role,
    pid: null,
    address: '127.0.0.1:1',
    innerUrl: null,
    health: 'down' as const,
    problem: 'no process',
  };
  const table = describeStatus(
    { running: true, dir: '/run', ha: false, edge: 'http://e', processes: [{ ...sick, restarts: 3, startedAt: null }] },
    0,
    null,
  );
  expect(table.split('\n')[1]).toMatch(/^zookeeper +down +- +- +3 +127\.0\.0\.1:1 {2}\(no process\)$/);
});

test('of servers that stand more than once each line says what the server is, and how far behind', () => {
  const server = (n: number) => ({
    ...{ role: 'stock-redis' as const, name: `stock-redis-${n}`, address: `redis://127.0.0.1:2100${n}` },
    ...{ pid: n, innerUrl: null, health: 'up' as const, problem: null, restarts: 0, startedAt: null },
  });
  const processes = [server(1), server(2)];
  const lag = { bytes: 1200, seconds: 3 };
  const groups: Group[] = [
    {
      name: 'stock Redis',
      says: '127.0.0.1:21001 is the primary; 1 of 2 replicas in sync',
      problems: ['127.0.0.1:21003 does not answer'],
      servers: [
        { address: '127.0.0.1:21001', part: 'primary', lag: null, problem: null },
        { address: '127.0.0.1:21002', part: 'replica', lag, problem: null },
      ],
    },
  ];
  const nameOf = namesByAddress(processes);
  const status = { running: true, dir: '/run', ha: true, edge: 'http://e', processes };
  const lines = describeStatus(status, 0, null, partsByName(groups, nameOf)).split('\n');
  expect(lines[0]).toMatch(/^NAME +ROLE +LAG +HEALTH/);
  expect(lines[1]).toMatch(/^stock-redis-1 +primary +- +up/);
  expect(lines[2]).toMatch(/^stock-redis-2 +replica +1\.2 kB, 3 s +up/);
  expect(groupsText(groups, nameOf).split('\n')).toEqual([
    'stock Redis  stock-redis-1 is the primary; 1 of 2 replicas in sync',
    '             ! 127.0.0.1:21003 does not answer',
  ]);
});
