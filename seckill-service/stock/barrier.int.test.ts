import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { saleKeys } from '#contract/redis-keys.ts';
import { poll } from '#lab/poll.ts';
import { startReplicatedRedis } from '#lab/servers/replicated-redis.ts';
import { createStock } from './create-stock.ts';
import { reserveInGroups } from './reserve-groups.ts';

const servers = await startReplicatedRedis(1);
afterAll(() => servers.stop());
const { primary } = servers;
/** Every stock on a connection of its own. Not the hot kind: a machine that stands still for a second is no fault here. */
const stockOf = (replicas: number) => createStock(servers.connect('patient'), { replicas });
const plain = stockOf(0);
let saleId = '';

async function openSale(total: number): Promise<string> {
  const id = `barrier-${crypto.randomUUID().slice(0, 8)}`;
  const window = { opensAtMs: Date.now() - 1000, closesAtMs: Date.now() + 600_000 };
  await plain.preload(id, { total, limitPerUser: 1, lowestEpoch: 0, ...window });
  await plain.setState(id, 'open');
  return id;
}
const question = (nth: number | string, of = saleId) => ({ orderId: `${of}-${nth}`, userId: `u${nth}`, quantity: 1 });
const hasOrder = async (nth: string) =>
  (await primary.client.hexists(saleKeys(saleId).reservations, question(nth).orderId)) === 1;
/** How often Redis ran this command since `beforeEach`. */
async function ran(command: string): Promise<number> {
  const text = await primary.client.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(text)?.[1] ?? 0);
}
const unknown = { kind: 'unknown' };
/** The place of an order. On a machine that stands still its replica may be too late for the first question. */
const place = (stock: typeof plain, asked: ReturnType<typeof question>) =>
  poll('a yes', async () => {
    const outcome = await stock.reserve(asked.orderId.slice(0, asked.orderId.lastIndexOf('-')), asked);
    return 'place' in outcome ? outcome.place : null;
  });

beforeEach(async () => {
  saleId = await openSale(10);
  await primary.client.config('RESETSTAT');
});
afterEach(() => servers.resumeReplicas());

test('a yes that no replica has is unknown, its replay over a new connection too, and the truth is told once one has it', async () => {
  const small = await openSale(2);
  const [first, last] = [question(1, small), question(2, small)];
  expect(await place(stockOf(1), first)).toBe(1);
  servers.pauseReplicas();
  await expect(stockOf(1).reserve(small, last)).rejects.toMatchObject(unknown);
  // Sold out: a replay writes nothing. Redis from 7.2 on, and Valkey 8, answer WAIT at once on a connection without a write.
  await expect(stockOf(1).reserve(small, last)).rejects.toMatchObject(unknown);
  await expect(stockOf(1).reserve(small, first)).rejects.toMatchObject(unknown);
  servers.resumeReplicas();
  expect(await place(stockOf(1), last)).toBe(2);
});

test('sales of one group share one wait; without replicas each yes of it is unknown, and a refusal stands', async () => {
  const [other, small] = [await openSale(10), await openSale(1)];
  const [a, b] = [question(1), question(1, other)];
  const asked = (...questions: (typeof a)[]) => questions.map((each) => ({ question: each, notAfterMs: null }));
  await plain.reserve(small, question(1, small));
  await primary.client.config('RESETSTAT');
  const stock = stockOf(1);
  const calls = [
    { saleId, asked: asked(a, { ...a, orderId: `${a.orderId}-again` }) },
    { saleId: small, asked: asked(question(2, small)) },
    { saleId: other, asked: asked(b) },
    { saleId: 'nowhere', asked: asked(question(1, 'nowhere')) },
  ];
  servers.pauseReplicas();
  const answers = await stock.reserveGroup(calls);
  const refused = [{ kind: 'limit_reached' }, { kind: 'sold_out' }, { kind: 'sale_unknown' }];
  expect(answers).toMatchObject([[unknown, refused[0]], [refused[1]], [unknown], [refused[2]]]);
  expect(await ran('wait')).toBe(1);
  servers.resumeReplicas();
  const later = await poll('the replays', async () => {
    const told = await stock.reserveGroup(calls);
    return told.flat().some((outcome) => outcome instanceof Error) ? null : told;
  });
  const yes = { kind: 'replay', place: 1 };
  expect(later).toEqual([
    [yes, expect.objectContaining(refused[0])],
    [expect.objectContaining(refused[1])],
    [yes],
    [refused[2]],
  ]);
});

