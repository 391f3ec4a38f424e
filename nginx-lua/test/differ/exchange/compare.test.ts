import { expect, test } from 'vitest';
import { signTicket } from '#contract/ticket.ts';
import { createChallenges } from '#gateway/tickets/challenge.ts';
import { createRandom } from '#lab/random.ts';
import { createWorld } from '../world/world.ts';
import { differenceOf } from './compare.ts';
import type { Answer } from './line.ts';

const world = createWorld(createRandom(1));
const nowMs = Date.now();
const about = { saleId: 'sum', userId: 'ada', isHead: false };
const headers: Answer['headers'] = [
  ['content-type', 'application/json'],
  ['cache-control', 'no-store'],
];
const answer = (status: number, text: string, more: Answer['headers'] = []): Answer => ({
  status,
  headers: [
    ...headers,
    ...more,
    ['x-content-type-options', 'nosniff'],
    ['content-length', String(Buffer.byteLength(text))],
  ],
  body: Buffer.from(text),
});
const judge = (edge: Answer, reference: Answer) =>
  differenceOf({ edge, reference, sentMs: nowMs, answeredMs: nowMs + 5 }, about, world);

test('answers are equal to the byte, but for what each hop adds', () => {
  const one = answer(422, '{"code":"WRONG_ANSWER"}');
  const other = { ...one, headers: [...one.headers, ['date', 'x'], ['x-request-id', 'y']] as Answer['headers'] };
  expect(judge(one, other)).toBeNull();
  expect(judge(one, answer(422, '{"code":"WRONG_ANSWER" }'))).toMatch(/content-length/);
  expect(judge(one, answer(422, '{"code":"WRONG-ANSWER"}'))).toMatch(/^body/);
  expect(judge(one, answer(401, '{"code":"WRONG_ANSWER"}'))).toMatch(/^status 422: .* 401 of the gateway/);
  expect(judge(one, answer(422, '{"code":"WRONG_ANSWER"}', [['vary', 'x']]))).toMatch(/^headers/);
  expect(judge(answer(429, '', [['retry-after', '9']]), answer(429, '', [['retry-after', '10']]))).toBeNull();
  expect(judge(answer(429, '', [['retry-after', '5']]), answer(429, '', [['retry-after', '10']]))).toMatch(
    /^retry-after/,
  );
  expect(judge(answer(429, ''), answer(429, '', [['retry-after', '1']]))).toMatch(/^retry-after null/);
});

test('two challenges differ in what was drawn, and each is of this sale, this user and this moment', () => {
  const sale = world.sales.get('sum');
  if (sale === undefined) throw new Error('no such sale');
  const challenges = createChallenges(world.challengeSecret);
  const made = (userId = 'ada', atMs = nowMs) => JSON.stringify(challenges.create(sale, userId, atMs));
  const good = answer(200, made());
  expect(judge(answer(200, made()), good)).toBeNull();
  const odd = [
    made('bob'),
    made('ada', nowMs - 60_000),
    made().replace('sum.', 'none.'),
    made().replace('{', '{ '),
    made().replace(/What is \d+/, 'What is 1'),
    made().replace(/"expiresAt":"\d{4}/, '"expiresAt":"2031'),
    JSON.stringify(createChallenges('another secret of 32 characters!!').create(sale, 'ada', nowMs)),
  ];
  for (const body of odd) expect(judge(answer(200, body), good), body).not.toBeNull();
  for (const body of odd) expect(judge(good, answer(200, body)), body).not.toBeNull();
});

test('two tickets are of one order, and each is what the contract signs for this user with the first key', () => {
  const expiresAtMs = nowMs + world.ticketTtlMs;
  const made = ({
    suffix = '01h00000000000000000000000',
    userId = 'ada',
    laterMs = 0,
    keys = world.ticketKeys,
  } = {}) => {
    const orderId = `sum-${suffix}`;
    const ticket = signTicket({ orderId, userId, expiresAtMs: expiresAtMs + laterMs }, keys);
    return answer(201, JSON.stringify({ ticket, orderId, expiresAt: new Date(expiresAtMs + laterMs).toISOString() }));
  };
  expect(judge(made({ laterMs: 3 }), made())).toBeNull();
  const odd = [
    made({ suffix: '01h00000000000000000000001' }),
    made({ userId: 'bob' }),
    made({ laterMs: 60_000 }),
    made({ keys: [{ id: 'k1', secret: 'x'.repeat(32) }] }),
  ];
  for (const ticket of odd) expect(judge(ticket, made()), String(ticket.body)).not.toBeNull();
});
