import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ProblemCode, problemBody, problemContentType } from '#contract/problems.ts';
import { requestHead, sendRaw } from '#lab/kits/raw-request.ts';
import { poll } from '#lab/poll.ts';
import {
  ask,
  buy,
  refusal,
  retryAfter,
  saleOf,
  seenOf,
  startEdge,
  type TestEdge,
  ticketFor,
  ticketKeys,
} from '#lab/servers/edge.ts';

let edge: TestEdge;

beforeAll(async () => {
  edge = await startEdge();
  await edge.agent.send({
    type: 'snapshot',
    sales: [
      saleOf('open'),
      saleOf('other'),
      saleOf('draft', { state: 'draft' }),
      saleOf('upcoming', { opensInMs: 1_800_000 }),
      saleOf('far', { opensInMs: 86_400_000, closesInMs: 90_000_000 }),
      saleOf('paused', { state: 'paused' }),
      saleOf('sold-out', { state: 'sold_out' }),
      saleOf('closed', { state: 'closed' }),
      saleOf('over', { opensInMs: -20_000, closesInMs: -10_000 }),
    ],
  });
});
afterAll(() => edge.stop());
beforeEach(() => {
  edge.service.seen.length = 0;
});

describe('what the edge refuses never reaches the service (I8)', () => {
  test.each<[string, string, ProblemCode]>([
    ['an unknown sale', 'nobody-knows', 'SALE_UNKNOWN'],
    ['a name that is no sale id', '%22No%20id', 'SALE_UNKNOWN'],
    ['a draft', 'draft', 'NOT_OPEN'],
    ['a sale before its opening', 'upcoming', 'NOT_OPEN'],
    ['a paused sale', 'paused', 'PAUSED'],
    ['a sold out sale', 'sold-out', 'SOLD_OUT'],
    ['a closed sale', 'closed', 'SALE_CLOSED'],
    ['a sale whose window is over', 'over', 'SALE_CLOSED'],
  ])('%s (%s) is refused with %s', async (_, saleId, code) => {
    const answer = await buy(edge, saleId, { 'seckill-ticket': ticketFor('open') });
    expect(seenOf(answer)).toEqual(refusal(code));
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(edge.service.seen).toEqual([]);
  });

  test.each<[string, Record<string, string | null>, ProblemCode]>([
    ['no content type', { 'content-type': null }, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a type that only begins like JSON', { 'content-type': 'application/json-seq' }, 'UNSUPPORTED_MEDIA_TYPE'],
    ['no ticket', { 'seckill-ticket': null }, 'TICKET_MISSING'],
    ['a ticket of another sale', { 'seckill-ticket': ticketFor('other') }, 'TICKET_INVALID'],
    ['an expired ticket', { 'seckill-ticket': ticketFor('open', { expiresInMs: -1000 }) }, 'TICKET_EXPIRED'],
    [
      'a ticket of a stranger',
      { 'seckill-ticket': ticketFor('open', { keys: [{ id: 'k1', secret: 'x'.repeat(32) }] }) },
      'TICKET_INVALID',
    ],
    [
      'a ticket of a key that is gone',
      { 'seckill-ticket': ticketFor('open', { keys: [{ id: 'k0', secret: 'x'.repeat(32) }] }) },
      'TICKET_INVALID',
    ],
    ['rubbish for a ticket', { 'seckill-ticket': '1.k1..' }, 'TICKET_INVALID'],
  ])('%s is refused', async (_, headers, code) => {
    expect(seenOf(await buy(edge, 'open', headers))).toEqual(refusal(code));
    expect(edge.service.seen).toEqual([]);
  });

  test('a body of more than 80 bytes is refused, with its length told or not', async () => {
    const padded = (length: number) => `{"quantity":1,"padding":"${'x'.repeat(length - 27)}"}`;
    const chunked = (body: string): RequestInit => {
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue(Buffer.from(body));
          controller.close();
        },
      });
      const headers = { 'content-type': 'application/json', 'seckill-ticket': ticketFor('open') };
      return { method: 'POST', headers, body: stream, duplex: 'half' };
    };
    const [most, more] = [padded(80), padded(81)];
    expect(most).toHaveLength(80);
    expect(seenOf(await buy(edge, 'open', {}, more))).toEqual(refusal('BODY_TOO_LARGE'));
    expect(seenOf(await ask(edge, '/api/sales/open/orders', chunked(more)))).toEqual(refusal('BODY_TOO_LARGE'));
    expect(edge.service.seen).toEqual([]);
    expect((await buy(edge, 'open', {}, most)).status).toBe(202);
    expect((await ask(edge, '/api/sales/open/orders', chunked(most))).status).toBe(202);
  });
});

