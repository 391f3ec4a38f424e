import { createHmac } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Challenge } from '#contract/challenge.ts';
import type { SaleNode } from '#contract/sale.ts';
import { checkTicket, formatTicketKeys } from '#contract/ticket.ts';
import { solveRound } from '#gateway/pages/browser/work/solve.ts';
import { type Challenges, createChallenges } from '#gateway/tickets/challenge.ts';
import { createTicketApp } from '#gateway/tickets/issue.ts';
import { sealQuiz } from '#gateway/tickets/quiz.ts';
import { createAuthenticate, signSession } from '#http/authenticate.ts';
import { saleNode } from '#lab/kits/sale-node.ts';
import { poll } from '#lab/poll.ts';
import { edgeOffice, saleOf, startEdge, type TestEdge, ticketKeys } from '#lab/servers/edge.ts';

const { challengeSecret, sessionSecret, ticketTtlMs } = edgeOffice;
const dayMs = 86_400_000;
const window = {
  opensAt: new Date(Date.now() - dayMs).toISOString(),
  closesAt: new Date(Date.now() + dayMs).toISOString(),
};
const quiz = [
  { question: 'Which "leaf"?\n', answers: ['Da Hong Pao', '大红袍'] },
  { question: { en: 'Where from?', zh: '哪里？' }, answers: ['say "Wuyi\\Shan"', 1985] },
].map(({ question, answers }) => ({ question, answers: answers.map(String) }));
const node = (saleId: string, changes: Partial<SaleNode>) => saleNode({ saleId, window, ...changes });
const sales = [
  node('sum', {}),
  node('quiz', { quiz: sealQuiz(challengeSecret, 'quiz', quiz) }),
  node('pow', { challenge: 'pow' }),
  node('none', { challenge: 'none' }),
];
const saleById = (saleId: string) => sales.find((sale) => sale.saleId === saleId) ?? null;

let edge: TestEdge;
let keys = ticketKeys;
beforeAll(async () => {
  edge = await startEdge({ addressPerSecond: 100_000, addressBurst: 100_000 });
  edge.gateway.answer = ({ url, method, headers, body }, response) => {
    const sent = new Headers(Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]));
    const request = new Request(`http://edge${url}`, { method, headers: sent, body: Buffer.from(body) });
    void Promise.resolve(fallback.request(request)).then(async (answer) => {
      response
        .writeHead(answer.status, Object.fromEntries(answer.headers))
        .end(Buffer.from(await answer.arrayBuffer()));
    });
  };
  await edge.agent.send({
    type: 'snapshot',
    keys: formatTicketKeys(keys),
    office: edgeOffice,
    sales: sales.map((sale) => saleOf(sale.saleId, sale)),
  });
});
afterAll(() => edge.stop());
beforeEach(() => edge.forgetSeen());

const challenges: Challenges = createChallenges(challengeSecret);
function createReference(now: () => number) {
  return createTicketApp({
    findSale: saleById,
    knowsAll: () => true,
    challenges,
    authenticate: createAuthenticate(sessionSecret),
    ticketKeys: () => keys,
    ticketTtlMs,
    now,
  });
}
/** Behind the edge; it has counts of its own. */
const fallback = createReference(Date.now);

let users = 0;
const newUser = () => `user-${++users} "\\ 手`;
const tokenOf = (userId: string) => signSession(userId, sessionSecret, Date.now());
const challengeFor = (saleId: string, userId: string, nowMs = Date.now()): Challenge =>
  challenges.create(saleById(saleId) ?? saleNode(), userId, nowMs);

