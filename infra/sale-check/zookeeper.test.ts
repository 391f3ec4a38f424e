import { expect, test } from 'vitest';
import type { ZooKeeperServer } from '#runtime/zookeeper/topology.ts';
import { judgeEnsemble } from './zookeeper.ts';

type Role = Extract<ZooKeeperServer, { kind: 'serving' }>['role'];
const serving = (address: string, role: Role): ZooKeeperServer => ({
  ...{ address, kind: 'serving', role, version: '3.8.0', zxid: 1n, outstanding: 0, connections: 1 },
});
const away = (address: string): ZooKeeperServer => ({ address, kind: 'away', why: 'nothing within 1 s' });
const three = [serving('a:1', 'follower'), serving('b:1', 'leader'), serving('c:1', 'follower')];
const judged = (servers: ZooKeeperServer[], isReplicated = true) =>
  judgeEnsemble(servers, isReplicated).map(({ verdict, says }) => `${verdict}: ${says}`);

test('three that serve are well, one that is away is a warning, no quorum blocks', () => {
  expect(judged(three)).toEqual(['pass: 3 servers serve, b:1 leads']);
  expect(judged([...three.slice(0, 2), away('c:1')])[0]).toMatch(/^warn: c:1 does not answer/);
  expect(judged([{ address: 'a:1', kind: 'looking' }, away('b:1'), away('c:1')])[0]).toMatch(
    /^fail: ZooKeeper has no quorum/,
  );
});

test('one server is a warning only where stock Redis outlives a machine; two outlive none', () => {
  const one = [serving('a:1', 'standalone')];
  expect(judged(one, false)).toEqual(['pass: one server']);
  expect(judged(one)[0]).toMatch(/^warn: one server is named/);
  expect(judged(three.slice(0, 2))[0]).toMatch(/^warn: two servers/);
});
