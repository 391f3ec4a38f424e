import { expect, test } from 'vitest';
import type { PostgresServer } from '#runtime/postgres/topology.ts';
import { standbySight } from './postgres-standbys.ts';

type Primary = Extract<PostgresServer, { kind: 'primary' }>;
const standby = (change: Partial<Primary['standbys'][number]> = {}) => ({
  ...{ name: 'b', state: 'streaming' as const, sync: 'quorum' as const, lagBytes: 0, lagSeconds: 0 },
  ...change,
});
const primary = (change: Partial<Primary> = {}): PostgresServer => ({
  ...{ name: 'a:5432', kind: 'primary' as const, timeline: 1, waitsFor: 'ANY 1 (b, c)', standbys: [], slots: [] },
  ...change,
});
const other: PostgresServer = { name: 'b:5432', kind: 'standby', receives: true };

test('a standby counts while it streams, by whether a commit may wait for it', () => {
  const standbys = [standby(), standby({ sync: 'async' }), standby({ state: 'catchup' })];
  expect(standbySight([other, primary({ standbys })])).toMatchObject({ synchronous: 1, asynchronous: 1, untold: 0 });
  const untold = [standby({ state: null, sync: null })];
  expect(standbySight([primary({ standbys: untold })])).toMatchObject({ synchronous: 0, asynchronous: 0, untold: 1 });
});

test('a standby is wanted where several hosts are named, or a commit waits for one', () => {
  expect(standbySight([primary({ waitsFor: '' })])?.isWanted).toBe(false);
  expect(standbySight([primary()])?.isWanted).toBe(true);
  expect(standbySight([primary({ waitsFor: '' }), other])?.isWanted).toBe(true);
  expect(standbySight([other])).toBe(null);
});

test('a lost slot has nothing left, one without a limit has no end', () => {
  const slot = { name: 's', isActive: false, keptBytes: 5 } as const;
  const leftOf = (change: Pick<Primary['slots'][number], 'walStatus' | 'safeBytes'>) =>
    standbySight([primary({ slots: [{ ...slot, ...change }] })])?.slots[0]?.leftBytes;
  expect(leftOf({ walStatus: 'lost', safeBytes: null })).toBe(0);
  expect(leftOf({ walStatus: 'reserved', safeBytes: null })).toBe(null);
  expect(leftOf({ walStatus: 'extended', safeBytes: 7 })).toBe(7);
});