type Sent = { saleId: string; headers: Record<string, string>; body: string | Buffer };
type Told = { status: number; headers: Record<string, string | null>; body: string };
const told = async (answer: Response): Promise<Told> => ({
  status: answer.status,
  headers: Object.fromEntries(
    ['content-type', 'cache-control', 'retry-after', 'www-authenticate'].map((name) => [
      name,
      answer.headers.get(name),
    ]),
  ),
  body: await answer.text(),
});
async function byEdge({ saleId, headers, body }: Sent): Promise<Told> {
  const init = { method: 'POST', headers, body: Buffer.from(body) };
  return told(await fetch(`${edge.url}/api/sales/${saleId}/ticket`, init));
}
async function byReference(nowMs: number, { saleId, headers, body }: Sent): Promise<Told> {
  const init = { method: 'POST', headers, body: Buffer.from(body) };
  return told(await createReference(() => nowMs).request(`/api/sales/${saleId}/ticket`, init));
}
const sent = async (saleId: string, userId: string, body: unknown): Promise<Sent> => ({
  saleId,
  headers: { authorization: `Bearer ${await tokenOf(userId)}`, 'content-type': 'application/json' },
  body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
});
/** When the edge answered: a ticket says it. */
const answeredAt = ({ body }: Told) => Date.parse((JSON.parse(body) as { expiresAt: string }).expiresAt) - ticketTtlMs;
const isOf = ({ status, body }: Told) => (status === 201 ? 'ticket' : (JSON.parse(body) as { code: string }).code);

/** The edge's answer, which must be the reference's to the byte, and out of the edge's own memory. */
async function alike(request: Sent, expected: string): Promise<Told> {
  const seen = edge.gateway.seen.length;
  const answer = await byEdge(request);
  expect({ ...answer, of: isOf(answer) }).toEqual({
    ...(await byReference(answer.status === 201 ? answeredAt(answer) : Date.now(), request)),
    of: expected,
  });
  expect(edge.gateway.seen.length).toBe(seen);
  return answer;
}
/** The gateway judged it, and its answer came through. */
async function passedOn(request: Sent, expected: string): Promise<Told> {
  const seen = edge.gateway.seen.length;
  const answer = await byEdge(request);
  expect(isOf(answer)).toBe(expected);
  expect(edge.gateway.seen.length).toBe(seen + 1);
  return answer;
}

/** The right answer to a challenge, as a shopper would type it. */
function solve({ challengeId, question, work }: Challenge, userId: string): string {
  if (work !== undefined) {
    const task = { challengeId, userId, work };
    return Array.from({ length: work.rounds }, (_, round) => solveRound(task, round)).join(',');
  }
  const [, a, b] = /(\d+) \+ (\d+)/.exec(question) ?? [];
  if (a !== undefined) return String(Number(a) + Number(b));
  return question.startsWith('Which') ? ' DA hong pao! ' : '1985';
}

test.each(sales.map(({ saleId }) => saleId))('the right answer is a ticket: sale %s', async (saleId) => {
  const userId = newUser();
  const challenge = challengeFor(saleId, userId);
  const request = await sent(saleId, userId, { challengeId: challenge.challengeId, answer: solve(challenge, userId) });
  const { ticket, orderId } = JSON.parse((await alike(request, 'ticket')).body) as { ticket: string; orderId: string };
  expect(checkTicket(ticket, keys, Date.now())).toMatchObject({ kind: 'valid', ticket: { saleId, orderId, userId } });
  // The same answer is the same ticket, which lasts longer.
  expect(JSON.parse((await alike(request, 'ticket')).body)).toMatchObject({ orderId });
});

