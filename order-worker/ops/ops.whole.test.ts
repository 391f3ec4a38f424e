import { Queue } from 'bullmq';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditAnswerSchema, deadLettersSchema, opsOverviewSchema, opsPaths, retryAnswerSchema } from '#contract/ops.ts';
import { newOrderId } from '#contract/order.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { stackStatus } from '#infra/stack/stack.ts';
import { newSaleId, openSale, seckillJson } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';

const stack = stackUnderTest();
const token = stack.env.SECKILL_CONSOLE_TOKEN ?? '';
const saleId = newSaleId('ops');
const redis = connectRedis(
  'patient',
  stack.env.SECKILL_QUEUE_REDIS_URL ?? '',
  createLogger({ service: 'test', instance: 'test', level: 'silent' }),
);
const queue = new Queue(queueNames.orders, { connection: redis, prefix: queuePrefix });
let inner: string;

beforeAll(async () => {
  const { processes } = await stackStatus(stack.dir);
  inner = processes.find(({ role }) => role === 'order-worker')?.innerUrl ?? '';
  await openSale(stack.env, { saleId, units: 3 });
});
afterAll(async () => {
  await queue.close();
  disconnectRedis(redis);
});

const get = (path: string, bearer = token) => fetch(inner + path, { headers: { authorization: `Bearer ${bearer}` } });
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(inner + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

test('nothing is told or done without the token, or with another one', async () => {
  for (const path of [opsPaths.overview, opsPaths.audit(saleId), opsPaths.deadLetters]) {
    for (const headers of [{}, { authorization: `Bearer ${token.slice(1)}x` }, { authorization: `Basic ${token}` }]) {
      const answer = await fetch(inner + path, { headers });
      expect(answer.status).toBe(401);
      expect(await answer.text()).toContain('SECKILL_CONSOLE_TOKEN');
    }
  }
  const before = await seckillJson(stack.env, 'drain', 'show');
  const answer = await post(opsPaths.drain, { paused: true }, { authorization: 'Bearer x' });
  expect(answer.status).toBe(401);
  expect(await seckillJson(stack.env, 'drain', 'show')).toMatchObject({
    paused: (before as { paused: boolean }).paused,
  });
});

test('the overview tells drain, dead letters and the orders of the sales that are asked for', async () => {
  // What did not answer in time is null.
  const overview = await poll('an overview of everything', async () => {
    const told = opsOverviewSchema.parse(await (await get(`${opsPaths.overview}?sale=${saleId}`)).json());
    const isAll = told.deadLetters !== null && told.orders !== null && (told.drain?.workers.length ?? 0) > 0;
    return isAll && told;
  });
  expect(overview.drain).toMatchObject({ paused: false, workers: [{ worker: 'worker-1' }] });
  expect(overview.deadLetters?.map(({ queue: name }) => name)).toContain('orders');
  expect(overview.orders).toEqual({ [saleId]: {} });
  expect((await get(`${opsPaths.overview}?sale=../x`)).status).toBe(400);
});

test('the audit of a sale is the one of the command line', async () => {
  const report = auditAnswerSchema.parse(await (await get(opsPaths.audit(saleId))).json());
  expect(report).toMatchObject({ saleId, balanced: true, fault: null });
  expect(report.checks.map(({ invariant }) => invariant)).toEqual(['I1', 'I2', 'I3', 'I4', 'I5', 'I6']);
  expect((await get(opsPaths.audit('no-such-sale'))).status).toBe(404);
});

test('a dead letter is listed with its reason, and retried once', async () => {
  const orderId = newOrderId('never-made', Date.now());
  const order = { orderId, saleId: 'never-made', userId: 'u', quantity: 1, place: 1, acceptedAt: Date.now() };
  await queue.add('order', order, { jobId: orderId, attempts: 1 });
  const listed = () =>
    get(opsPaths.deadLetters)
      .then((answer) => answer.json())
      .then((body) => deadLettersSchema.parse(body).deadLetters.find(({ id }) => id === orderId) ?? null);
  const letter = await poll('the job to be given up on', listed, 45_000);
  expect(letter).toMatchObject({ queue: 'orders', orderId });
  expect(letter.reason).toContain('never-made');
  expect(letter.mend).toContain('seckill');

  expect((await post(opsPaths.retry, { id: orderId })).status).toBe(400);
  const retry = async (body: unknown) =>
    retryAnswerSchema.parse(await (await post(opsPaths.retry, body)).json()).retried;
  expect(await retry({ queue: 'refunds', id: orderId })).toBe(0);
  expect(await retry({ queue: 'orders', id: orderId })).toBe(1);
  await poll('it to fail again', listed, 45_000);
  await (await queue.getJob(orderId))?.remove();
});
