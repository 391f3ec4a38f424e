import { expect, test } from 'vitest';
import { postgresGroupOf } from './postgres-group.ts';

test('a first host of the URL that is a standby is said, and no problem; its lag is told by the primary', () => {
  const standby = { name: 'postgres-1', state: 'streaming' as const, sync: 'sync' as const };
  const primary = { kind: 'primary' as const, timeline: 2, waitsFor: 'ANY 1 (*)', slots: [] };
  const group = postgresGroupOf([
    { name: 'db-1:5432', kind: 'standby', receives: true },
    { name: 'db-2:5432', ...primary, standbys: [{ ...standby, lagBytes: 1500, lagSeconds: 2 }] },
  ]);
  expect(group).toMatchObject({
    says: 'db-2:5432 is the primary; db-1:5432, the first of the URL, is a standby; 1 of 1 standby: postgres-1 synchronous, 1.5 kB behind',
    problems: [],
    servers: [{ part: 'standby', lag: { bytes: 1500, seconds: 2 } }, { part: 'primary' }],
  });
});

test('standbys alone are no database that can be written to', () => {
  const group = postgresGroupOf([
    { name: 'db-1:5432', kind: 'standby', receives: false },
    { name: 'db-2:5432', kind: 'away', why: 'connect ECONNREFUSED' },
  ]);
  expect(group.says).toContain('no server is the primary');
  expect(group.problems).toContain('PostgreSQL has no primary');
});