describe('an answer that gives no ticket', () => {
  test.each(['sum', 'quiz', 'pow'])('is wrong: sale %s', async (saleId) => {
    const userId = newUser();
    const { challengeId } = challengeFor(saleId, userId);
    for (const answer of ['', '41', '手机'])
      await alike(await sent(saleId, userId, { challengeId, answer }), 'WRONG_ANSWER');
  });

  test('is work with too few rounds, too many, or one that is another’s', async () => {
    const userId = newUser();
    const challenge = challengeFor('pow', userId);
    const { challengeId } = challenge;
    const nonces = solve(challenge, userId).split(',');
    const others = solve(challenge, 'another').split(',');
    const answers = [nonces.slice(1), [...nonces, '0'], [...nonces, ''], [...nonces.slice(0, -1), others.at(-1)]];
    for (const answer of answers)
      await alike(await sent('pow', userId, { challengeId, answer: answer.join(',') }), 'WRONG_ANSWER');
  });

  test('is to a challenge of another user or sale, one that is changed, made up, or over', async () => {
    const userId = newUser();
    const challenge = challengeFor('sum', userId);
    const { challengeId } = challenge;
    const old = challengeFor('sum', userId, Date.now() - 300_001);
    const ids = [
      challengeFor('sum', newUser()).challengeId,
      challengeFor('none', userId).challengeId,
      old.challengeId,
      challengeId.replace('.s-', '.n-'),
      `${challengeId.slice(0, -1)}${challengeId.endsWith('A') ? 'B' : 'A'}`,
      `${challengeId}=`,
      `x${challengeId}`,
      challengeId.slice(0, -44),
      '',
      '.',
      '手机',
      'x'.repeat(256),
    ];
    for (const id of ids)
      await alike(await sent('sum', userId, { challengeId: id, answer: solve(challenge, userId) }), 'WRONG_ANSWER');
    expect((await byEdge(await sent('sum', userId, { challengeId: old.challengeId, answer: '' }))).body).toContain(
      'has expired',
    );
  });
});

test('an answer in letters that the edge does not know is judged by the gateway', async () => {
  const userId = newUser();
  const { challengeId } = challengeFor('sum', userId);
  await passedOn(await sent('sum', userId, { challengeId, answer: '⑨⑨' }), 'WRONG_ANSWER');
  const leaf = challengeFor('quiz', userId);
  const answer = solve(leaf, userId).replace('g pao', 'ｇ\u2003PAO').replace('8', '⁸');
  await passedOn(await sent('quiz', userId, { challengeId: leaf.challengeId, answer }), 'ticket');
});

describe('too many wrong answers', () => {
  test('to one challenge: five, by the edge’s count and the gateway’s together', async () => {
    const userId = newUser();
    const challenge = challengeFor('sum', userId);
    const wrong = (answer: string) => sent('sum', userId, { challengeId: challenge.challengeId, answer });
    for (const answer of ['1', '2', '3']) await alike(await wrong(answer), 'WRONG_ANSWER');
    for (const answer of ['Ω', 'Ψ']) await passedOn(await wrong(answer), 'WRONG_ANSWER');
    // nginx counts when its answer is out.
    const refused = await poll('the fifth is counted', async () => {
      const answer = await byEdge(await wrong('Ω'));
      return answer.status === 429 ? answer : null;
    });
    expect(refused).toMatchObject({ headers: { 'retry-after': '1' } });
    expect(refused.body).toContain('to this challenge');
    const right = await sent('sum', userId, { challengeId: challenge.challengeId, answer: solve(challenge, userId) });
    expect(await byEdge(right)).toEqual(refused);
    const next = challengeFor('sum', userId);
    await alike(await sent('sum', userId, { challengeId: next.challengeId, answer: solve(next, userId) }), 'ticket');
  });

  test('of one user: twenty, over all challenges', async () => {
    const userId = newUser();
    const reference = createReference(Date.now);
    const both = async (request: Sent) => {
      const init = { method: 'POST', headers: request.headers, body: Buffer.from(request.body) };
      const [edges, gateways] = [
        await byEdge(request),
        await told(await reference.request('/api/sales/sum/ticket', init)),
      ];
      // Their windows began some ms apart.
      const near = Math.abs(Number(edges.headers['retry-after']) - Number(gateways.headers['retry-after']));
      expect(near).toBeLessThanOrEqual(1);
      expect(edges.body).toBe(gateways.body);
      return edges;
    };
    let challenge = challengeFor('sum', userId);
    for (let nth = 0; nth < 20; nth += 1) {
      if (nth % 4 === 0) challenge = challengeFor('sum', userId);
      const { challengeId } = challenge;
      expect(isOf(await both(await sent('sum', userId, { challengeId, answer: `x${nth}` })))).toBe('WRONG_ANSWER');
    }
    challenge = challengeFor('sum', userId);
    const { challengeId } = challenge;
    const refused = await both(await sent('sum', userId, { challengeId, answer: solve(challenge, userId) }));
    expect(refused.body).toContain('wait, then');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(290);
    // Another's answers are not counted with these.
    const other = newUser();
    challenge = challengeFor('sum', other);
    const theirs = { challengeId: challenge.challengeId, answer: solve(challenge, other) };
    await alike(await sent('sum', other, theirs), 'ticket');
  });
});

