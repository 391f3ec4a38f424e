import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { saleOf, startEdge, type TestEdge, ticketFor } from '#lab/servers/edge.ts';
import { exchange } from './fuzz/exchange.ts';

/** A second request that a body must never become (RFC 9112, 11.2). */
const hidden = 'POST /api/session HTTP/1.1\r\nhost: hidden\r\ncontent-length: 0\r\n\r\n';
let edge: TestEdge;

beforeAll(async () => {
  edge = await startEdge();
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('open')] });
});
afterAll(() => edge.stop());
beforeEach(() => edge.forgetSeen());

const body = '{"quantity":1}';
function purchase(headers: readonly string[], sent: string): Buffer {
  const own = ['host: edge', 'content-type: application/json', `seckill-ticket: ${ticketFor('open')}`];
  return Buffer.from(
    `POST /api/sales/open/orders HTTP/1.1\r\n${[...own, ...headers].join('\r\n')}\r\n\r\n${sent}`,
    'latin1',
  );
}
const send = async (message: Buffer) => {
  const { answers, closed } = await exchange(edge.port, { pieces: [message], abort: false, pipelined: 1 }, 5000);
  const statuses = [...answers.toString('latin1').matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) =>
    Number(status),
  );
  return { statuses, closed };
};
/** What an upstream was asked for that nobody asked for. */
const smuggled = () => [...edge.service.seen, ...edge.gateway.seen].filter(({ url }) => url === '/api/session');
const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;

test.each<[string, string[], string]>([
  ['two different lengths', [`content-length: ${body.length}`, 'content-length: 0'], body + hidden],
  ['the same length twice', [`content-length: ${body.length}`, `content-length: ${body.length}`], body + hidden],
  ['a list of lengths', [`content-length: ${body.length}, ${body.length}`], body + hidden],
  ['a length with a sign', [`content-length: +${body.length}`], body + hidden],
  ['a length in hex', ['content-length: 0xe'], body + hidden],
  ['a length below zero', ['content-length: -1'], hidden],
  ['a length that overflows', ['content-length: 18446744073709551630'], body + hidden],
  ['a length and chunks', [`content-length: ${body.length}`, 'transfer-encoding: chunked'], chunked(body) + hidden],
  ['chunks, then a length', ['transfer-encoding: chunked', 'content-length: 5'], chunked(body) + hidden],
  ['an encoding twice', ['transfer-encoding: chunked', 'transfer-encoding: identity'], chunked(body) + hidden],
  ['an encoding nobody knows', ['transfer-encoding: xchunked'], chunked(body) + hidden],
  ['chunked inside of another one', ['transfer-encoding: gzip, chunked'], chunked(body) + hidden],
  ['a tab before chunked', ['transfer-encoding:\tchunked', 'content-length: 4'], chunked(body) + hidden],
  ['a blank before the colon', ['transfer-encoding : chunked', 'content-length: 4'], chunked(body) + hidden],
  ['a folded header', ['x-a: b\r\n content-length: 0', `content-length: ${body.length}`], body],
  ['a chunk size that is no number', ['transfer-encoding: chunked'], `zz\r\n${body}\r\n0\r\n\r\n${hidden}`],
  ['a chunk size that overflows', ['transfer-encoding: chunked'], `ffffffffffffffff1\r\n${body}\r\n0\r\n\r\n${hidden}`],
  ['a chunk longer than its size', ['transfer-encoding: chunked'], `2\r\n${body}\r\n0\r\n\r\n${hidden}`],
  ['a NUL in a header', [`content-length: ${body.length}`, 'x-a: b\0c'], body],
])('%s: no request comes out of a body (I8)', async (_, headers, sent) => {
  const { statuses, closed } = await send(purchase(headers, sent));
  // Either refused and over, or one purchase and one visible request after it: never a third reading.
  const refused = statuses.length <= 1 && statuses.every((status) => status >= 400 && status < 500);
  if (refused) {
    expect(closed).toBe(true);
    expect([edge.service.seen.length, smuggled().length]).toEqual([0, 0]);
    return;
  }
  expect(statuses.every((status) => status < 500)).toBe(true);
  expect(edge.service.seen.length).toBeLessThanOrEqual(1);
  for (const { body: read } of edge.service.seen) expect(read).toBe(body);
  expect(smuggled().length).toBeLessThanOrEqual(statuses.length - 1); // each was answered to whoever sent it
});

test('what looks like a request inside of a body is a body', async () => {
  await send(purchase([`content-length: ${hidden.length}`], hidden));
  expect(smuggled()).toEqual([]);
  expect(edge.service.seen.map((seen) => seen.body)).toEqual([hidden]);
});
