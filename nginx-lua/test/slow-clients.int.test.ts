import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
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
    .replace('client_header_timeout 5s;', 'client_header_timeout 1s;')
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

/** Sends `start`, then `more` ten times a second, until the edge ends the connection; resolves with what it said. */
async function dribble(start: string, more = 'a'): Promise<string> {
  const socket: Socket = connect(edge.port, '127.0.0.1');
  await once(socket, 'connect');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('error', () => {}); // `close` follows
  socket.write(start);
  const timer = setInterval(() => socket.write(more), 100);
  await ending(socket).finally(() => clearInterval(timer));
  return answer;
}

test('a whole header has 5 s, a body 5 s between two reads, one that is not wanted 10 s in all', () => {
  const seconds = (name: string) => new RegExp(`^${name} (\\d+)s;`, 'm').exec(rendered)?.[1];
  expect(['client_header_timeout', 'client_body_timeout', 'lingering_time', 'lingering_timeout'].map(seconds)).toEqual([
    '5',
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

test('520 bodies that dribble in, 20 of each of 26 accounts, hold no place in flight of 512, and end after 2 s in all', async () => {
  const { metrics, agent } = edge;
  // A tenth of each: two workers' shares of the places are 25, and 52 purchases would be more than them all.
  await agent.send({ type: 'settings', settings: { version: 1, limits: { inFlight: 50 }, maintenance: null } });
  const purchase = (userId: string, length: string) => {
    const lines = ['host: edge', 'content-type: application/json', `seckill-ticket: ${ticketFor('open', { userId })}`];
    return `POST /api/sales/open/orders HTTP/1.1\r\n${[...lines, length].join('\r\n')}\r\n\r\n`;
  };
  const served = edge.service.seen.length;
  const startedAt = performance.now();
  const slow = Array.from({ length: 52 }, (_, nth) => {
    const isChunked = nth % 4 === 0;
    const length = isChunked ? 'transfer-encoding: chunked' : 'content-length: 80';
    return dribble(purchase(`dribbler-${nth % 26}`, length), isChunked ? '1\r\n \r\n' : ' ');
  });
  let areOver = false;
  const answers = Promise.all(slow).finally(() => {
    areOver = true;
  });
  let bought = 0;
  while (!areOver) {
    expect((await buy(edge, 'open')).status).toBe(202);
    bought += 1;
  }
  expect(performance.now() - startedAt).toBeGreaterThan(1900);
  for (const answer of await answers) {
    expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*connection: close[\s\S]*BAD_REQUEST/i);
  }
  expect(edge.service.seen.length).toBe(served + bought);
  await poll('they are counted', async () => /check="body",outcome="bad_request"\} 52\n/.test(await metrics()));
});

test('what goes on to the gateway and order-worker has 3 s for its body in all', async () => {
  const served = edge.gateway.seen.length;
  const head = 'HTTP/1.1\r\nhost: edge\r\ncontent-length: 100\r\n\r\n';
  const paths = ['/api/session', '/api/sales/open/ticket', '/api/orders/open-1/payment', '/api/payments/webhook'];
  const asked = [...paths.map((path) => `POST ${path}`), 'GET /api/sales/open/challenge'];
  const answers = await Promise.all(asked.map((line) => dribble(`${line} ${head}`, ' ')));
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*BAD_REQUEST/);
  expect(edge.gateway.seen.length).toBe(served);
});

test('a body of a purchase is taken whole however it comes: behind the header, later, in pieces, in chunks', async () => {
  const body = '{"quantity":1}';
  const length = `content-length: ${body.length}`;
  const chunked = 'transfer-encoding: chunked';
  const served = edge.service.seen.length;
  const send = async (header: string, parts: string[]) => {
    const socket = connect(edge.port, '127.0.0.1');
    const head = ['host: edge', 'connection: close', 'content-type: application/json', header];
    const ticket = `seckill-ticket: ${ticketFor('open')}`;
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    const [first = '', ...later] = parts;
    socket.write(`POST /api/sales/open/orders HTTP/1.1\r\n${[...head, ticket].join('\r\n')}\r\n\r\n${first}`);
    for (const part of later) {
      await pause(20); // a packet of its own
      socket.write(part);
    }
    await ending(socket);
    return answer.slice(0, 'HTTP/1.1 202'.length);
  };
  const chunks = `e\r\n${body}\r\n0\r\n\r\n`;
  const answers = await Promise.all([
    send(length, [body]),
    send(length, ['', body]),
    send(length, ['', ...body]),
    send(chunked, [chunks]),
    send(chunked, [...chunks]),
  ]);
  expect(answers).toEqual(answers.map(() => 'HTTP/1.1 202'));
  expect(edge.service.seen.slice(served).map((seen) => seen.body)).toEqual(answers.map(() => body));
});