describe('a body', () => {
  const cases = (challengeId: string, answer: string): [string, string | Buffer, string, ('passed' | 'here')?][] => {
    const page = JSON.stringify({ challengeId, answer });
    const bytes = (...more: number[]) =>
      Buffer.concat([Buffer.from(page.slice(0, -2)), Buffer.from([...more, 0x22, 0x7d])]);
    return [
      ['as the page sends it', page, 'ticket'],
      ['with spaces', ` {\t"challengeId" :\r\n"${challengeId}" , "answer": "${answer}"\n} `, 'ticket'],
      ['in another order', `{"answer":"${answer}","challengeId":"${challengeId}"}`, 'ticket'],
      ['whose answer is a number', `{"challengeId":"${challengeId}","answer":${answer}}`, 'ticket'],
      ['with escapes', `{"challengeId":"${challengeId}","answer":"\\u003${answer[0]}${answer.slice(1)}\\n"}`, 'ticket'],
      ['with an escape in a name', `{"ch\\u0061llengeId":"${challengeId}","answer":"${answer}"}`, 'ticket', 'passed'],
      ['with an escaped quotation mark', JSON.stringify({ challengeId, answer: `"${answer}"}` }), 'WRONG_ANSWER'],
      ['with an answer twice: the last one counts', `{"answer":"x",${page.slice(1)}`, 'ticket'],
      ['with an answer twice, the last one wrong', `${page.slice(0, -1)},"answer":"x"}`, 'WRONG_ANSWER'],
      ['with an id twice', `{"challengeId":"x",${page.slice(1)}`, 'ticket'],
      ['with another name', `{"__proto__":{"answer":"x"},"answer ":"x","anSwer":"x",${page.slice(1)}`, 'ticket'],
      ['with half a surrogate pair in what is not read', `{"x":"\\ud83d",${page.slice(1)}`, 'ticket'],
      ['with an escaped pair', `{"challengeId":"${challengeId}","answer":"\\ud83d\\ude00"}`, 'WRONG_ANSWER', 'passed'],
      ['with an answer of 200 letters', JSON.stringify({ challengeId, answer: answer.padEnd(200) }), 'ticket'],
      ['with an answer of 201 letters', JSON.stringify({ challengeId, answer: answer.padEnd(201) }), 'BAD_REQUEST'],
      ['with 200 letters of Chinese', JSON.stringify({ challengeId, answer: '手'.repeat(200) }), 'WRONG_ANSWER'],
      ['with 201 letters of Chinese', JSON.stringify({ challengeId, answer: '手'.repeat(201) }), 'BAD_REQUEST'],
      ['with 201 letters above U+FFFF', JSON.stringify({ challengeId, answer: '😀'.repeat(201) }), 'BAD_REQUEST'],
      ['with an id of 257 letters', JSON.stringify({ challengeId: 'x'.repeat(257), answer }), 'BAD_REQUEST'],
      ['that is empty', '', 'BAD_REQUEST'],
      ['that is white space', ' \n', 'BAD_REQUEST'],
      ['that is a list', `[${page}]`, 'BAD_REQUEST'],
      ['that is a text', '"x"', 'BAD_REQUEST'],
      ['that is an empty object', '{}', 'BAD_REQUEST'],
      ['without an answer', `{"challengeId":"${challengeId}"}`, 'BAD_REQUEST'],
      ['without an id', `{"answer":"${answer}"}`, 'BAD_REQUEST'],
      ['whose id is a number', `{"challengeId":5,"answer":"${answer}"}`, 'BAD_REQUEST'],
      ['with bytes that are no UTF-8', bytes(0xff), 'BAD_REQUEST'],
      ['with a letter spelled too long', bytes(0xc0, 0xb5), 'BAD_REQUEST'],
      ['with half a surrogate pair in UTF-8', bytes(0xed, 0xa0, 0x80), 'BAD_REQUEST'],
      ['with a letter beyond the last', bytes(0xf4, 0x90, 0x80, 0x80), 'BAD_REQUEST'],
      ['that ends inside a letter', Buffer.concat([Buffer.from(page), Buffer.from([0xe6, 0x89])]), 'BAD_REQUEST'],
      ['after a byte order mark', `\ufeff${page}`, 'ticket', 'passed'],
      ['with half a surrogate pair', `{"challengeId":"${challengeId}","answer":"\\ud83d"}`, 'WRONG_ANSWER', 'passed'],
      [
        'with a number that is not written so',
        `{"challengeId":"${challengeId}","answer":${answer}.0}`,
        'ticket',
        'passed',
      ],
      ['with minus zero', `{"challengeId":"${challengeId}","answer":-0}`, 'WRONG_ANSWER', 'passed'],
      [
        'with a number that begins with zero',
        `{"challengeId":"${challengeId}","answer":0${answer}}`,
        'BAD_REQUEST',
        'passed',
      ],
      [
        'with a control character',
        `{"challengeId":"${challengeId}","answer":"${answer}\u0001"}`,
        'BAD_REQUEST',
        'passed',
      ],
      ['that goes on behind its end', `${page}x`, 'BAD_REQUEST', 'passed'],
      ['that breaks off', page.slice(0, -1), 'BAD_REQUEST', 'passed'],
      ['with a comma too many', `${page.slice(0, -1)},}`, 'BAD_REQUEST', 'passed'],
      ['with an object inside', `{"challengeId":"${challengeId}","answer":{"a":1}}`, 'BAD_REQUEST', 'passed'],
      ['whose answer is null', `{"challengeId":"${challengeId}","answer":null}`, 'BAD_REQUEST', 'passed'],
    ];
  };

  test.each(cases('', '12').map(([name], nth) => [name, nth] as const))('%s', async (_, nth) => {
    const userId = newUser();
    const challenge = challengeFor('sum', userId);
    const [, body = '', expected = '', by] = cases(challenge.challengeId, solve(challenge, userId))[nth] ?? [];
    const request = await sent('sum', userId, body);
    const seen = edge.gateway.seen.length;
    const answer = await byEdge(request);
    const at = answer.status === 201 ? answeredAt(answer) : Date.now();
    const reference = await byReference(at, request);
    expect({ ...answer, of: isOf(answer) }).toEqual({ ...reference, of: expected });
    expect(edge.gateway.seen.length - seen).toBe(by === 'passed' ? 1 : 0);
  });
});

