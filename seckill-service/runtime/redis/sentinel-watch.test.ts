import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createLogger } from '../logger.ts';
import { type SentinelPlace, sentinelWatch } from './sentinel-watch.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const until = (holds: () => boolean) => vi.waitUntil(holds, 20_000);

const replies: Record<string, string> = {
  HELLO: "-ERR unknown command 'HELLO'\r\n",
  CLIENT: '+OK\r\n',
  'GET-MASTER-ADDR-BY-NAME': '*2\r\n$9\r\n127.0.0.1\r\n$4\r\n7000\r\n',
  MASTER: '*2\r\n$12\r\nconfig-epoch\r\n$1\r\n1\r\n',
};

/** What the watch asks of a sentinel, command by command: its name, and what follows it. */
function commandsIn(text: string): { name: string; rest: string[] }[] {
  return text.split(/^\*\d+\r\n/m).flatMap((command) => {
    const words = command.split('\r\n').filter((line) => line !== '' && !line.startsWith('$'));
    const [name, ...rest] = words[0]?.toUpperCase() === 'SENTINEL' ? words.slice(1) : words;
    return name === undefined ? [] : [{ name: name.toUpperCase(), rest }];
  });
}

/** A word for each channel. */
const subscribed = (channels: readonly string[]) =>
  channels.map((it, index) => `*3\r\n$9\r\nsubscribe\r\n$${it.length}\r\n${it}\r\n:${index + 1}\r\n`).join('');

test('a sentinel that hangs when it is listened to again is tried once more, and ends nothing', async () => {
  const sockets: Socket[] = [];
  let isMute = false;
  const server = createServer((socket) => {
    sockets.push(socket);
    let isHanging = false;
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      for (const { name, rest } of commandsIn(data.toString())) {
        isHanging ||= name === 'SUBSCRIBE' && isMute;
        if (!isHanging) socket.write(name === 'SUBSCRIBE' ? subscribed(rest) : (replies[name] ?? ''));
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on a port
  const place: SentinelPlace = { kind: 'sentinel', name: 'stock', sentinels: [{ host: '127.0.0.1', port }], tls: {} };
  const watch = sentinelWatch(`test:${port}`, place, logger);
  const release = watch.use();
  onTestFinished(() => {
    release();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await until(() => watch.primary() !== null);
  isMute = true;
  sockets[0]?.destroy();
  // Its second is over, and the driver has given it up: a rejection that is nobody's would have failed this run.
  await until(() => sockets.length >= 3);
  isMute = false;
  await until(() => watch.problem() === null);
  expect(watch.primary()).toEqual({ host: '127.0.0.1', port: 7000 });
});
