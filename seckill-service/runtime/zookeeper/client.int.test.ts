import { connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, inject, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { createLogger } from '../logger.ts';
import { changeNode, NodeContendedError } from './change.ts';
import { connectZooKeeper, type ZooKeeper } from './client.ts';
import { standForLeader } from './leader.ts';
import { keepPresence } from './presence.ts';
import { watchChildren } from './watch.ts';

const address = inject('servers').zookeeper;
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** One that outlives a busy machine's pauses, unless the test is about deadlines; 10 s is the server's most. */
function client(
  connection = address,
  deadlines: { sessionTimeoutMs?: number; callTimeoutMs?: number } = {},
): ZooKeeper {
  const long = { sessionTimeoutMs: 10_000, callTimeoutMs: 20_000 };
  const zookeeper = connectZooKeeper({ connection, logger, ...long, ...deadlines });
  closers.push(zookeeper.close);
  return zookeeper;
}
const folder = () => `/seckill/test-${crypto.randomUUID()}`;
const text = (value: string) => Buffer.from(value);

/** Resolves for everybody once `count` have come. */
function meetingOf(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let come = 0;
  return () => {
    come += 1;
    if (come === count) resolve();
    return promise;
  };
}

/** A link that can be made silent: bytes go nowhere, and no one is told. */
async function silentLink(): Promise<{ connection: string; silence: (on: boolean) => void }> {
  const [host = '', port] = address.split(':');
  const sockets = new Set<Socket>();
  let silent = false;
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => {
        if (!silent) to.write(data);
      });
      from.on('error', () => {});
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return { connection: `127.0.0.1:${bound.port}`, silence: (on) => (silent = on) };
}

test('of two writers one wins, the other is told to read again', async () => {
  const zookeeper = client();
  const path = `${folder()}/node`;
  expect(await zookeeper.read(path)).toBeNull();
  expect(await zookeeper.create(path, text('1'))).toBe(true);
  expect(await zookeeper.create(path, text('2'))).toBe(false);
  const node = await zookeeper.read(path);
  expect(await zookeeper.write(path, text('3'), node?.version ?? -1)).toBe(true);
  expect(await zookeeper.write(path, text('4'), node?.version ?? -1)).toBe(false);
  expect((await zookeeper.read(path))?.data.toString()).toBe('3');
});

test('a node right below the root is created like any other', async () => {
  const zookeeper = client();
  const path = `/test-${crypto.randomUUID()}`;
  expect(await zookeeper.create(path, text('1'))).toBe(true);
  expect((await zookeeper.read(path))?.data.toString()).toBe('1');
  await zookeeper.remove(path);
});

test('of two writers that read the same and both write, neither loses a change of the other', async () => {
  const path = `${folder()}/list`;
  const [rounds, zookeepers] = [5, [client(), client()]];
  // Each round begins when both have written, and both write when they have read the same list: one of the two meets the
  // other's write.
  const meetings = () => Array.from({ length: rounds }, () => meetingOf(zookeepers.length));
  const [haveRead, haveWritten] = [meetings(), meetings()];
  let readings = 0;
  const writer = async (zookeeper: ZooKeeper, name: string) => {
    for (const [round, allHaveRead] of haveRead.entries()) {
      let isFirst = true;
      const told = await changeNode(zookeeper, path, async (current) => {
        readings += 1;
        if (isFirst) await allHaveRead();
        isFirst = false;
        const list: string[] = current === null ? [] : JSON.parse(current.toString());
        const result = [...list, `${name} ${round}`];
        return { data: text(JSON.stringify(result)), result };
      });
      expect(told).toContain(`${name} ${round}`);
      await haveWritten[round]?.();
    }
  };
  await Promise.all(zookeepers.map((zookeeper, index) => writer(zookeeper, `writer ${index}`)));
  const node = await zookeepers[0]?.read(path);
  const all = ['writer 0', 'writer 1'].flatMap((name) => haveRead.map((_, round) => `${name} ${round}`));
  expect((JSON.parse(node?.data.toString() ?? 'null') as string[]).sort()).toEqual(all.sort());
  expect(readings).toBe(rounds * 3); // the winner's one, and two of the other
});