test.each([
  ['application/json; charset=utf-8', 'ticket'],
  ['Application/JSON', 'ticket'],
  ['application/json ;x', 'ticket'],
  ['application/json x', 'UNSUPPORTED_MEDIA_TYPE'],
  ['application/jsonx', 'UNSUPPORTED_MEDIA_TYPE'],
  ['text/plain', 'UNSUPPORTED_MEDIA_TYPE'],
  ['', 'UNSUPPORTED_MEDIA_TYPE'],
])('a body of the type "%s" is read as the gateway reads it', async (type, expected) => {
  const userId = newUser();
  const challenge = challengeFor('sum', userId);
  const body = { challengeId: challenge.challengeId, answer: solve(challenge, userId) };
  const request = await sent('sum', userId, body);
  await alike({ ...request, headers: { ...request.headers, 'content-type': type } }, expected);
});

describe('a body is read whole and alone', () => {
  const lines = async (userId: string, ...more: string[]) =>
    [
      'POST /api/sales/sum/ticket HTTP/1.1',
      'host: x',
      `authorization: Bearer ${await tokenOf(userId)}`,
      'content-type: application/json',
      ...more,
      '',
      '',
    ].join('\r\n');
  /** What comes back to these pieces, which are sent one by one, each when the one before was on its way. */
  async function exchange(pieces: readonly string[], until: (text: string) => boolean): Promise<string> {
    const socket = connect(edge.port, '127.0.0.1').setNoDelay(true);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
    await poll('the answers are there', () => until(text));
    socket.destroy();
    return text;
  }
  const answersIn = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));

  test.each(['in one packet', 'in chunks', 'byte by byte'])('of a request that comes %s', async (way) => {
    const userId = newUser();
    const challenge = challengeFor('sum', userId);
    const body = JSON.stringify({ challengeId: challenge.challengeId, answer: solve(challenge, userId) });
    const length = `content-length: ${body.length}`;
    const pieces =
      way === 'in one packet'
        ? [(await lines(userId, length)) + body]
        : way === 'in chunks'
          ? [
              await lines(userId, 'transfer-encoding: chunked'),
              `${(10).toString(16)}\r\n${body.slice(0, 10)}\r\n`,
              `${(body.length - 10).toString(16)};x=y\r\n${body.slice(10)}\r\n0\r\nx: y\r\n\r\n`,
            ]
          : [await lines(userId, length), ...body];
    const answer = await exchange(pieces, (text) => text.endsWith('"}'));
    expect(answer).toMatch(/^HTTP\/1\.1 201 [\s\S]*\r\nContent-Type: application\/json\r\n/);
    expect(answer).toMatch(/\r\nContent-Length: \d+\r\n/);
    expect(answer).toMatch(/\r\nCache-Control: no-store\r\n/);
    const { ticket } = JSON.parse(answer.slice(answer.indexOf('{'))) as { ticket: string };
    expect(checkTicket(ticket, keys, Date.now())).toMatchObject({ kind: 'valid', ticket: { userId } });
    expect(edge.gateway.seen).toEqual([]);
  });

  test('of requests that follow each other in one packet', async () => {
    const all = await Promise.all(
      Array.from({ length: 5 }, async (_, nth) => {
        const userId = newUser();
        const challenge = challengeFor('sum', userId);
        const answer = nth === 3 ? '0' : solve(challenge, userId);
        const body = JSON.stringify({ challengeId: challenge.challengeId, answer });
        return (await lines(userId, `content-length: ${body.length}`)) + body;
      }),
    );
    const answer = await exchange([all.join('')], (text) => answersIn(text).length === 5);
    expect(answersIn(answer)).toEqual([201, 201, 201, 422, 201]);
  });
});

