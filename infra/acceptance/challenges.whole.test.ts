import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { Pool } from 'undici';
import { afterAll, expect, inject, test, vi } from 'vitest';
import type { Challenge } from '#contract/challenge.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { newSaleId, openSale, seckill, seckillJson, writeSaleFile } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { buy, call, type HeldTicket, type Shopper, signIn } from '#loadtest/crowd/shopper.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';

// A busy machine takes long for what is done in a moment elsewhere.
vi.setConfig({ testTimeout: 300_000 });

const stack = inject('stack');
const pool = new Pool(stack.edgeUrl, { connections: 8 });
afterAll(() => pool.close());

const challengeOf = async (saleId: string, { token }: Shopper) =>
  (await call(pool, 'GET', `/api/sales/${saleId}/challenge`, { token })).body as unknown as Challenge;
const answerWith = (saleId: string, { token }: Shopper, { challengeId }: Challenge, answer: string) =>
  call(pool, 'POST', `/api/sales/${saleId}/ticket`, { token, body: { challengeId, answer } });

test('a quiz of the shop: its answers get tickets, and stand in no store that is asked on the way', async () => {
  const saleId = newSaleId('quiz');
  const quiz = [{ question: { en: 'Which lake?', zh: '哪个湖？' }, answers: ['Westlakelet', '西湖水'] }];
  await openSale(stack.env, { saleId, units: 3, quiz });

  const ada = await signIn(pool);
  const challenge = await challengeOf(saleId, ada);
  expect(challenge).toMatchObject({ kind: 'quiz', question: 'Which lake?', questions: quiz[0]?.question });
  expect((await answerWith(saleId, ada, challenge, 'Loch Ness')).body.code).toBe('WRONG_ANSWER');
  const { status, body } = await answerWith(saleId, ada, challenge, ' westLAKElet ');
  expect(status).toBe(201);

  // Once: the same answer again is the same order, however often it is bought with.
  const again = (await answerWith(saleId, ada, challenge, '西湖水')).body;
  expect(again.orderId).toBe(body.orderId);
  const hold = ({ ticket, orderId }: Record<string, unknown>) => ({ ...ada, ticket, orderId }) as HeldTicket;
  const wait = async (ms: number) => void (await pause(ms));
  expect((await buy(pool, saleId, hold(body), wait, 20)).status).toBe(202);
  expect((await buy(pool, saleId, hold(again), wait, 20)).body).toMatchObject({ orderId: body.orderId, place: 1 });
  expect((await seckillJson<{ stock: { free: number } }>(stack.env, 'sale', 'show', saleId)).stock.free).toBe(2);

  const zookeeper = connectZooKeeper({
    connection: stack.env.SECKILL_ZOOKEEPER ?? '',
    logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }),
  });
  const database = new pg.Client(stack.env.SECKILL_DATABASE_URL);
  database.on('error', () => undefined); // the next query says it
  await database.connect();
  const path = zookeeperPaths.sale(saleId);
  const { data } = await poll('an answer of ZooKeeper', () => zookeeper.read(path).catch(() => null));
  const { rows } = await database.query('SELECT * FROM sales WHERE id = $1', [saleId]);
  zookeeper.close();
  await database.end();
  const node = data.toString();
  expect(node).toContain('Which lake?');
  for (const text of [node, JSON.stringify(rows)]) expect(text).not.toMatch(/westlakelet|西湖水/i);
});

test('the questions of a sale are not to be had before their time', async () => {
  const saleId = newSaleId('lead');
  await openSale(stack.env, {
    saleId,
    units: 1,
    quiz: [{ question: 'Which?', answers: ['this'] }],
    challengeLeadSeconds: 60,
    opensAt: new Date(Date.now() + 1_800_000).toISOString(),
  });
  const { status, body, retryAfterSeconds } = await call(pool, 'GET', `/api/sales/${saleId}/challenge`);
  expect([status, body.code]).toEqual([403, 'NOT_OPEN']);
  expect(retryAfterSeconds).toBeGreaterThan(500);
});

test('proof of work: done for one shopper it gets that one a ticket, and nobody else', async () => {
  const saleId = newSaleId('pow');
  await openSale(stack.env, { saleId, units: 1, challenge: 'pow' });
  const [ada, bob] = [await signIn(pool), await signIn(pool)];
  const challenge = await challengeOf(saleId, ada);
  const { rounds, bits } = challenge.work ?? { rounds: 0, bits: 0 };
  const nonces = Array.from({ length: rounds }, (_, round) => {
    for (let nonce = 0; ; nonce += 1) {
      const text = `${challenge.challengeId}.${ada.userId}.${round}.${nonce.toString(36)}`;
      if (Math.clz32(createHash('sha256').update(text).digest().readUInt32BE(0)) >= bits) return nonce.toString(36);
    }
  });
  expect((await answerWith(saleId, bob, challenge, nonces.join(','))).body.code).toBe('WRONG_ANSWER');
  expect((await answerWith(saleId, ada, challenge, nonces.join(','))).status).toBe(201);
});

test.each([
  ['a quiz without questions', { quiz: [] }, 'quiz must hold at least one question'],
  ['a title with markup', { title: 'Tea <b>set</b>' }, 'title must be plain text'],
  ['an id with slashes', { saleId: '../../etc' }, 'saleId must be 1 to 48 characters'],
  ['a picture that is not there', { picture: 'nowhere.png' }, 'nowhere.png: no such file'],
  ['a picture of 20 MB', { picture: 'huge.png' }, 'huge.png is 20.0 MB: at most 2 MB'],
  ['a picture with a script inside', { picture: 'script.png' }, 'script.png is an SVG, which may hold scripts'],
])('%s is refused in one line, exit 2, and nothing is created', async (_what, change, words) => {
  const saleId = newSaleId('bad');
  const file = await writeSaleFile({ saleId, units: 1 });
  await writeFile(join(dirname(file), 'huge.png'), Buffer.alloc(20_000_000));
  await writeFile(
    join(dirname(file), 'script.png'),
    '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
  );
  const sale = { saleId, units: 1, title: 'A', price: { amount: 1, currency: 'CNY' } };
  const window = { opensAt: '2026-11-11T00:00:00Z', closesAt: '2026-11-12T00:00:00Z' };
  await writeFile(file, JSON.stringify({ ...sale, ...window, ...change }));
  const { code, stderr } = await seckill(stack.env, 'sale', 'create', file);
  expect([code, stderr.trim().split('\n')]).toEqual([2, [expect.stringContaining(words)]]);
  expect((await seckill(stack.env, 'sale', 'show', saleId)).code).toBe(2);
});
