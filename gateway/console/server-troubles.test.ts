import { expect, test } from 'vitest';
import { parseSamples } from '#runtime/prometheus-text.ts';
import { serverTroubles } from './server-troubles.ts';

const told = (...lines: string[]) => serverTroubles(parseSamples(`${lines.join('\n')}\n`));
const replicated = (replicas: number) => [`seckill_stock_replicas ${replicas}`, 'seckill_stock_replicas_asked 1'];

test('nothing is told of one server each, nor of servers that are all there', () => {
  expect(told('seckill_stock_replicas 0', 'seckill_stock_replicas_asked 0')).toEqual([]);
  expect(told('seckill_zookeeper_servers{state="serving"} 1', 'seckill_postgres_standby_wanted 0')).toEqual([]);
  const standby = ['seckill_postgres_standby_wanted 1', 'seckill_postgres_standbys{state="synchronous"} 1'];
  expect(told(...replicated(2), 'seckill_zookeeper_servers{state="serving"} 3', ...standby)).toEqual([]);
});

test('each server that is missing is told, with what it means now', () => {
  // Two services: the one that sees less is believed.
  expect(told(...replicated(2), ...replicated(1))).toEqual([
    'stock Redis has 1 replica in step and should have 2: with the next one nothing is sold; seckill status says which',
  ]);
  expect(told(...replicated(0))[0]).toContain('nothing is sold');
  expect(told('seckill_zookeeper_servers{state="serving"} 2', 'seckill_zookeeper_servers{state="away"} 1')).toEqual([
    '1 server of ZooKeeper does not serve; seckill status says which',
  ]);
  const looking = ['seckill_zookeeper_servers{state="serving"} 0', 'seckill_zookeeper_servers{state="looking"} 1'];
  expect(told(...looking, 'seckill_zookeeper_servers{state="away"} 2')[0]).toContain(
    '3 servers of ZooKeeper do not serve, it has no quorum',
  );
  expect(told('seckill_postgres_standby_wanted 1', 'seckill_postgres_standbys{state="synchronous"} 0')[0]).toContain(
    'PostgreSQL has no synchronous standby',
  );
});
