import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { poll } from './poll.ts';
import { buy, saleOf, startEdge, type TestEdge, ticketFor } from './start-edge.ts';

let edge: TestEdge;

beforeAll(async () => {
  edge = await startEdge();
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open')] });
});
afterAll(() => edge.stop());

/** Resolves when the connection is over; a reset is an end as well (`once` would reject on it). */
const ending = (socket: Socket) => new Promise((resolve) => socket.on('close', resolve));

/** Sends `start`, then a letter every half second, until the edge ends the connection; resolves with what it said. */
async function dribble(start: string): Promise<string> {
  const socket: Socket = connect(edge.port, '127.0.0.1');
  await once(socket, 'connect');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('error', () => {}); // `close` follows
  socket.write(start);
  const timer = setInterval(() => socket.write('a'), 500);
  await ending(socket).finally(() => clearInterval(timer));
  return answer;
}

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

test('one ticket, sent again and again with a body that dribbles in, holds a few places and not all of them', async () => {
  const ticket = ticketFor('open');
  const head = ['host: edge', 'content-type: application/json', `seckill-ticket: ${ticket}`];
  const answers: string[] = [];
  const sockets = Array.from({ length: 12 }, (_, nth) => {
    const socket = connect(edge.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      answers[nth] = (answers[nth] ?? '') + String(chunk);
    });
    socket.write(`POST /api/sales/open/orders HTTP/1.1\r\n${head.join('\r\n')}\r\ncontent-length: 900\r\n\r\n{`);
    return socket;
  });
  const dribbling = setInterval(() => {
    for (const socket of sockets) socket.write(' ');
  }, 500);
  try {
    // Two workers, four places each at most.
    await poll(
      'the others to be refused',
      async () => answers.filter((text) => text?.startsWith('HTTP/1.1 429')).length >= 4,
    );
    expect(answers.find((text) => text !== undefined)).toContain('RATE_LIMITED');
    const held = Number(/seckill_edge_in_flight (\d+)/.exec(await edge.metrics())?.[1]);
    expect(held).toBeLessThanOrEqual(8);
    expect((await buy(edge, 'open')).status).toBe(202); // somebody else
  } finally {
    clearInterval(dribbling);
    for (const socket of sockets) socket.destroy();
  }
  await poll('their places are free', async () => (await edge.metrics()).includes('seckill_edge_in_flight 0\n'));
  expect((await buy(edge, 'open', { 'seckill-ticket': ticket })).status).toBe(202);
});
