import { expect, test } from 'vitest';
import type { Server } from '../plan/servers.ts';
import { primaryIn, votedEpoch } from './sentinel-server.ts';

const face = (port: number) => ({ port, source: null });
const server = (n: number, port: number): Server => ({
  ...{ role: 'stock-redis', name: `stock-redis-${n}`, port },
  face: face(port),
});
const file = `# ports stock-redis-1=21001 stock-redis-2=21002 queue-redis-1=21003
port 21009
sentinel current-epoch 7
sentinel monitor stock 127.0.0.1 21002 2
sentinel config-epoch stock 7
sentinel monitor queue 127.0.0.1 21003 2
`;

test('the primary that a sentinel made is found by name, although every port is another one at the next start', () => {
  const servers = [server(1, 30_001), server(2, 30_002)];
  expect(primaryIn(file, 'stock-redis', servers)).toEqual([{ server: servers[1], epoch: 7 }]);
});

test('a sentinel without an epoch knows the primary of the first start, and a file without a primary says nothing', () => {
  const queue: Server = { role: 'queue-redis', name: 'queue-redis-1', port: 30_003, face: face(30_003) };
  expect(primaryIn(file, 'queue-redis', [queue])).toEqual([{ server: queue, epoch: 0 }]);
  expect(primaryIn('port 1\n', 'queue-redis', [queue])).toEqual([]);
});

test('one that starts again votes in no epoch that any of them knows of, also where the election of that epoch goes on', () => {
  expect(votedEpoch([file, file.replace('current-epoch 7', 'current-epoch 8')])).toBe(8);
  expect(votedEpoch(['port 1\n'])).toBe(0);
});
