import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { problemBody } from '#contract/problems.ts';
import { answerFrame, answerTail, pingFrame, purchaseFrame, readAsked } from '#contract/purchase-frames.ts';
import { poll } from '#lab/poll.ts';
import {
  buy,
  type EdgeAnswer,
  refusal,
  retryAfter,
  saleOf,
  seenOf,
  startEdge,
  type TestEdge,
  ticketFor,
} from '#lab/servers/edge.ts';
import { accepted, type LinkAnswer, type LinkedService, startLinkedService } from '#lab/servers/linked-service.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';

const generous = { userPerSecond: 100_000, userBurst: 100_000 };
const yes: LinkAnswer = (_, answer) => answer();
const workers = 2;

async function startLinkedEdge(moreServices: string[] = []): Promise<{ edge: TestEdge; service: LinkedService }> {
  const edge = await startEdge(generous, moreServices);
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open'), saleOf('other'), saleOf('gone')] });
  await edge.service.stop();
  const service = await startLinkedService(join(edge.dir, 's.sock'));
  await linked(service);
  return { edge, service };
}
const linked = (service: LinkedService) => poll('each worker has its link', () => service.links.size === workers);
const noneInFlight = (edge: TestEdge) =>
  poll('no place is kept', async () => (await edge.metrics()).includes('seckill_edge_in_flight 0\n'));

let edge: TestEdge;
let service: LinkedService;
/** Another edge with two services; `late` waits there for an answer while the other tests run. */
let pair: { edge: TestEdge; service: LinkedService; second: LinkedService };
const late = { held: [] as (() => void)[], begun: 0, answer: Promise.resolve<EdgeAnswer | null>(null) };
beforeAll(async () => {
  ({ edge, service } = await startLinkedEdge());
  const path = join(temporaryDirectory('edge'), 'second.sock');
  const second = await startLinkedService(path);
  pair = { ...(await startLinkedEdge([path])), second };
  await linked(second);
  for (const each of [pair.service, second])
    each.answer = ({ saleId }, answer) => void (saleId === 'other' ? late.held.push(answer) : answer());
  Object.assign(late, { begun: performance.now(), answer: buy(pair.edge, 'other') });
  await poll('it has come', () => late.held.length === 1);
});
afterAll(async () => {
  await pair.edge.stop();
  await Promise.all([pair.service.stop(), pair.second.stop()]);
  await service.stop();
  await edge.stop();
});
beforeEach(async () => {
  await linked(service);
  Object.assign(service, { answer: yes, inPieces: false });
  service.asked.length = 0;
});

/** One request on a connection of its own, or more; what came back, without what differs each time. */
async function raw(...requests: string[]): Promise<string> {
  const socket = connect(edge.port, '127.0.0.1');
  socket.write(requests.join(''));
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text.replaceAll(/^Date: .*\r\n/gm, '');
}
const request = (body: string, ...headers: string[]) => requestFor('open', body, ...headers);
const requestFor = (saleId: string, body: string, ...headers: string[]) =>
  [
    `POST /api/sales/${saleId}/orders HTTP/1.1`,
    'Host: x',
    'Content-Type: application/json',
    `Seckill-Ticket: ${ticketFor(saleId)}`,
    `Content-Length: ${body.length}`,
    ...headers,
    '',
    body,
  ].join('\r\n');
const last = ['Connection: close', 'X-Request-Id: the-same-each-time'];

test('what passes arrives as the contract writes it, many in few writes, with a request id of the edge', async () => {
  const before = service.bytes().length;
  const ticket = ticketFor('open');
  const [first] = await Promise.all([
    buy(edge, 'open', { 'seckill-ticket': ticket, 'x-request-id': 'spoofed' }, '{"quantity":2}'),
    ...Array.from({ length: 50 }, () => buy(edge, 'other')),
  ]);
  expect(first?.status).toBe(202);
  expect(service.asked).toHaveLength(51);
  const mine = service.asked.find(({ saleId }) => saleId === 'open');
  expect(mine).toEqual({
    saleId: 'open',
    ticket,
    body: '{"quantity":2}',
    requestId: first?.headers.get('x-request-id'),
  });
  expect(mine?.requestId).toMatch(/^[0-9a-f]{32}$/);
  let again = '';
  readAsked(service.bytes().slice(before), {
    ping: () => (again += pingFrame),
    purchase: (number, saleId, text, requestId, body) =>
      (again += purchaseFrame(number, { saleId, ticket: text, requestId, body })),
  });
  expect(again).toBe(service.bytes().slice(before));
});

