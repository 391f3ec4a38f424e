import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { startTcpProxy, type TcpProxy } from '#lab/servers/tcp-proxy.ts';
import { startZooKeeperTrio, type ZooKeeperTrio } from '#lab/servers/zookeeper-trio.ts';
import { createLogger } from '../logger.ts';
import { connectZooKeeper, type ZooKeeper } from './client.ts';
import { standForLeader } from './leader.ts';
import { keepPresence } from './presence.ts';
import { watchChildren } from './watch.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const text = (value: string) => Buffer.from(value);
let trio: ZooKeeperTrio;
let links: TcpProxy[] = [];
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  trio = await startZooKeeperTrio();
});
afterAll(() => trio?.stop());
beforeEach(async () => {
  await trio.whole();
  links = await Promise.all(
    trio.servers.map(({ address }) => startTcpProxy({ to: { host: '127.0.0.1', port: portOf(address) } })),
  );
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await Promise.all(links.map((link) => link.close()));
});

const portOf = (address: string) => Number(address.split(':')[1]);

/** As our processes have it, over the links; `sessionTimeoutMs` where it is not to have the default. */
function overLinks(sessionTimeoutMs?: number): ZooKeeper {
  const connection = links.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const zookeeper = connectZooKeeper({ connection, logger, ...(sessionTimeoutMs && { sessionTimeoutMs }) });
  closers.push(zookeeper.close);
  return zookeeper;
}

/** One that no fault of a link meets, and that outlives a server's. */
function witness(): ZooKeeper {
  const { connection } = trio;
  const zookeeper = connectZooKeeper({ connection, logger, sessionTimeoutMs: 10_000, callTimeoutMs: 20_000 });
  closers.push(zookeeper.close);
  return zookeeper;
}

/** The number of the server that the client is on. */
const placeOf = (zookeeper: ZooKeeper) => links.findIndex(({ port }) => port === portOf(zookeeper.server()));

/** A process with an office, a presence and a watch, and how the witness sees it. */
async function member(sessionTimeoutMs?: number) {
  const folder = `/seckill/test-${crypto.randomUUID()}`;
  const [zookeeper, other] = [overLinks(sessionTimeoutMs), witness()];
  const paths = { leader: `${folder}/leader`, presence: `${folder}/me`, watched: `${folder}/watched` };
  const seen = new Set<string>();
  const leadership = standForLeader({ zookeeper, path: paths.leader, instance: 'one', logger });
  const presence = keepPresence({ zookeeper, path: paths.presence, data: () => text('here'), logger });
  const watch = watchChildren({
    ...{ zookeeper, parent: paths.watched, logger },
    fullReadMs: 60_000, // events and connections must do it
    onChange: (name, data) => data !== null && seen.add(name),
  });
  closers.push(leadership.close, presence.close, watch.close);
  const isWhole = async () => leadership.isLeader() && (await other.read(paths.presence)) !== null;
  await poll('leader and present', isWhole);
  await poll('the watched folder', async () => (await other.read(paths.watched)) !== null);
  return {
    ...{ zookeeper, other, leadership, paths, isWhole },
    usable: () => poll('a session to be usable', async () => (await zookeeper.read('/')) !== null),
    /** Writes a change, and resolves when the member has heard of it. */
    hears: async (name: string) => {
      await poll(`writing ${name}`, () => other.create(`${paths.watched}/${name}`, text(name)));
      await poll(`hearing of ${name}`, () => seen.has(name));
    },
    /** How often the node is changed or removed from now on. */
    changesOf: async (path: string) => {
      let changes = 0;
      await other.read(path, () => {
        changes += 1;
      });
      return () => changes;
    },
  };
}

test('a black hole on the link to one server: the next one takes over the session, with its nodes, before it is over', async () => {
  // A third of a session is left for the next server, which a busy machine may need.
  const { zookeeper, usable, hears, isWhole, paths, changesOf } = await member(8000);
  const [presence, office] = await Promise.all([changesOf(paths.presence), changesOf(paths.leader)]);
  const hole = placeOf(zookeeper);
  const session = zookeeper.sessionNumber();

  links[hole]?.mode('half-open');
  await usable();
  await hears('after the hole');
  expect(placeOf(zookeeper)).not.toBe(hole);
  await poll('leader and present', isWhole);
  expect(zookeeper.sessionNumber()).toBe(session);
  expect([presence(), office()]).toEqual([0, 0]);
});

test('the follower that a process is on dies: session, office and presence are kept', async () => {
  const leader = trio.servers.indexOf(await trio.leader());
  links[leader]?.mode('cut');
  const { zookeeper, usable, hears, paths, changesOf } = await member();
  links[leader]?.mode('pass');
  const [presence, office] = await Promise.all([changesOf(paths.presence), changesOf(paths.leader)]);
  const session = zookeeper.sessionNumber();
  const follower = trio.servers[placeOf(zookeeper)];

  await follower?.kill();
  await usable();
  await hears('after the death');
  expect(zookeeper.sessionNumber()).toBe(session);
  expect([presence(), office()]).toEqual([0, 0]);
  follower?.start();
});

test('the leader of the ensemble dies: watch, presence and office come back', async () => {
  const { usable, hears, isWhole } = await member();
  const leader = await trio.leader();
  await leader.kill();
  await usable();
  await hears('after the election');
  await poll('leader and present', isWhole);
  expect(await trio.leader()).not.toBe(leader);
  leader.start();
});

test('two of three servers are dead: not ready, and no leader; it is all back by itself with the second', async () => {
  const { zookeeper, leadership, hears, isWhole } = await member(3000); // above the lease of an office
  const [one, two] = trio.servers;
  await Promise.all([one?.kill(), two?.kill()]);
  await poll('not ready', () => /^ZooKeeper has no quorum: 1 of 3 servers answers; /.test(zookeeper.ready() ?? ''));
  expect(leadership.isLeader()).toBe(false);
  one?.start();
  await hears('with the quorum');
  await poll('leader and present', isWhole);
  expect(zookeeper.ready()).toBeNull();
  two?.start();
});
