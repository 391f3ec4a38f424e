import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import {
  leaveFrame,
  maxFrameBytes,
  pingFrame,
  pongFrame,
  purchaseFrame,
  purchaseLink,
  readAnswers,
} from '#contract/purchase-frames.ts';
import { poll } from '#lab/poll.ts';
import { closeServer } from '#runtime/listen.ts';
import { createLogger } from '#runtime/logger.ts';
import { createDecide } from './decide.ts';
import { asksForLink, createLinks } from './link.ts';
import { createPurchaseListener } from './listener.ts';
import type { PurchaseOutcome } from './purchase.ts';

const asked: unknown[][] = [];
const yes: PurchaseOutcome = { kind: 'accepted', orderId: 'tea-1', place: 7, soldOutEpoch: null };
let decided: (question: unknown[]) => Promise<PurchaseOutcome> = async () => yes;
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const decide = createDecide({
  purchase: (...question) => {
    asked.push(question);
    return decided(question);
  },
  logger,
  onAnswer: () => undefined,
});

async function start() {
  const server = createServer({ shouldUpgradeCallback: asksForLink }, createPurchaseListener(decide));
  const links = createLinks(server, { decide, logger });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return { server, links, port: typeof address === 'object' && address !== null ? address.port : 0 };
}
const { server, port } = await start();
afterAll(() => closeServer(server));
beforeEach(() => {
  asked.length = 0;
  decided = async () => yes;
});

/** A link as an edge opens it; `heard` is what came after the greeting. */
async function open(at = port): Promise<{ socket: Socket; heard: () => string }> {
  const socket = connect(at, '127.0.0.1').setNoDelay(true);
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.write(
    `GET ${purchaseLink.path} HTTP/1.1\r\nHost: edge\r\nConnection: Upgrade\r\nUpgrade: ${purchaseLink.protocol}\r\n\r\n`,
  );
  await poll('it is a link', () => text.includes('\r\n\r\n'));
  expect(text).toMatch(/^HTTP\/1\.1 101 .*\r\nConnection: Upgrade\r\nUpgrade: seckill-purchases\/1\r\n\r\n$/);
  const from = text.length;
  return { socket, heard: () => text.slice(from) };
}
const frame = (number: number, body = '{"quantity":2}') =>
  purchaseFrame(number, { saleId: 'tea', ticket: 'a.ticket', requestId: 'request-1', body });
const answers = (heard: string) => readAnswers(heard).filter((it) => it.kind === 'answer');

test('a purchase reaches the decision as it came, and its answer says what HTTP says', async () => {
  const { socket, heard } = await open();
  socket.write(frame(0x12345678, '{"quantity":2,"note":"\xe8\x8c\xb6"}'), 'latin1');
  await poll('it is answered', () => answers(heard()).length === 1);
  expect(asked).toEqual([['tea', 'a.ticket', { quantity: 2, note: '茶' }, { requestId: 'request-1' }]]);
  expect(answers(heard())).toEqual([
    {
      ...{ kind: 'answer', number: 0x12345678, status: 202, isProblem: false, retryAfter: 0 },
      location: '/api/orders/tea-1',
      body: '{"orderId":"tea-1","state":"queued","place":7}',
    },
  ]);
});

test('a refusal and a fault are told too, and what is no JSON asks no stock', async () => {
  const { socket, heard } = await open();
  decided = async () => ({ kind: 'sold_out', epoch: 4, orderId: 'tea-1' });
  socket.write(frame(1) + frame(2, '{"quantity":') + frame(3, '\xc4\xe3'), 'latin1');
  await poll('they are answered', () => answers(heard()).length === 3);
  decided = async () => Promise.reject(new Error('a bug'));
  socket.write(frame(4), 'latin1');
  await poll('it is answered', () => answers(heard()).length === 4);
  const told = answers(heard()).map(({ number, status, retryAfter, isProblem }) => [
    number,
    status,
    retryAfter,
    isProblem,
  ]);
  expect(told.sort()).toEqual([
    [1, 410, 5, true],
    [2, 400, 0, true],
    [3, 400, 0, true],
    [4, 503, 1, true],
  ]);
  expect(asked).toHaveLength(2);
});

