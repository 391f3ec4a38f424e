import { createHash, createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Challenge, challengeSchema, type Work } from '#contract/challenge.ts';
import type { SaleNode } from '#contract/sale.ts';
import { createChallenges } from '#gateway/tickets/challenge.ts';
import { sealQuiz } from '#gateway/tickets/quiz.ts';
import { saleOfficeOf } from '#gateway/tickets/sale-office.ts';
import { saleNode } from '#lab/kits/sale-node.ts';
import { edgeOffice, startEdge, type TestEdge } from '#lab/servers/edge.ts';
import { edgeLua, openToLua } from '#lab/servers/edge-lua.ts';

const secret = edgeOffice.challengeSecret;
const nowMs = Date.parse('2026-11-11T08:00:00.007Z');
const minuteMs = 60_000;
const reference = createChallenges(secret);

const quiz = sealQuiz(secret, 'tea', [
  { question: { en: 'Which lake is in "Hangzhou"?', zh: '杭州有什么湖？' }, answers: ['West Lake', '西湖'] },
  { question: 'How much is 1/2 + \\ 1/2?', answers: ['1'] },
  { question: { en: 'Emoji 🍵 <is> & what?' }, answers: ['tea'] },
]);
const sales = {
  sum: saleNode(),
  quiz: saleNode({ quiz }),
  pow: saleNode({ challenge: 'pow' }),
  none: saleNode({ challenge: 'none' }),
};
const kinds = Object.keys(sales) as (keyof typeof sales)[]; // the table's own keys
const users = ['ada', 'user-0b1c', '用户 "x" \\ 🍵', 'x'.repeat(128)];

let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge({}, [], { beforeStart: openToLua });
  await edge.agent.send({ type: 'snapshot', sales: [], office: edgeOffice });
});
afterAll(() => edge?.stop());

type Call = { sale: SaleNode; user: string; atMs: number; id?: string };
const toEdge = (calls: readonly Call[]) =>
  calls.map(({ sale, ...rest }) => ({ ...rest, sale: { id: sale.saleId, office: saleOfficeOf(sale) } }));

/** What the edge gives, in the order of the calls. */
const given = async (calls: readonly Call[]) =>
  (await edgeLua(
    edge,
    `local bodies = {}
     for i, call in ipairs(...) do
       bodies[i] = require('ffi').string(require('seckill.office.challenge').create(call.sale, call.user, call.atMs))
     end
     return bodies`,
    toEdge(calls),
  )) as string[];

/** What the edge reads in each id. */
const read = async (calls: readonly Call[]) =>
  (await edgeLua(
    edge,
    `local told = {}
     for i, call in ipairs(...) do
       local what, issued, a, b = require('seckill.office.challenge').read(call.id, call.sale, call.user, call.atMs)
       told[i] = table.concat({ what, issued, a, b }, ' ')
     end
     return told`,
    toEdge(calls),
  )) as string[];

/** The right answer to a challenge of one of the sales above. */
function answerOf({ challengeId, questions, work }: Challenge, user: string): string {
  if (work !== undefined) return nonces(challengeId, user, work);
  const [, a, b] = /What is (\d+) \+ (\d+)\?/.exec(questions.en) ?? [];
  if (a !== undefined) return String(Number(a) + Number(b));
  return ['west lake', '1', 'tea'][Number(/\.q-(\d)\./.exec(challengeId)?.[1])] ?? '';
}

/** What the browser's worker does, by Node's own hash. */
function nonces(challengeId: string, userId: string, { rounds, bits }: Work): string {
  return Array.from({ length: rounds }, (_, round) => {
    for (let nonce = 0; ; nonce += 1) {
      const text = `${challengeId}.${userId}.${round}.${nonce.toString(36)}`;
      if (Math.clz32(createHash('sha256').update(text).digest().readUInt32BE(0)) >= bits) return nonce.toString(36);
    }
  }).join(',');
}

