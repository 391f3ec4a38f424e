import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startTcpProxy } from './tcp-proxy.ts';

const until = (holds: () => boolean) => vi.waitUntil(holds, 20_000);

/** A server that answers each message with `got <message>`, behind a proxy. */
async function proxied() {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      heard.push(chunk.toString());
      socket.write(`got ${chunk}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const proxy = await startTcpProxy({ to: { host: '127.0.0.1', port: address.port } });
  onTestFinished(async () => {
    await proxy.close();
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  return { proxy, heard, server, sockets };
}

async function dial(port: number, localAddress = '127.0.0.1') {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  const client = { socket, text: '', isClosed: false };
  socket.on('data', (chunk) => {
    client.text += chunk.toString();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    client.isClosed = true;
  });
  await once(socket, 'connect');
  return client;
}

test('passes both ways, megabytes too, and an orderly end', async () => {
  const { proxy, sockets } = await proxied();
  const client = await dial(proxy.port);
  client.socket.write('one');
  await until(() => client.text === 'got one');
  const [behind] = sockets;
  const big = 'x'.repeat(5_000_000);
  behind?.end(big);
  await until(() => client.isClosed);
  expect(client.text).toHaveLength('got one'.length + big.length);
  await until(() => proxy.connections() === 0);
});

test('cut resets what is open and what comes, until it passes again', async () => {
  const { proxy } = await proxied();
  const open = await dial(proxy.port);
  proxy.mode('cut');
  await until(() => open.isClosed);
  const late = connect({ host: '127.0.0.1', port: proxy.port });
  late.on('error', () => undefined);
  await new Promise<void>((resolve) => late.once('close', () => resolve()));
  proxy.mode('pass');
  const next = await dial(proxy.port);
  next.socket.write('hi');
  await until(() => next.text === 'got hi');
});

test('delay keeps the order and takes its time', async () => {
  const { proxy } = await proxied();
  const client = await dial(proxy.port);
  proxy.mode('delay', 120);
  const sentAt = performance.now();
  client.socket.write('a');
  await until(() => client.text.length > 0);
  expect(performance.now() - sentAt).toBeGreaterThanOrEqual(235);
  proxy.mode('delay', 60);
  client.socket.write('b');
  proxy.mode('pass');
  await until(() => client.text === 'got agot b');
});

test('half-open swallows silently, and resets what lost bytes when it ends', async () => {
  const { proxy, heard } = await proxied();
  const talking = await dial(proxy.port);
  const quiet = await dial(proxy.port);
  quiet.socket.write('before');
  await until(() => quiet.text === 'got before');
  proxy.mode('half-open');
  const late = await dial(proxy.port);
  for (const client of [talking, late]) client.socket.write('lost');
  const probe = await proxied();
  const other = await dial(probe.proxy.port);
  other.socket.write('meanwhile'); // a round trip elsewhere: time enough for the lost bytes to arrive, if they could
  await until(() => other.text === 'got meanwhile');
  expect(heard).toEqual(['before']);
  expect([talking.isClosed, late.isClosed]).toEqual([false, false]);
  proxy.mode('pass');
  await until(() => talking.isClosed && late.isClosed);
  quiet.socket.write('after');
  await until(() => quiet.text === 'got beforegot after');
});

test('lost takes what is under way as well, and no peer hears that the server is gone until the link is back', async () => {
  const { proxy, heard, sockets } = await proxied();
  const client = await dial(proxy.port);
  client.socket.write('before');
  await until(() => client.text === 'got before');
  // What is held is under way for as long as the test wants, however slow the machine is.
  proxy.mode('held');
  client.socket.write('under way');
  const probe = await proxied();
  const other = await dial(probe.proxy.port);
  other.socket.write('meanwhile');
  await until(() => other.text === 'got meanwhile'); // by now the proxy has it
  proxy.mode('lost');
  proxy.letGo();
  other.socket.write('let go');
  await until(() => other.text.endsWith('go'));
  for (const socket of sockets) socket.resetAndDestroy();
  other.socket.write('once more');
  await until(() => other.text.endsWith('more'));
  expect([heard, client.isClosed]).toEqual([['before'], false]);
  proxy.mode('pass');
  await until(() => client.isClosed);
});

test('a rule is for the peers it means, open and to come; the last word counts, and mode() speaks of all', async () => {
  const { proxy, heard } = await proxied();
  const replica = await dial(proxy.port, '127.0.1.2');
  const other = await dial(proxy.port);
  proxy.modeFor(({ address }) => address === '127.0.1.2', 'half-open');
  const late = await dial(proxy.port, '127.0.1.2');
  for (const client of [replica, late]) client.socket.write('lost');
  other.socket.write('heard');
  await until(() => other.text === 'got heard');
  expect([heard, replica.isClosed, late.isClosed]).toEqual([['heard'], false, false]);
  proxy.modeFor(({ port }) => port === late.socket.localPort, 'cut');
  await until(() => late.isClosed);
  expect(replica.isClosed).toBe(false);
  proxy.mode('pass');
  await until(() => replica.isClosed);
  const again = await dial(proxy.port, '127.0.1.2');
  again.socket.write('again');
  await until(() => again.text === 'got again');
});

test('drop-replies lets the server act and the client wonder', async () => {
  const { proxy, heard } = await proxied();
  const client = await dial(proxy.port);
  proxy.mode('drop-replies');
  client.socket.write('act');
  await until(() => heard.length === 1);
  expect([client.text, client.isClosed]).toEqual(['', false]);
  proxy.mode('cut');
  await until(() => client.isClosed);
  expect(client.text).toBe('');
});

test('a server that is gone looks like a reset connection', async () => {
  const { proxy, server, sockets } = await proxied();
  const client = await dial(proxy.port);
  client.socket.write('x');
  await until(() => client.text !== '');
  for (const socket of sockets) socket.destroy();
  server.close();
  await until(() => client.isClosed);
  const next = connect({ host: '127.0.0.1', port: proxy.port });
  next.on('error', () => undefined);
  await new Promise<void>((resolve) => next.once('close', () => resolve()));
});

test('held bytes arrive when they are let go, also after their sender has left', async () => {
  const { proxy, heard } = await proxied();
  const client = await dial(proxy.port);
  proxy.mode('held');
  client.socket.end('late');
  proxy.mode('pass');
  const other = await dial(proxy.port);
  other.socket.write('in time');
  await until(() => other.text === 'got in time');
  expect(heard).toEqual(['in time']);
  proxy.letGo();
  await until(() => heard.length === 2);
  expect(heard).toEqual(['in time', 'late']);
});