describe('a repeat with a valid ticket', () => {
  const again = (saleId: string, headers: Record<string, string | null> = {}) =>
    buy(edge, saleId, { 'seckill-attempt': '2', ...headers });

  test('passes a sale that is shut, and a ticket that has expired (I5, I8)', async () => {
    for (const saleId of ['sold-out', 'paused', 'closed', 'over']) expect((await again(saleId)).status).toBe(202);
    const expired = ticketFor('sold-out', { expiresInMs: -1000 });
    expect((await again('open', { 'seckill-ticket': ticketFor('open', { expiresInMs: -1000 }) })).status).toBe(202);
    expect((await again('sold-out', { 'seckill-ticket': expired, 'seckill-attempt': '17' })).status).toBe(202);
    expect(edge.service.seen.map(({ headers }) => headers['seckill-attempt'])).toEqual(Array(6).fill(undefined));
    const repeats = /sale="sold-out",check="repeats",outcome="passed"} 2\n/;
    await poll('they are counted', async () => repeats.test(await edge.metrics()));
  });

  test('above its own limit is told to come later, never that all is sold out', async () => {
    const ticket = ticketFor('sold-out');
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => again('sold-out', { 'seckill-ticket': ticket })),
    );
    const refused = answers.filter(({ status }) => status !== 202);
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(3);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect(seenOf(answer)).toEqual(refusal('RATE_LIMITED'));
      expect(retryAfter(answer)).toBeGreaterThan(0);
    }
    const counted = /sale="sold-out",check="repeats",outcome="rate_limited"} \d+\n/;
    await poll('they are counted', async () => counted.test(await edge.metrics()));
  });

  test('passes an edge that remembers a 410 by itself', async () => {
    const answer = edge.service.answer;
    edge.service.answer = (_, response) => {
      response.writeHead(410, { 'content-type': problemContentType }).end(JSON.stringify(problemBody('SOLD_OUT')));
    };
    // The memory lasts a second: until the edge has refused one by itself.
    await poll('the edge remembers', async () => {
      edge.service.seen.length = 0;
      return (await buy(edge, 'other')).status === 410 && edge.service.seen.length === 0;
    });
    edge.service.answer = answer;
    expect((await again('other')).status).toBe(202);
  });

  test('is what says so; before any order can exist, or without such a ticket, it is refused as a first press is', async () => {
    for (const attempt of ['1', '0', '-2', '', 'two', '2;3'])
      expect(seenOf(await again('sold-out', { 'seckill-attempt': attempt }))).toEqual(refusal('SOLD_OUT'));
    expect(seenOf(await again('draft'))).toEqual(refusal('NOT_OPEN'));
    expect(seenOf(await again('upcoming'))).toEqual(refusal('NOT_OPEN'));
    for (const ticket of [ticketFor('open'), '1.k1..', ticketFor('open', { expiresInMs: -1000 })])
      expect(seenOf(await again('sold-out', { 'seckill-ticket': ticket }))).toEqual(refusal('TICKET_INVALID'));
    expect(seenOf(await again('sold-out', { 'seckill-ticket': null }))).toEqual(refusal('TICKET_MISSING'));
    expect(edge.service.seen).toEqual([]);
  });
});

