import { expect, test } from 'vitest';
import { redisConfig } from '../stack/servers/redis-server.ts';
import { parseInfo } from './read-redis.ts';
import { checkInfo, checkRole, redisSettings } from './redis.ts';

test('the local stack writes what is asked of a Redis', () => {
  for (const [kind, appendFsync] of [
    ['stock', 'always'],
    ['queue', 'everysec'],
  ] as const) {
    const lines = redisConfig({ port: 1, dataDir: '/d', appendFsync, password: 'p' }).split('\n');
    for (const { name, value } of redisSettings[kind]) expect(lines).toContain(`${name} ${value}`);
  }
});

test('a replica and a disk that is full block, memory that runs out is a warning', () => {
  const text = '# Replication\r\nrole:slave\r\naof_last_write_status:err\r\nused_memory:81\r\nmaxmemory:100\r\n';
  const found = [...checkRole(parseInfo(text)), ...checkInfo('stock', parseInfo(text), 'redis-cli')];
  expect(found.map(({ verdict }) => verdict)).toEqual(['fail', 'fail', 'warn']);
  const well = 'role:master\r\naof_last_write_status:ok\r\nused_memory:81\r\nmaxmemory:0\r\n';
  expect([...checkRole(parseInfo(well)), ...checkInfo('stock', parseInfo(well), 'redis-cli')]).toEqual([]);
});
