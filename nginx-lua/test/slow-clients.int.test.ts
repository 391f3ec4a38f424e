import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { buy, saleOf, startEdge, type TestEdge, ticketFor } from '#lab/servers/edge.ts';

let edge: TestEdge;
let rendered: string;

/** With shorter times than the templates give, so that no test waits for them. */
async function hurry(config: string): Promise<void> {
  const file = join(dirname(config), 'conf.d/limits.conf');
  rendered = await readFile(file, 'utf8');
  const short = rendered
    .replace('client_header_timeout 10s;', 'client_header_timeout 1s;')
    .replace('client_body_timeout 5s;', 'client_body_timeout 1s;')
    .replace('lingering_time 10s;', 'lingering_time 1s;')
    .replace('lingering_timeout 2s;', 'lingering_timeout 1s;');
  await writeFile(file, short);
}

beforeAll(async () => {
  edge = await startEdge({}, [], { beforeStart: hurry });
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open')] });
});
afterAll(() => edge.stop());

/** Resolves when the connection is over; a reset is an end as well (`once` would reject on it). */
const ending = (socket: Socket) => new Promise((resolve) => socket.on('close', resolve));

/** Sends `start`, then a letter ten times a second, until the edge ends the connection; resolves with what it said. */
async function dribble(start: string): Promise<string> {
  const socket: Socket = connect(edge.port, '127.0.0.1');
  await once(socket, 'connect');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('error', () => {}); // `close` follows
  socket.write(start);
  const timer = setInterval(() => socket.write('a'), 100);
  await ending(socket).finally(() => clearInterval(timer));
  return answer;
}

test('a whole header has 10 s, a body 5 s between two reads, one that is not wanted 10 s in all', () => {
  const seconds = (name: string) => new RegExp(`^${name} (\\d+)s;`, 'm').exec(rendered)?.[1];
  expect(['client_header_timeout', 'client_body_timeout', 'lingering_time', 'lingering_timeout'].map(seconds)).toEqual([
    '10',
    '5',
    '10',
    '2',
  ]);
});

test('a header that dribbles in is over after its time, however steadily it comes; others are served meanwhile', async () => {
  const slow = Array.from({ length: 20 }, () => dribble('POST /api/sales/open/orders HTTP/1.1\r\nhost: edge\r\nx-a: '));
  expect((await buy(edge, 'open')).status).toBe(202);
  for (const answer of await Promise.all(slow)) expect(answer).not.toMatch(/^HTTP\/1\.1 [23]/);
  expect((await buy(edge, 'open')).status).toBe(202);
});

test('a body that stops coming is over after its time, and its place in flight is free again', async () => {
  const served = edge.service.seen.length;
  const socket = connect(edge.port, '127.0.0.1');
  socket.on('error', () => {});
  const head = ['host: edge', 'content-type: application/json', `seckill-ticket: ${ticketFor('open')}`];
  socket.write(`POST /api/sales/open/orders HTTP/1.1\r\n${head.join('\r\n')}\r\ncontent-length: 14\r\n\r\n{"qu`);
  await ending(socket);
  expect(edge.service.seen.length).toBe(served); // a body that never came whole is nobody's purchase
  await poll('its place is free', async () => (await edge.metrics()).includes('seckill_edge_in_flight 0\n'));
});

test('one ticket, sent again and again with a body that dribbles in, holds a burst of places and not all of them', async () => {
  const limits = { userPerSecond: 50, userBurst: 3, inFlight: 40 };
  await edge.agent.send({ type: 'settings', settings: { version: 1, limits, maintenance: null } });
  const sockets: Socket[] = [];
  let refused = '';
  const dribbling = setInterval(() => {
    for (const socket of sockets) socket.write(' ');
  }, 100);
  try {
    const head = ['host: edge', 'content-type: application/json', `seckill-ticket: ${ticketFor('open')}`];
    const isRefused = () => {
      const socket = connect(edge.port, '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        refused = String(chunk);
      });
      socket.write(`POST /api/sales/open/orders HTTP/1.1\r\n${head.join('\r\n')}\r\ncontent-length: 900\r\n\r\n{`);
      return sockets.length >= 30;
    };
    await poll('thirty of them', isRefused, 30_000, 30); // no faster than the rate
    await poll('some to be refused', async () => refused !== '');
    expect(refused).toMatch(/^HTTP\/1\.1 429 [\s\S]*RATE_LIMITED/);
    expect((await buy(edge, 'open')).status).toBe(202); // somebody else
    await poll('the places to be counted', async () => {
      const held = Number(/seckill_edge_in_flight (\d+)/.exec(await edge.metrics())?.[1]);
      expect(held).toBeLessThanOrEqual(6); // three a worker
      return held > 0;
    });
    expect(await edge.metrics()).toMatch(/check="in_flight",outcome="rate_limited"\} \d+/);
  } finally {
    clearInterval(dribbling);
    for (const socket of sockets) socket.destroy();
  }
});