/** A body without what is drawn or signed. */
const plain = (body: string) => body.replace(/\.[\w-]{8}\.[\w-]{43}"/, '.…"');

describe.each(kinds)('a challenge of the edge: %s', (kind) => {
  const sale = sales[kind];

  test('is to the byte what the gateway gives, for all that can be drawn', async () => {
    const ofGateway = new Set<string>();
    const user = users[2] ?? '';
    const isWhole = { sum: 18 * 18, quiz: quiz.length, pow: 1, none: 1 }[kind];
    while (ofGateway.size < isWhole) ofGateway.add(plain(JSON.stringify(reference.create(sale, user, nowMs))));
    // 324 sums are all drawn in 5,000 with a chance of 1 in 10,000 that one is not: so they need not be all.
    const ofEdge = new Set(
      (await given(Array(kind === 'pow' ? 5 : 5000).fill({ sale, user, atMs: nowMs }))).map(plain),
    );
    expect([...ofEdge].filter((body) => !ofGateway.has(body))).toEqual([]);
    expect(ofEdge.size).toBeGreaterThan(isWhole * 0.99);
  });

  test('is one that the gateway takes the right answer to, from its user alone, for five minutes', async () => {
    const some = kind === 'pow' ? users.slice(2, 3) : users; // work takes a while
    const bodies = await given(some.map((user, n) => ({ sale, user, atMs: nowMs + n * minuteMs + n })));
    for (const [n, body] of bodies.entries()) {
      const challenge = challengeSchema.parse(JSON.parse(body));
      const [atMs, user] = [nowMs + n * minuteMs + n, some[n] ?? ''];
      const answer = answerOf(challenge, user);
      const judged = (byUser: string, afterMs: number) =>
        reference.judge(sale, challenge.challengeId, answer, byUser, atMs + afterMs).kind;
      expect([user, judged(user, 0), judged(user, 5 * minuteMs - 1)]).toEqual([user, 'right', 'right']);
      expect([judged(user, 5 * minuteMs), judged(`${user}x`, 0)]).toEqual(['expired', 'foreign']);
      expect(Date.parse(challenge.expiresAt)).toBe(atMs + 5 * minuteMs);
    }
  });

  test('of the gateway is read by the edge: what was asked, when, for its user and sale alone, for five minutes', async () => {
    const user = users[2] ?? '';
    const challenges = Array.from({ length: 50 }, () => reference.create(sale, user, nowMs));
    const ids = challenges.map(({ challengeId }) => challengeId);
    const asked = ids.map((id) => {
      const [, name = ''] = id.split('.');
      const [letter = '', ...numbers] = name.split('-');
      return [{ s: 'sum', q: 'quiz', p: 'pow', n: 'none' }[letter], nowMs, ...numbers].join(' ');
    });
    const readAs = (changes: Partial<Call>) => read(ids.map((id) => ({ sale, user, atMs: nowMs, ...changes, id })));
    expect(await readAs({ atMs: nowMs + 5 * minuteMs - 1 })).toEqual(asked);
    expect(await readAs({ atMs: nowMs + 5 * minuteMs })).toEqual(ids.map(() => 'expired'));
    expect(await readAs({ user: 'bob' })).toEqual(ids.map(() => 'foreign'));
    expect(await readAs({ sale: { ...sale, saleId: 'te' } })).toEqual(ids.map(() => 'foreign'));
    expect(await readAs({ sale: { ...sale, saleId: 'tea-2' } })).toEqual(ids.map(() => 'foreign'));
  });
});

test('an id that was changed, cut or oddly made is judged by the edge as by the gateway', async () => {
  const sign = (text: string, user = 'ada') =>
    `${text}.${createHmac('sha256', secret).update(`challenge:${text}.${user}`).digest('base64url')}`;
  const time = nowMs.toString(36);
  const odd = [
    ...['n', 's-3-4', 'q-0', 'p-16-12', 's-3', 's-3-', 's--4', 's-3-4-5', 'q', 'q-', 'q-1-2', 'n-1', 'x-1-2', '', '-'],
    ...['s-03-04', 's-3.4', 's-3-4x', 'p-16', 'S-3-4', 'nn', 's-99999999999999999999999-1', ' n', 's-３-4'],
  ].map((asked) => `tea.${asked}.${time}.abcd_-78`);
  odd.push(
    ...['', '0', time.slice(1), `${time}0`, `${time}00`, time.toUpperCase(), 'zzzzzzzz', '00000000', '-1234567'].map(
      (issued) => `tea.n.${issued}.abcd_-78`,
    ),
  );
  odd.push(...['', 'abcd_-7', 'abcd_-789', 'abcd.-78', 'abcd+-78', '手机手机'].map((it) => `tea.n.${time}.${it}`));
  odd.push(
    ...['', 'te', 'teaa', '.tea', 'tea.', 'TEA', 'tea.tea', 'x'.repeat(60)].map((it) => `${it}.n.${time}.abcd_-78`),
  );
  odd.push(
    '',
    '.',
    '....',
    'tea',
    'tea.',
    'tea.n',
    `tea.n.${time}`,
    `tea-n-${time}-abcd_-78`,
    `teaXn.${time}.abcd_-78`,
  );
  const ids = [...odd, ...odd.map((text) => sign(text)), ...odd.map((text) => sign(text).slice(0, -1))];
  const real = sign(`tea.s-3-4.${time}.abcd_-78`);
  for (let place = 0; place < real.length; place += 1) {
    ids.push(real.slice(0, place), real.slice(place));
    for (const letter of 'aZ0-_.=\n') ids.push(`${real.slice(0, place)}${letter}${real.slice(place + 1)}`);
  }
  for (const letter of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
    ids.push(`${real.slice(0, -1)}${letter}`);
  ids.push(`${real}x`, `${real}\n`, ` ${real}`, `${real}.${real}`, 'x'.repeat(256), `${real}${'x'.repeat(256)}`);

  const told = await read(ids.map((id) => ({ sale: sales.sum, user: 'ada', atMs: nowMs + 1, id })));
  const kindsTold = ids.map((id, n) => ({ id, told: /^(foreign|expired)?/.exec(told[n] ?? '')?.[0] }));
  const kindsJudged = ids.map((id) => {
    const { kind } = reference.judge(sales.sum, id, '7', 'ada', nowMs + 1);
    return { id, told: kind === 'foreign' || kind === 'expired' ? kind : '' };
  });
  expect(kindsTold).toEqual(kindsJudged);
  expect(new Set(told)).toContain(`sum ${nowMs} 3 4`);
  expect(new Set(kindsJudged.map((it) => it.told))).toEqual(new Set(['', 'expired', 'foreign']));
});

test('without the secrets, or what the sale asks, the gateway is asked', async () => {
  const told = await edgeLua(
    edge,
    `local challenge = require('seckill.office.challenge')
     local _, why = challenge.create({ id = 'tea' }, 'ada', 1790000000000)
     local _, also = challenge.create({ id = 'tea', office = { kind = 'riddle' } }, 'ada', 1790000000000)
     return { why, also }`,
  );
  expect(told).toEqual(['passed_sale', 'passed_sale']);
});

test('the worker’s random numbers are each as likely, its bytes never the same, and base64url is that of Node', async () => {
  const { counts, bytes, texts } = (await edgeLua(
    edge,
    `local ffi, random, encode = require('ffi'), require('seckill.random'), require('seckill.base64url').encode
     local counts, bytes, texts = {}, {}, {}
     for i = 1, 18 do counts[i] = 0 end
     for _ = 1, 90000 do
       local drawn = random.below(18) + 1
       counts[drawn] = counts[drawn] + 1
     end
     local memory = ffi.new('unsigned char[384]')
     for i = 1, 2000 do
       random.bytes(memory, 6)
       bytes[i] = encode(memory, 6)
     end
     for i = 0, 383 do memory[i] = i * 7 % 256 end
     for i = 0, 384 do texts[i + 1] = encode(memory, i) end
     return { counts = counts, bytes = bytes, texts = texts }`,
  )) as { counts: number[]; bytes: string[]; texts: string[] };
  // Each is 5,000 but for chance: eight standard deviations are 550.
  for (const count of counts) expect(Math.abs(count - 5000)).toBeLessThan(550);
  expect(new Set(bytes).size).toBe(2000);
  const memory = Buffer.from(Array.from({ length: 384 }, (_, i) => (i * 7) % 256));
  expect(texts).toEqual(Array.from({ length: 385 }, (_, i) => memory.subarray(0, i).toString('base64url')));
});

test('times are told as JavaScript tells them', async () => {
  const times = [
    0,
    1,
    999,
    1000,
    nowMs,
    Date.parse('2028-02-29T23:59:59.999Z'),
    Date.parse('9999-12-31T23:59:59.999Z'),
  ];
  times.push(...Array.from({ length: 40 }, (_, n) => nowMs + n * 1501));
  const told = await edgeLua(
    edge,
    `local told = {}
     for i, ms in ipairs(...) do told[i] = require('seckill.iso_time').of(ms) end
     return told`,
    times,
  );
  expect(told).toEqual(times.map((ms) => new Date(ms).toISOString()));
});

test('a question that is longer than the edge has room for is for the gateway, by any rules it was written', async () => {
  const outcome = (letters: number) =>
    edgeLua(
      edge,
      `local sale = ...
       local body, why = require('seckill.office.challenge').create(sale, 'ada', ${nowMs})
       return body and 'answered' or why`,
      {
        id: 'tea',
        office: saleOfficeOf(
          saleNode({ quiz: sealQuiz(secret, 'tea', [{ question: '问'.repeat(letters), answers: ['1'] }]) }),
        ),
      },
    );
  expect([await outcome(160), await outcome(600)]).toEqual(['answered', 'passed_sale']);
});
