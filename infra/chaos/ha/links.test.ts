import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openLinks } from './links.ts';

const names = ['stock-redis-1', 'stock-redis-2', 'sentinel-1', 'sentinel-2', 'postgres-1'];

/** A server for each name that says back what it hears, behind links; this process goes by the name of a service. */
async function world() {
  const links = openLinks(() => new Map([['service-1', process.pid]]));
  const servers = await Promise.all(
    names.map(async (name) => {
      const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return { name, server, port: (server.address() as AddressInfo).port }; // it listens on a port
    }),
  );
  const faces = await links.face(Object.fromEntries(servers.map(({ name, port }) => [name, port])));
  onTestFinished(async () => {
    await links.close();
    for (const { server } of servers) server.close();
  });
  /** A connection to that server; as another server it comes from the other's own address. */
  async function dial(to: string, as?: string) {
    const localAddress = as === undefined ? '127.0.0.1' : (faces[as]?.source ?? '');
    const socket = connect({ host: '127.0.0.1', port: faces[to]?.port ?? 0, localAddress });
    let heard = '';
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        heard += chunk.toString();
      });
    await once(socket, 'connect');
    return { say: (word: string) => socket.write(word), heard: () => heard };
  }
  return { links, faces, dial };
}
type Line = { say: (word: string) => void; heard: () => string };

/** Asks over each line, and holds that those hear an answer and the others, by the time that `sure` has one, do not. */
async function passes(lines: Record<string, Line>, expected: readonly string[], sure: Line): Promise<void> {
  for (const line of Object.values(lines)) line.say('x');
  const hearing = () => Object.keys(lines).filter((name) => lines[name]?.heard().endsWith('x'));
  await vi.waitUntil(() => hearing().length >= expected.length, 20_000);
  sure.say('sure');
  await vi.waitUntil(() => sure.heard().endsWith('sure'), 20_000);
  expect(hearing()).toEqual(expected);
}

test('a primary that is alone with its clients and its sentinel is cut from the rest, and clients keep their database', async () => {
  const { links, dial } = await world();
  const lines = {
    'client to primary': await dial('stock-redis-1'),
    'client to its sentinel': await dial('sentinel-1'),
    'client to database': await dial('postgres-1'),
    'sentinel to primary': await dial('stock-redis-1', 'sentinel-1'),
    'replica to primary': await dial('stock-redis-1', 'stock-redis-2'),
    'primary to replica': await dial('stock-redis-2', 'stock-redis-1'),
    'other sentinel to primary': await dial('stock-redis-1', 'sentinel-2'),
    'client to replica': await dial('stock-redis-2'),
    'client to other sentinel': await dial('sentinel-2'),
  };
  links.isolate(['stock-redis-1', 'sentinel-1', 'ours'], 'half-open');
  const expected = ['client to primary', 'client to its sentinel', 'client to database', 'sentinel to primary'];
  await passes(lines, expected, await dial('stock-redis-2', 'sentinel-2'));
});

test('one of our processes is told from the others by whose socket it is', async () => {
  const { links, dial } = await world();
  const toPrimary = await dial('stock-redis-1');
  const toReplica = await dial('stock-redis-2');
  expect([...links.connectionsOf('service-1')]).toEqual([
    ['stock-redis-1', 1],
    ['stock-redis-2', 1],
  ]);
  const sure = await dial('postgres-1');
  links.isolate(['stock-redis-1', 'service-2'], 'half-open');
  await passes({ toPrimary, toReplica }, ['toReplica'], sure);
  links.heal();
  links.isolate(['stock-redis-1', 'service-1'], 'half-open');
  const again = await dial('stock-redis-1');
  await passes({ again, late: await dial('stock-redis-2') }, ['again'], sure);
});

test('a link between two is both ways round, and no other', async () => {
  const { links, faces, dial } = await world();
  const lines = {
    there: await dial('stock-redis-1', 'stock-redis-2'),
    back: await dial('stock-redis-2', 'stock-redis-1'),
    client: await dial('stock-redis-1'),
  };
  links.between('stock-redis-1', 'stock-redis-2', 'half-open');
  await passes(lines, ['client'], await dial('postgres-1'));
  expect(links.nameOf(faces['sentinel-2']?.port ?? 0)).toBe('sentinel-2');
});