test('Retry-After says when waiting helps: until the opening, at most an hour, not at all for a closed sale', async () => {
  expect(retryAfter(await buy(edge, 'upcoming'))).toBeGreaterThan(1500);
  expect(retryAfter(await buy(edge, 'upcoming'))).toBeLessThanOrEqual(1800);
  expect(retryAfter(await buy(edge, 'far'))).toBe(3600);
  expect(retryAfter(await buy(edge, 'draft'))).toBe(5);
  expect(retryAfter(await buy(edge, 'paused'))).toBeGreaterThan(0);
  expect(retryAfter(await buy(edge, 'sold-out'))).toBeGreaterThan(0);
  expect((await buy(edge, 'closed')).headers.has('retry-after')).toBe(false);
});

test('a ticket signed by any live key passes, and JSON may name its charset', async () => {
  for (const key of ticketKeys) {
    const answer = await buy(edge, 'open', {
      'seckill-ticket': ticketFor('open', { keys: [key] }),
      'content-type': 'Application/JSON; charset=utf-8',
    });
    expect(answer.status).toBe(202);
  }
  expect(edge.service.seen.length).toBe(ticketKeys.length);
});

test('what passes arrives whole: method, path, body, ticket, and a request id of the edge', async () => {
  const ticket = ticketFor('open');
  await buy(edge, 'open', { 'seckill-ticket': ticket, 'x-request-id': 'spoofed' }, '{"quantity":2}');
  expect(edge.service.seen).toMatchObject([
    { method: 'POST', url: '/api/sales/open/orders', body: '{"quantity":2}', headers: { 'seckill-ticket': ticket } },
  ]);
  expect(edge.service.seen[0]?.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
});

test('inner headers cannot be spoofed from outside', async () => {
  await buy(edge, 'open', {
    'seckill-user': 'root',
    'seckill-epoch': '999',
    'x-forwarded-for': '10.0.0.1',
    'x-real-ip': '10.0.0.1',
    forwarded: 'for=10.0.0.1',
  });
  const headers = edge.service.seen[0]?.headers ?? {};
  expect(Object.keys(headers).filter((name) => name.startsWith('seckill-'))).toEqual(['seckill-ticket']);
  expect(headers['x-forwarded-for']).toBe('127.0.0.1');
  expect(headers).not.toHaveProperty('x-real-ip');
  expect(headers).not.toHaveProperty('forwarded');
});

test("the service's own refusal passes unchanged", async () => {
  const answer = edge.service.answer;
  const body = JSON.stringify(problemBody('LIMIT_REACHED', 'two at most'));
  edge.service.answer = (_, response) => {
    response.writeHead(409, { 'content-type': problemContentType, 'x-of': 'service' }).end(body);
  };
  const seen = await buy(edge, 'open');
  edge.service.answer = answer;
  expect(seen).toMatchObject({ status: 409, text: body });
  expect(seen.headers.get('x-of')).toBe('service');
});

test('a refused POST with a body leaves its connection usable: the body is not taken for the next request', async () => {
  const body = 'GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n';
  const post = `POST /api/sales/sold-out/orders HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const text = await sendRaw(edge, post + post + requestHead('GET', '/api/sales/open'));
  expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 410', 'HTTP/1.1 410', 'HTTP/1.1 200']);
});

test('the clock alone opens and closes a sale', async () => {
  await edge.agent.send({ type: 'sale', sale: saleOf('opening', { opensInMs: 3000 }) });
  expect(seenOf(await buy(edge, 'opening'))).toEqual(refusal('NOT_OPEN'));
  await edge.agent.send({ type: 'sale', sale: saleOf('closing', { closesInMs: 3000 }) });
  expect((await buy(edge, 'closing')).status).toBe(202);
  await poll('the sale opens', async () => (await buy(edge, 'opening')).status === 202);
  await poll('the sale closes', async () => (await buy(edge, 'closing')).status === 410);
  expect(seenOf(await buy(edge, 'closing'))).toEqual(refusal('SALE_CLOSED'));
});