test('a sum beyond those that are asked is for the gateway: JavaScript and Lua spell large numbers differently', async () => {
  const userId = newUser();
  const text = `sum.s-${'9'.repeat(20)}-1.${Date.now().toString(36)}.abcdefgh`;
  const hmac = createHmac('sha256', challengeSecret).update(`challenge:${text}.${userId}`);
  const challengeId = `${text}.${hmac.digest('base64url')}`;
  await passedOn(await sent('sum', userId, { challengeId, answer: `1${'0'.repeat(20)}` }), 'ticket');
});

test('tickets are signed with the first key, also one that is new', async () => {
  const [first, ...others] = ticketKeys;
  keys = [{ id: 'k3', secret: 'a key that was made when the edge ran: 32 or more' }, ...ticketKeys];
  await edge.agent.send({ type: 'keys', keys: formatTicketKeys(keys) });
  const userId = newUser();
  const challenge = challengeFor('sum', userId);
  const request = await sent('sum', userId, { challengeId: challenge.challengeId, answer: solve(challenge, userId) });
  expect((await alike(request, 'ticket')).body).toContain('"1.k3.');
  keys = [...others, ...(first === undefined ? [] : [first])];
  await edge.agent.send({ type: 'keys', keys: formatTicketKeys(keys) });
  expect((await alike(request, 'ticket')).body).toContain(`"1.${keys[0]?.id}.`);
  keys = ticketKeys;
  await edge.agent.send({ type: 'keys', keys: formatTicketKeys(keys) });
});