test('frames are read the same wherever a packet ends, and as many as one holds', async () => {
  const { socket, heard } = await open();
  const all = frame(1) + pingFrame + frame(2);
  for (let at = 1; at < all.length; at += 1) {
    const before = heard().length;
    socket.write(all.slice(0, at), 'latin1');
    await new Promise(setImmediate);
    socket.write(all.slice(at), 'latin1');
    await poll('both are answered', () => answers(heard().slice(before)).length === 2);
  }
  expect(asked).toHaveLength(2 * (all.length - 1));
  expect(heard().split(pongFrame)).toHaveLength(all.length);
  asked.length = 0;
  const before = heard().length;
  socket.write(Array.from({ length: 1000 }, (_, number) => frame(number)).join(''), 'latin1');
  await poll('all are answered', () => answers(heard().slice(before)).length === 1000);
  expect(new Set(answers(heard().slice(before)).map(({ number }) => number)).size).toBe(1000);
});

test.each([
  ['a length of nothing', '\0\0'],
  ['a length below its own', '\0\x02P'],
  ['more than a frame may have', `${String.fromCharCode((maxFrameBytes + 1) >> 8, (maxFrameBytes + 1) & 0xff)}P`],
  ['a kind that is none', '\0\x03X'],
  ['a head that is cut', '\0\x0aP\0\0\0\x01\0\0\0'],
  ['texts beyond the end', '\0\x0bP\0\0\0\x01\x05\0\0\0'],
  ['HTTP', 'POST /api/sales/tea/orders HTTP/1.1\r\n\r\n'],
])('%s ends the link, and is no purchase', async (_, rubbish) => {
  const { socket, heard } = await open();
  const closed = once(socket, 'close');
  socket.write(rubbish.padEnd(3, '\0'), 'latin1');
  await closed;
  expect([asked, heard()]).toEqual([[], '']);
});

test('random bytes and torn frames crash nothing (seed 17)', async () => {
  let state = 17;
  const random = (below: number) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
  };
  for (let round = 0; round < 100; round += 1) {
    const { socket } = await open();
    const bytes = Buffer.from(Array.from({ length: 3 }, (_, nth) => frame(nth)).join(''), 'latin1');
    for (let change = random(6); change >= 0; change -= 1) bytes[random(bytes.length)] = random(256);
    socket.on('error', () => undefined);
    socket.end(bytes.subarray(0, random(bytes.length)));
    await once(socket, 'close');
  }
  const { socket, heard } = await open();
  socket.write(frame(1), 'latin1');
  await poll('it is answered', () => answers(heard()).length === 1);
});

test('any other upgrade is not looked at: the request is answered as HTTP', async () => {
  const body = '{"quantity":1}';
  const headers = { 'Content-Type': 'application/json', Connection: 'Upgrade', Upgrade: 'seckill-purchases/2' };
  const sent = request({ port, host: '127.0.0.1', method: 'POST', path: '/api/sales/tea/orders', headers }).end(body);
  const [response] = await once(sent, 'response');
  expect(response.statusCode).toBe(202);
  response.resume();
});

test('a service that leaves says so, answers what it was asked before and after, and ends when the edge closes', async () => {
  const leaving = await start();
  const { socket, heard } = await open(leaving.port);
  const held: (() => void)[] = [];
  decided = () => new Promise((resolve) => held.push(() => resolve(yes)));
  socket.write(frame(1), 'latin1');
  await poll('it has come', () => held.length === 1);
  leaving.links.leave();
  const ended = closeServer(leaving.server);
  await poll('the edge hears it', () => heard() === leaveFrame);
  socket.write(frame(2), 'latin1');
  await poll('it has come too', () => held.length === 2);
  for (const tell of held) tell();
  await poll('both are answered', () => answers(heard()).length === 2);
  socket.end();
  await ended;
});

test('an edge that is gone costs nothing but its answer', async () => {
  const { socket } = await open();
  const held: (() => void)[] = [];
  decided = () => new Promise((resolve) => held.push(() => resolve(yes)));
  socket.write(frame(1), 'latin1');
  await poll('it has come', () => held.length === 1);
  socket.resetAndDestroy();
  await new Promise(setImmediate);
  for (const tell of held) tell();
  const next = await open();
  decided = async () => yes;
  next.socket.write(frame(2), 'latin1');
  await poll('another edge is answered', () => answers(next.heard()).length === 1);
});
