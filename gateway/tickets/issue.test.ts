import { expect, test } from 'vitest';
import type { Challenge } from '#contract/challenge.ts';
import { bearerOf } from '#http/bearer.ts';
import { saleNode } from '#lab/kits/sale-node.ts';
import { createChallenges } from './challenge.ts';
import { createTicketApp } from './issue.ts';

test('a gateway that has not read every sale yet does not say of one that it does not exist', async () => {
  let isComplete = false;
  const app = createTicketApp({
    findSale: () => null,
    knowsAll: () => isComplete,
    challenges: createChallenges('a secret of at least 32 characters'),
    authenticate: async () => ({ kind: 'known', userId: 'ada' }),
    ticketKeys: () => [],
    ticketTtlMs: 1000,
    now: Date.now,
  });
  const ask = async () => {
    const answer = await app.request('/api/sales/tea/challenge');
    const { code } = (await answer.json()) as { code: string };
    return { status: answer.status, code, retryAfter: answer.headers.get('retry-after') };
  };
  expect(await ask()).toMatchObject({ status: 503, code: 'UNAVAILABLE', retryAfter: '1' });
  isComplete = true;
  expect(await ask()).toMatchObject({ status: 404, code: 'SALE_UNKNOWN' });
});

const startMs = Date.parse('2026-11-11T00:00:00Z');

/** A ticket office whose bearers are their own names. */
function office() {
  const clock = { nowMs: startMs };
  const app = createTicketApp({
    findSale: () => saleNode(),
    knowsAll: () => true,
    challenges: createChallenges('a secret of at least 32 characters'),
    authenticate: async (request) => {
      const userId = bearerOf(request);
      return userId === null ? { kind: 'unknown', detail: 'sign in' } : { kind: 'known', userId };
    },
    ticketKeys: () => [{ id: 'k1', secret: 'a ticket key of at least 32 characters' }],
    ticketTtlMs: 60_000,
    now: () => clock.nowMs,
  });
  const headersOf = (userId: string | null) => ({
    'content-type': 'application/json',
    ...(userId === null ? {} : { authorization: `Bearer ${userId}` }),
  });
  const ask = (userId: string | null) => app.request('/api/sales/tea/challenge', { headers: headersOf(userId) });
  const challengeOf = async (userId: string) => (await (await ask(userId)).json()) as Challenge;
  async function answer(userId: string | null, { challengeId }: Challenge, given: string | Buffer) {
    const text = JSON.stringify({ challengeId, answer: '?' });
    const body = Buffer.concat([Buffer.from(text.slice(0, -3)), Buffer.from(given), Buffer.from('"}')]);
    const response = await app.request('/api/sales/tea/ticket', { method: 'POST', headers: headersOf(userId), body });
    const { code, detail, orderId } = (await response.json()) as Record<string, string>;
    return { code: code ?? String(response.status), detail, orderId, wait: response.headers.get('retry-after') };
  }
  return { clock, ask, challengeOf, answer };
}

const sumOf = ({ question }: Challenge) =>
  String((question.match(/\d+/g) ?? []).reduce((sum, n) => sum + Number(n), 0));

test('a challenge is given to a bearer, good for that bearer alone, and the same answer is the same ticket', async () => {
  const { ask, challengeOf, answer } = office();
  const stranger = await ask(null);
  expect([stranger.status, await stranger.json()]).toMatchObject([401, { code: 'UNAUTHENTICATED', detail: 'sign in' }]);
  const challenge = await challengeOf('ada');
  expect((await ask('ada')).headers.get('cache-control')).toBe('no-store');
  const first = await answer('ada', challenge, sumOf(challenge));
  expect(first).toMatchObject({ code: '201', orderId: expect.stringMatching(/^tea-/) });
  expect((await answer('ada', challenge, sumOf(challenge))).orderId).toBe(first.orderId);
  const other = await answer('bob', challenge, sumOf(challenge));
  expect(other).toMatchObject({ code: 'WRONG_ANSWER', detail: expect.stringContaining('not given to you') });
});

test('after 5 wrong answers to a challenge not even the right one is looked at; a new challenge is', async () => {
  const { challengeOf, answer } = office();
  const challenge = await challengeOf('ada');
  for (let n = 0; n < 5; n += 1) expect((await answer('ada', challenge, '0')).code).toBe('WRONG_ANSWER');
  const late = await answer('ada', challenge, sumOf(challenge));
  expect(late).toMatchObject({ code: 'RATE_LIMITED', wait: '1', detail: expect.stringContaining('get a new one') });
  const next = await challengeOf('ada');
  expect((await answer('ada', next, sumOf(next))).code).toBe('201');
});

test('an answer in another encoding than UTF-8 is no answer, and no wrong one', async () => {
  const { challengeOf, answer } = office();
  const challenge = await challengeOf('ada');
  const gbk = Buffer.from('c1fac8aa', 'hex');
  for (let n = 0; n < 6; n += 1) {
    expect(await answer('ada', challenge, gbk)).toMatchObject({
      code: 'BAD_REQUEST',
      detail: expect.stringContaining('as JSON in UTF-8'),
    });
  }
  expect((await answer('ada', challenge, sumOf(challenge))).code).toBe('201');
});

test('500 answers of one user try 20 of them in 5 minutes, however many challenges are asked for', async () => {
  const { clock, challengeOf, answer } = office();
  const codes: string[] = [];
  for (let n = 0; n < 100; n += 1) {
    const challenge = await challengeOf('ada');
    for (let times = 0; times < 5; times += 1) codes.push((await answer('ada', challenge, '0')).code);
  }
  expect(codes.filter((code) => code === 'WRONG_ANSWER')).toHaveLength(20);
  expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(480);
  const ofBob = await challengeOf('bob');
  expect((await answer('bob', ofBob, sumOf(ofBob))).code).toBe('201');
  clock.nowMs += 300_000;
  const later = await challengeOf('ada');
  expect((await answer('ada', later, sumOf(later))).code).toBe('201');
});

test('the challenge of another user is no try at it: no user uses up the tries of another', async () => {
  const { challengeOf, answer } = office();
  const ofAda = await challengeOf('ada');
  for (let n = 0; n < 30; n += 1) expect((await answer('bob', ofAda, '0')).code).toBe('WRONG_ANSWER');
  expect((await answer('ada', ofAda, sumOf(ofAda))).code).toBe('201');
});
