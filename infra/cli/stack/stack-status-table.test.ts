import { expect, test } from 'vitest';
import { uptime } from '../../text/uptime.ts';
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
    { running: true, dir: '/run', edge: 'http://e', processes: [{ ...sick, restarts: 3, startedAt: null }] },
    0,
    null,
  );
  expect(table.split('\n')[1]).toMatch(/^zookeeper +down +- +- +3 +127\.0\.0\.1:1 {2}\(no process\)$/);
});
