import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createLogger } from '../logger.ts';
import type { SentinelPlace } from './place.ts';
import { sentinelWatch } from './sentinel-watch.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const until = (holds: () => boolean) => vi.waitUntil(holds, 20_000);

const text = (...words: string[]) => words.map((word) => `$${word.length}\r\n${word}\r\n`).join('');
/** What a sentinel answers that names this primary since that failover. */
const repliesOf = (
  { primary, epoch }: { primary: number; epoch: number },
  channels: readonly string[],
): Record<string, string> => ({
  HELLO: '%0\r\n', // it speaks RESP3: one connection listens and asks
  CLIENT: '+OK\r\n',
  SUBSCRIBE: channels.map((channel, nth) => `>3\r\n${text('subscribe', channel)}:${nth + 1}\r\n`).join(''),
  'GET-MASTER-ADDR-BY-NAME': `*2\r\n${text('127.0.0.1', String(primary))}`,
  MASTER: `*2\r\n${text('config-epoch', String(epoch))}`,
});

/** What the watch asks of a sentinel, command by command: its name and what follows. */
function commandsIn(sent: string): { name: string; rest: string[] }[] {
  return sent.split(/^\*\d+\r\n/m).flatMap((command) => {
    const words = command.split('\r\n').filter((line) => line !== '' && !line.startsWith('$'));
    const [name, ...rest] = words[0]?.toUpperCase() === 'SENTINEL' ? words.slice(1) : words;
    return name === undefined ? [] : [{ name: name.toUpperCase(), rest }];
  });
}

/** A sentinel that says what `is` says now. `isMute`: it hangs on a new connection; `isAway`: it hangs up. */
async function startSentinel(is: { primary: number; epoch: number; isMute?: boolean; isAway?: boolean }) {
  const sockets: Socket[] = [];
  let asked = 0;
  const server = createServer((socket) => {
    sockets.push(socket);
    let isHanging = false;
    socket.on('error', () => undefined);
    if (is.isAway) socket.destroy();
    socket.on('data', (data) => {
      for (const { name, rest } of commandsIn(data.toString())) {
        if (name === 'MASTER') asked += 1;
        isHanging ||= name === 'SUBSCRIBE' && is.isMute === true;
        if (!isHanging) socket.write(repliesOf(is, rest)[name] ?? '');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // it listens on a port
  return { is, sockets, at: { host: '127.0.0.1', port }, asked: () => asked };
}

function watchOf(sentinels: readonly Awaited<ReturnType<typeof startSentinel>>[]) {
  const place: SentinelPlace = { kind: 'sentinel', name: 'stock', sentinels: sentinels.map(({ at }) => at), tls: {} };
  const watch = sentinelWatch(`test:${place.sentinels.map(({ port }) => port).join()}`, place, logger);
  onTestFinished(watch.use());
  return watch;
}

test('a sentinel that hangs when it is listened to again is tried once more, and ends nothing', async () => {
  const sentinel = await startSentinel({ primary: 7000, epoch: 1 });
  const watch = watchOf([sentinel]);
  await until(() => watch.primary() !== null);
  sentinel.is.isMute = true;
  sentinel.sockets[0]?.destroy();
  // Its second is over, and the driver has given it up: a rejection that nothing catches would have failed this run.
  await until(() => sentinel.sockets.length >= 3);
  sentinel.is.isMute = false;
  await until(() => watch.problem() === null);
  expect(watch.primary()).toEqual({ host: '127.0.0.1', port: 7000 });
});

test('a sentinel that is behind leads no connection back to the primary before, unless every one is', async () => {
  const behind = await startSentinel({ primary: 7000, epoch: 1 });
  const ahead = await startSentinel({ primary: 7001, epoch: 2 });
  const watch = watchOf([behind, ahead]);
  await until(() => watch.primary()?.port === 7001);
  const before = watch.failovers();
  ahead.is.isAway = true;
  for (const socket of ahead.sockets) socket.destroy();
  const asked = behind.asked();
  const timers = vi.spyOn(globalThis, 'setTimeout');
  await until(() => behind.asked() >= asked + 3 && ahead.sockets.length >= 3);
  const retries = timers.mock.results.filter((_result, nth) => timers.mock.calls[nth]?.[1] === 300);
  timers.mockRestore();
  // A command that is done does not wait for a sentinel that is away.
  expect(retries.length).toBeGreaterThan(0);
  expect(retries.filter(({ value }) => value.hasRef())).toEqual([]);
  expect([watch.primary()?.port, watch.failovers() - before]).toEqual([7001, 0]);
  // Both were set up anew, and count from the beginning.
  Object.assign(ahead.is, { primary: 7000, epoch: 1, isAway: false });
  await until(() => watch.primary()?.port === 7000);
});
