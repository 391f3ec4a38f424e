import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { ensembleTroubles, quorumTrouble, readEnsemble, serverTrouble } from './topology.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Answers each connection by `text` and hangs up; null: keeps it, silent. */
async function answering(text: string | null): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    if (text === null) socket.unref();
    else socket.once('data', () => socket.end(text));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `127.0.0.1:${address.port}`;
}

const leader = `Zookeeper version: 3.8.0-11, built on 2024-02-18 18:14 UTC
Latency min/avg/max: 0/1.5/9
Received: 42
Sent: 41
Connections: 3
Outstanding: 2
Zxid: 0x500000007
Mode: leader
Node count: 12
Proposal sizes last/min/max: 32/32/48
`;
const looking = 'This ZooKeeper instance is not currently serving requests\n';

test('an ensemble is read in the order of its list, what is away, silent or no ZooKeeper included', async () => {
  const [serves, looks, mute, redis, silent] = await Promise.all(
    [leader, looking, 'srvr is not executed because it is not in the whitelist.\n', '-ERR unknown\u0007', null].map(
      answering,
    ),
  );
  const began = performance.now();
  const ensemble = await readEnsemble(`${serves},${looks},${mute},${redis},${silent},127.0.0.1:1/path`);
  expect(performance.now() - began).toBeGreaterThan(900); // the silent one's second, and one only
  expect(ensemble).toEqual([
    {
      ...{ address: serves, kind: 'serving', role: 'leader', version: '3.8.0', zxid: 0x500000007n },
      ...{ outstanding: 2, connections: 3 },
    },
    { address: looks, kind: 'looking' },
    { address: mute, kind: 'untold' },
    { address: redis, kind: 'foreign', why: 'it says "-ERR unknown"' },
    { address: silent, kind: 'away', why: 'nothing within 1 s' },
    { address: '127.0.0.1:1', kind: 'away', why: 'connect ECONNREFUSED 127.0.0.1:1' },
  ]);
  expect(ensemble.map(serverTrouble)).toEqual([
    null,
    `${looks} runs without a quorum`,
    `${mute} does not say how it is: add srvr to its 4lw.commands.whitelist`,
    `${redis} is no ZooKeeper: it says "-ERR unknown"`,
    `${silent} does not answer: nothing within 1 s`,
    '127.0.0.1:1 does not answer: connect ECONNREFUSED 127.0.0.1:1',
  ]);
  expect(quorumTrouble(ensemble)).toBeNull();
});

test('an ensemble without a quorum says how many of its servers answer, and what is wrong with the others', async () => {
  const [looks, redis] = await Promise.all([looking, '-ERR unknown'].map(answering));
  expect(quorumTrouble(await readEnsemble(`${looks},${redis},127.0.0.1:1`))).toBe(
    `ZooKeeper has no quorum: 1 of 3 servers answers; ${looks} runs without a quorum; ${redis} is no ZooKeeper: it says "-ERR unknown"; 127.0.0.1:1 does not answer: connect ECONNREFUSED 127.0.0.1:1`,
  );
});

test('servers that stand alone are no ensemble, and one that does is', async () => {
  const alone = leader.replace('leader', 'standalone');
  const [one, other] = await Promise.all([alone, leader].map(answering));
  expect(ensembleTroubles(await readEnsemble(`${one},${other}`))).toEqual([
    `${one} stands alone, with a tree of its own`,
  ]);
  expect(ensembleTroubles(await readEnsemble(`${one}`))).toEqual([]);
});