test('a change that others are faster than ten times in a row is given up, says so, and has written nothing', async () => {
  const zookeeper = client();
  const path = `${folder()}/node`;
  await zookeeper.create(path, text('0'));
  let tries = 0;
  const change = changeNode(zookeeper, path, async () => {
    tries += 1;
    const node = await zookeeper.read(path);
    await zookeeper.write(path, text(`other ${tries}`), node?.version ?? -1);
    return { data: text('mine'), result: 'written' };
  });
  const why = new NodeContendedError(`${path} was not changed: others changed it 10 times in a row. Try again.`);
  await expect(change).rejects.toThrow(why);
  expect(tries).toBe(10);
  expect((await zookeeper.read(path))?.data.toString()).toBe('other 10');
});

test('a change that decides for nothing leaves the node as it was, and makes none', async () => {
  const zookeeper = client();
  const path = `${folder()}/node`;
  const keep = () => changeNode(zookeeper, path, (current) => ({ data: null, result: current?.toString() ?? 'none' }));
  expect(await keep()).toBe('none');
  expect(await zookeeper.read(path)).toBeNull();
  await zookeeper.create(path, text('1'));
  expect(await keep()).toBe('1');
  expect(await zookeeper.read(path)).toMatchObject({ version: 0 });
});

test('a watch keeps the picture of a folder that did not exist when it began', async () => {
  const zookeeper = client();
  const parent = folder();
  const seen = new Map<string, string>();
  const watch = watchChildren({
    zookeeper,
    parent,
    logger,
    fullReadMs: 60_000, // events alone must do it
    onChange: (name, data) => (data === null ? seen.delete(name) : seen.set(name, data.toString())),
  });
  closers.push(watch.close);
  const writer = client();
  await poll('the watched folder', async () => (await writer.read(parent)) !== null);
  await writer.create(`${parent}/a`, text('1'));
  await poll('the new child', async () => seen.get('a') === '1');
  for (const value of ['2', '3', '4']) {
    const node = await writer.read(`${parent}/a`);
    await writer.write(`${parent}/a`, text(value), node?.version ?? -1);
  }
  await poll('the last of several changes', async () => seen.get('a') === '4');
  await writer.remove(`${parent}/a`);
  await poll('the end of the child', async () => !seen.has('a'));
});

test('a silent partition is noticed: a new session takes over, reads again and is present again', async () => {
  const link = await silentLink();
  // Calls outlive several sessions here: what waits for a connection is done in a later one than it was asked for in.
  const zookeeper = client(link.connection, { sessionTimeoutMs: 1000, callTimeoutMs: 10_000 });
  const parent = folder();
  const seen = new Map<string, string>();
  const watch = watchChildren({
    zookeeper,
    parent,
    logger,
    fullReadMs: 60_000,
    onChange: (name, data) => data !== null && seen.set(name, data.toString()),
  });
  const presence = keepPresence({ zookeeper, path: `${parent}-me`, data: () => text('here'), logger, everyMs: 100 });
  const office = standForLeader({ zookeeper, path: `${parent}-office`, instance: 'one', logger });
  closers.push(watch.close, presence.close, office.close);
  const other = client();
  await poll('presence', async () => (await other.read(`${parent}-me`)) !== null);
  await poll('the office', async () => office.isLeader());
  const before = zookeeper.sessionNumber();

  link.silence(true);
  await other.create(`${parent}/while-silent`, text('x'));
  await poll('the watchdog', async () => zookeeper.ready() !== null && zookeeper.sessionNumber() > before + 1);
  await poll('the old session to end', async () => (await other.read(`${parent}-me`)) === null);
  link.silence(false);

  await poll('the missed change', async () => seen.get('while-silent') === 'x');
  await poll('presence in the new session', async () => (await other.read(`${parent}-me`)) !== null);
  await poll('the office in the new session', async () => office.isLeader());
});