test('what is asked while a group is under way goes together as the next one, of every sale', async () => {
  const sales = [saleId, await openSale(1000), await openSale(1000)];
  await primary.client.config('RESETSTAT');
  const reserve = reserveInGroups(stockOf(1));
  servers.pauseReplicas(); // so that the first is under way for long
  const first = reserve(saleId, question('first'));
  await poll('the first to be under way', async () => (await ran('evalsha')) > 0 || (await ran('eval')) > 0);
  const asked = Array.from({ length: 600 }, (_, nth) => [sales[nth % 3] ?? '', nth] as const);
  const others = asked.map(([id, nth]) => reserve(id, question(nth, id)));
  servers.resumeReplicas();
  await Promise.allSettled([first, ...others]);
  // Its first call of all meets NOSCRIPT, and goes once more.
  expect(await ran('wait')).toBeLessThanOrEqual(3);
  const ofOne = asked.filter(([id]) => id === sales[1]);
  const places = await Promise.all(ofOne.map(([id, nth]) => place({ ...plain, reserve }, question(nth, id))));
  expect(new Set(places).size).toBe(200);
});

test('a question whose time is over before its turn comes is not carried out', async () => {
  const reserve = reserveInGroups(stockOf(1));
  await place({ ...plain, reserve }, question('warm'));
  servers.pauseReplicas();
  const first = reserve(saleId, question('first'));
  await poll('the first to be under way', () => hasOrder('first'));
  const late = reserve(saleId, question('late'), await plain.clock());
  await expect(first).rejects.toMatchObject(unknown);
  await expect(late).rejects.toMatchObject({ kind: 'unavailable' });
  expect(await hasOrder('late')).toBe(false);
});

test('a server that does not know the script yet is asked again, behind a barrier of its own', async () => {
  const stock = stockOf(1);
  await stock.reserveAll(saleId, []);
  await primary.client.script('FLUSH');
  await primary.client.config('RESETSTAT');
  expect(await place(stock, question(1))).toBe(1);
  expect(await ran('wait')).toBeGreaterThanOrEqual(2);
  await primary.client.script('FLUSH');
  servers.pauseReplicas();
  await expect(stock.reserve(saleId, question(2))).rejects.toMatchObject(unknown);
});

test('what was written outlives its server, or its teller hears that this is not known', async () => {
  const redis = servers.connect('patient');
  const stock = createStock(redis, { replicas: 1 });
  const pause = () => stock.setState(saleId, 'pause');
  expect(await poll('a replica to have it', () => stock.barrier(saleId, pause))).toMatchObject({ state: 'paused' });
  // Another connection may lead to another server, which never had it.
  const overTwo = async () => {
    await pause();
    redis.disconnect(true);
    return redis.ping();
  };
  await expect(stock.barrier(saleId, overTwo)).rejects.toMatchObject(unknown);
  servers.pauseReplicas();
  await expect(stock.barrier(saleId, () => stock.sale(saleId))).rejects.toThrow('0 of 1 replicas have it');
});

test('while the replicas are away a crowd of barriers waits for two deadlines, not for one each', async () => {
  const stock = stockOf(1);
  servers.pauseReplicas();
  const all = Array.from({ length: 50 }, () => stock.barrier(saleId, () => stock.sale(saleId)));
  expect((await Promise.allSettled(all)).every(({ status }) => status === 'rejected')).toBe(true);
  expect(await ran('wait')).toBeLessThanOrEqual(2);
});

test('without replicas nothing is sent beside what was asked for', async () => {
  const stock = stockOf(0);
  await stock.reserve(saleId, question(1));
  await stock.barrier(saleId, () => stock.setState(saleId, 'pause'));
  expect([await ran('wait'), await ran('set'), await primary.client.exists(saleKeys(saleId).fence)]).toEqual([0, 0, 0]);
});