test.each([
  accepted,
  {
    ...accepted,
    status: 410,
    isProblem: true,
    retryAfter: 5,
    location: '',
    body: JSON.stringify(problemBody('SOLD_OUT')),
  },
  { ...accepted, status: 409, isProblem: true, body: JSON.stringify(problemBody('ORDER_STATE', 'has ended')) },
])('an answer of $status is byte for byte what it is over HTTP', async (answer) => {
  service.answer = (_, tell) => tell(answer);
  const ask = () =>
    raw(requestFor(answer.status === 410 ? 'gone' : 'open', '{"quantity":1}', ...last, 'Seckill-Attempt: 2'));
  const overLink = await ask();
  expect(service.asked).toHaveLength(1);
  await service.stop();
  await edge.restartService();
  edge.service.answer = (_, response) => {
    const { status, isProblem, retryAfter: seconds, location, body } = answer;
    const headers = ['Content-Type', isProblem ? 'application/problem+json' : 'application/json'];
    headers.push('Cache-Control', 'no-store');
    if (seconds > 0) headers.push('Retry-After', String(seconds));
    if (location !== '') headers.push('Location', location);
    response.writeHead(status, [...headers, 'Content-Length', String(body.length)]).end(body);
  };
  await poll('it is asked over HTTP', async () => {
    const sorted = (text: string) => text.split('\r\n').sort();
    const overHttp = await ask();
    if (edge.service.seen.length === 0) return false;
    expect(sorted(overLink)).toEqual(sorted(overHttp));
    return true;
  });
  await edge.service.stop();
  service = await startLinkedService(join(edge.dir, 's.sock'));
});

test('bodies that come later, in chunks, or with the next request in one packet are read as what they are', async () => {
  const chunked = request('', 'Transfer-Encoding: chunked', ...last).replace('Content-Length: 0\r\n', '');
  const both = await raw(
    request('{"quantity":3}'),
    request('{"quantity":4}'),
    `${chunked}e\r\n{"quantity":5}\r\n0\r\n\r\n`,
  );
  expect(both.match(/HTTP\/1\.1 \d+/g)).toEqual(Array(3).fill('HTTP/1.1 202'));
  const socket = connect(edge.port, '127.0.0.1').setNoDelay(true);
  const [whole] = [request('{"quantity":6}', ...last)];
  socket.write(whole.slice(0, -5));
  await poll('the head is with the edge', () => socket.bytesWritten > 0 && service.asked.length === 3);
  socket.end(whole.slice(-5));
  for await (const chunk of socket) expect(String(chunk)).toMatch(/^HTTP\/1\.1 202 /);
  expect(service.asked.map(({ body }) => body)).toEqual([3, 4, 5, 6].map((n) => `{"quantity":${n}}`));
});

test('answers that come in pieces, all in one, and in another order find who asked', async () => {
  const held: (() => void)[] = [];
  service.answer = ({ body }, answer) => void held.push(() => answer({ body: JSON.stringify({ told: body }) }));
  const bodies = Array.from({ length: 20 }, (_, nth) => `{"quantity":${nth}}`);
  const answers = Promise.all(bodies.map((body) => buy(edge, 'open', {}, body)));
  await poll('all have come', () => held.length === bodies.length);
  for (const answer of held.reverse()) answer();
  expect((await answers).map(({ text }) => JSON.parse(text))).toEqual(bodies.map((told) => ({ told })));

  Object.assign(service, { answer: yes, inPieces: true });
  expect((await Promise.all(bodies.map((body) => buy(edge, 'open', {}, body)))).map(({ status }) => status)).toEqual(
    bodies.map(() => 202),
  );
});