/** Takes connections; `onConnection` answers them, or does not. */
async function listening(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return `127.0.0.1:${bound.port}`;
}

test('servers that are silent have their turns round and round, each last after its own, also over new sessions', async () => {
  const turns: number[] = [];
  const isSession = (data: Buffer) => data.toString() !== 'srvr'; // the question how the server is
  const servers = await Promise.all(
    [0, 1, 2].map((index) =>
      listening((socket) => socket.once('data', (data) => isSession(data) && turns.push(index))),
    ),
  );
  const zookeeper = client(servers.join(','), { sessionTimeoutMs: 300 });
  await poll('three rounds', () => turns.length >= 9);
  expect(new Set(turns.slice(0, 3)).size).toBe(3);
  expect(turns.slice(3, 9)).toEqual(turns.slice(0, 6));
  expect(zookeeper.sessionNumber()).toBeGreaterThan(1);
});

test('a server of the list that is no ZooKeeper does not spoil what the next one says', async () => {
  const foreign = await listening((socket) => socket.end('-ERR unknown command\r\n'));
  // Each client draws the order of its servers.
  const clients = Array.from({ length: 10 }, () => client(`${foreign},${address}`));
  for (const zookeeper of clients) await poll('a connection', () => zookeeper.ready() === null);
  expect(clients.map((zookeeper) => zookeeper.sessionNumber())).toEqual(clients.map(() => 1));
});

test('without an answer the client says what is wrong with each server', async () => {
  const foreign = await listening((socket) => socket.end('-ERR unknown command\r\n'));
  const zookeeper = client(`127.0.0.1:1,${foreign}`, { sessionTimeoutMs: 300, callTimeoutMs: 100 });
  const words = `ZooKeeper has no quorum: 0 of 2 servers answer; 127.0.0.1:1 does not answer: connect ECONNREFUSED 127.0.0.1:1; ${foreign} is no ZooKeeper: it says "-ERR unknown command"`;
  await poll('the words', () => zookeeper.ready() === words);
  await expect(zookeeper.read('/seckill')).rejects.toThrow(`zookeeper read /seckill took longer than 100 ms: ${words}`);
});

test('a call without an answer ends at its deadline', async () => {
  const link = await silentLink();
  const zookeeper = client(link.connection, { callTimeoutMs: 500 });
  await poll('a connection', async () => zookeeper.ready() === null);
  link.silence(true);
  await expect(zookeeper.read('/seckill')).rejects.toThrow(/took longer than 500 ms/);
});

test('closing before the connection stands neither throws nor keeps anything open', async () => {
  const active = (kind: string) => process.getActiveResourcesInfo().filter((name) => name === kind).length;
  const before = { sockets: active('TCPSocketWrap'), timers: active('Timeout') };
  for (const connection of [address, '127.0.0.1:1']) {
    for (let round = 0; round < 20; round += 1) {
      const zookeeper = connectZooKeeper({ connection, logger, sessionTimeoutMs: 2000 });
      if (round % 2 === 1) await new Promise((resolve) => setImmediate(resolve));
      zookeeper.close();
    }
  }
  // What the client throws in a socket's handler nobody can catch: vitest fails the run for it.
  await poll('the sockets to be closed', async () => active('TCPSocketWrap') <= before.sockets);
  // One of each would keep a command alive for 4 s after its last word; a few are vitest's own.
  expect(active('Timeout')).toBeLessThan(before.timers + 5);
});

test('one office has one holder, and another follows when it goes', async () => {
  const path = `${folder()}/office`;
  const [first, second] = [client(), client()];
  const one = standForLeader({ zookeeper: first, path, instance: 'one', logger });
  closers.push(one.close);
  await poll('the first', async () => one.isLeader());
  const two = standForLeader({ zookeeper: second, path, instance: 'two', logger });
  closers.push(two.close);
  await poll('the second to have tried', async () => (await second.children(path.replace('/office', ''))).length === 1);
  expect(two.isLeader()).toBe(false);
  one.close();
  first.close();
  await poll('the second to follow', async () => two.isLeader());
});
