import { expect, test } from 'vitest';
import type { PostgresServer } from '#runtime/postgres/topology.ts';
import { judgePostgres } from './postgres.ts';

type Primary = Extract<PostgresServer, { kind: 'primary' }>;
const standby = (change: Partial<Primary['standbys'][number]> = {}) => ({
  ...{ name: 'b', state: 'streaming' as const, sync: 'quorum' as const, lagBytes: 0, lagSeconds: 0 },
  ...change,
});
const primary = (change: Partial<Primary> = {}): PostgresServer => ({
  ...{ name: 'a:5432', kind: 'primary' as const, timeline: 1, waitsFor: 'ANY 1 (b)', standbys: [standby()], slots: [] },
  ...change,
});
const other: PostgresServer = { name: 'b:5432', kind: 'standby', receives: true };
const judged = (servers: PostgresServer[], isReplicated = false) =>
  judgePostgres(servers, isReplicated).map(({ verdict, says }) => `${verdict}: ${says}`);

test('a synchronous standby is told; one server is no fault by itself, and a warning beside replicas', () => {
  expect(judged([primary(), other])).toEqual(['pass: primary a:5432, a row is on a second disk: b']);
  const alone = primary({ waitsFor: '', standbys: [] });
  expect(judged([alone])).toEqual(['pass: one server: a row is on one disk']);
  expect(judged([alone], true)).toEqual(['warn: a commit on a:5432 waits for no standby: a row is on one disk']);
});

test('commits that hang, no primary and two of them block', () => {
  expect(judged([primary({ standbys: [] })])[0]).toMatch(/^fail: a commit on a:5432 waits for ANY 1 \(b\)/);
  expect(judged([other])[0]).toMatch(/^fail: it has no primary/);
  expect(judged([primary(), primary({ name: 'c:5432' })])[0]).toBe('fail: it has two primaries: a:5432, c:5432');
});

test('a server that is away, a standby far behind, a lost slot and a user that may not look are warnings', () => {
  const slot = { name: 's', isActive: false, walStatus: 'lost' as const, keptBytes: null, safeBytes: null };
  const servers = [
    primary({ standbys: [standby({ lagBytes: 2e9 })], slots: [slot] }),
    { name: 'b:5432', kind: 'away' as const, why: 'no' },
  ];
  expect(judged(servers)).toEqual([
    'warn: b:5432 does not answer: no',
    'warn: the standby b is 2000 MB behind',
    'warn: slot s of a:5432 is lost: its reader must begin anew',
  ]);
  expect(judged([primary({ standbys: [standby({ state: null, sync: null })] })])[0]).toMatch(
    /^warn: .*does not tell our user/,
  );
});