test('a purchase that left and gets no answer is UNAVAILABLE and never sent again; its place is free (I5)', async () => {
  service.answer = (_, _answer, link) => link.destroy();
  const seen = await buy(edge, 'open');
  expect(seenOf(seen)).toEqual(refusal('UNAVAILABLE'));
  expect(retryAfter(seen)).toBe(1);
  expect(service.asked).toHaveLength(1);
  await linked(service);
  expect(service.asked).toHaveLength(1);
  await noneInFlight(edge);
  const counted = /seckill_edge_upstream_total\{sale="open",status="none"\} [1-9]/;
  await poll('it is counted', async () => counted.test(await edge.metrics()));
});

test.each([
  '\0\x02A',
  '\xff\xffA',
  '\0\x03X',
  answerFrame(77, answerTail(accepted)),
  '\0\x0dA\0\0\0\x01\0\xca\0\0\0\x05',
])(
  'a service that sends what is no frame, or no answer to a question (%j), loses its link, and gets a new one',
  async (rubbish) => {
    let lost: unknown = null;
    service.answer = (_, _answer, link) => {
      lost = link;
      link.write(rubbish, 'latin1');
    };
    expect(seenOf(await buy(edge, 'open'))).toEqual(refusal('UNAVAILABLE'));
    service.answer = yes;
    await poll('it is gone', () => ![...service.links].some((it) => it === lost));
    await linked(service);
    expect((await buy(edge, 'open')).status).toBe(202);
  },
);

test('a shopper who leaves meanwhile gives back the place when the answer comes, and is asked for once', async () => {
  const held: (() => void)[] = [];
  service.answer = (_, answer) => void held.push(answer);
  const socket = connect(edge.port, '127.0.0.1');
  socket.write(request('{"quantity":1}'));
  await poll('it has come', () => held.length === 1);
  socket.destroy();
  for (const answer of held) answer();
  await noneInFlight(edge);
  expect(service.asked).toHaveLength(1);
});

test('workers that a reload ends answer what they have asked, and the new ones have links', async () => {
  const held: (() => void)[] = [];
  service.answer = (_, answer) => void held.push(answer);
  const asked = buy(edge, 'open');
  await poll('it has come', () => held.length === 1);
  const old = new Set(service.links);
  edge.signal('SIGHUP');
  await poll('the new workers are linked', () => [...service.links].filter((it) => !old.has(it)).length === workers);
  for (const answer of held) answer();
  expect((await asked).status).toBe(202);
  await poll('the old ones are gone', () => [...old].every((it) => !service.links.has(it)));
});

test('of two services the one with less to do is asked, and one that leaves has answered all before it is gone', async () => {
  const held: (() => void)[] = [];
  const { answer: usual } = pair.service;
  pair.service.answer = (_, answer) => void held.push(answer);
  const before = pair.second.asked.length;
  const crowd = (n: number) => Promise.all(Array.from({ length: n }, () => buy(pair.edge, 'open')));
  const all = crowd(20);
  await poll('all have come', () => held.length + pair.second.asked.length - before === 20);
  // The second one answers at once; the first is owed an answer at most by a few.
  expect(pair.second.asked.length - before).toBeGreaterThan(8);
  pair.service.leave();
  const more = await crowd(20);
  expect(more.map(({ status }) => status)).toEqual(Array(20).fill(202));
  expect(held.length + pair.second.asked.length - before).toBe(40);
  const stayed = new Set(pair.service.links);
  for (const answer of held) answer();
  expect((await all).map(({ status }) => status)).toEqual(Array(20).fill(202));
  pair.service.answer = usual;
  await poll('its links are closed', () => [...stayed].every((it) => !pair.service.links.has(it)));
});

test('a purchase that is not answered within 5 s is UNAVAILABLE, and its late answer is told to no other', async () => {
  const { answer, begun } = late;
  const seen = await answer;
  expect(seen && seenOf(seen)).toEqual(refusal('UNAVAILABLE'));
  expect(performance.now() - begun).toBeGreaterThan(4900);
  for (const tell of late.held) tell();
  for (let nth = 0; nth < 6; nth += 1)
    expect((await buy(pair.edge, 'open', {}, `{"quantity":${nth}}`)).status).toBe(202);
  expect([...pair.service.asked, ...pair.second.asked].filter(({ saleId }) => saleId === 'other')).toHaveLength(1);
});
