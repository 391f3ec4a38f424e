import { Queue, Worker } from 'bullmq';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { type Machine, startStockTrio } from '#lab/servers/stock-trio.ts';
import { createGate } from '../../purchase/gate.ts';
import { createLogger } from '../logger.ts';
import { listenToChannel } from './channel.ts';
import { connectRedis, disconnectRedis, type Redis } from './connect.ts';

const trio = await startStockTrio({ isHurried: true, downAfterMs: 700 });
afterAll(() => trio.stop());
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

function connect(kind: Parameters<typeof connectRedis>[0], { url } = trio) {
  const redis = connectRedis(kind, url, logger);
  onTestFinished(() => disconnectRedis(redis));
  return redis;
}

/** Where a connection leads: the port that its server listens on. */
const portOf = async (redis: Redis) => Number(/tcp_port:(\d+)/.exec(await redis.info('server'))?.[1]);
const own = ({ redis }: Machine) => portOf(redis.client);

/** They live through all the rounds, as those of a process do. */
const kinds = ['hot', 'patient', 'queue', 'listening'] as const;
const [hot, patient, queue, listening] = kinds.map((kind) => connectRedis(kind, trio.url, logger)) as [
  ...[Redis, Redis, Redis, Redis], // one for each kind
];
const all = [hot, patient, queue, listening];
const ended: string[] = [];
for (const [index, redis] of all.entries()) redis.on('end', () => ended.push(kinds[index] ?? ''));
afterAll(() => disconnectRedis(...all));
const heard: string[] = [];
let gaps = 0;
const channel = listenToChannel({
  ...{ redis: listening, channel: 'news', logger, onMessage: (text) => heard.push(text) },
  onGap: () => {
    gaps += 1;
  },
});
afterAll(channel.close);

test.for(['dies', 'stands still', 'dies again', 'dies a third time', 'dies a fourth time'])(
  'a primary %s: every kind of connection works again, and none ends',
  async (round) => {
    const before = await trio.settled(1);
    await poll('all are connected', () => all.every((redis) => redis.status === 'ready'));
    const gapsBefore = gaps;
    if (round === 'stands still') before.redis.pause();
    else await before.redis.kill();
    // Sent while there is no primary: each does what its kind promises.
    const unsent = hot.set('hot', round).then(
      () => 'done',
      () => 'rejected',
    );
    const patiently = poll('it is through, in its deadline or a later one', () => patient.set('patient', round));
    const waiting = queue.set('queue', round);
    expect(await unsent).toBe('rejected');
    expect(await Promise.all([patiently, waiting])).toEqual(['OK', 'OK']);
    const now = await trio.primary(before);
    await poll('hot decides again', () => hot.set('hot', round));
    await poll('what was missed is known', () => gaps > gapsBefore);
    await poll('news is heard', async () => {
      await now.redis.client.publish('news', round);
      return heard.includes(round);
    });
    expect(await now.redis.client.mget('hot', 'patient', 'queue')).toEqual([round, round, round]);
    if (round === 'stands still') {
      // It wakes up and knows of nothing: no connection goes back to it.
      before.redis.resume();
      await poll('it is awake', () => before.redis.client.ping());
      for (const redis of [hot, patient, queue]) expect(await portOf(redis)).not.toBe(await own(before));
    } else {
      await before.redis.start(now);
    }
    expect(ended).toEqual([]);
  },
);

test('a primary that wakes up when another was promoted just now says no yes that is lost', async () => {
  // At their usual pace: the replica that is not promoted hears for a second of none but the one before.
  const usual = await startStockTrio();
  onTestFinished(() => usual.stop());
  const redis = connect('hot', usual);
  const before = await usual.settled();
  await poll('it decides', () => redis.set('awake', 1));
  before.redis.pause();
  await poll('another one to be promoted', async () => {
    const roles = usual.machines.filter((it) => it !== before).map((it) => it.redis.client.role().catch(() => []));
    return (await Promise.all(roles)).some(([role]) => role === 'master');
  });
  before.redis.resume();
  // One replica follows it still, and acknowledges what the promoted one will make it forget.
  const yeses: string[] = [];
  let asked = 0;
  const now = await poll('yeses of the new one', async () => {
    for (const end = asked + 20; asked < end; asked += 1) {
      const key = `yes-${asked}`;
      const [, waited] =
        (await redis
          .pipeline()
          .set(key, 1)
          .wait(1, 100)
          .exec()
          .catch(() => null)) ?? [];
      if (waited?.[0] === null && Number(waited[1]) > 0) yeses.push(key);
    }
    const leads = await portOf(redis).catch(() => null);
    const primary = await usual.primary(before);
    return yeses.length > 0 && leads === (await own(primary)) ? primary : null;
  });
  const kept = await now.redis.client.mget(...yeses);
  expect(yeses.filter((_key, index) => kept[index] === null)).toEqual([]);
});

test('a primary that is alone with its clients and its sentinel is left for the one that the others name', async () => {
  const linked = await startStockTrio({ links: true, isHurried: true, downAfterMs: 700 });
  onTestFinished(() => linked.stop());
  const [old] = linked.machines;
  const redis = connect('hot', linked);
  await poll('connected', () => redis.set('x', 'before'));
  linked.isolate(old, ['clients']);
  const next = await linked.primary(old);
  await poll('the new primary is used', async () => (await portOf(redis)) === (await own(next)));
  // One that connects now may hear the old primary's own sentinel first, and goes by the newest word all the same.
  const later = connect('patient', linked);
  await poll('the new primary is found', async () => (await portOf(later)) === (await own(next)));
});

test('a server that was made a replica behind the back of the sentinels is left', async () => {
  const first = await trio.settled();
  const redis = connect('patient');
  await redis.set('x', '1');
  const other = trio.machines.find((machine) => machine !== first);
  await first.redis.client.call('REPLICAOF', '127.0.0.1', String(other?.redis.port));
  await expect(redis.set('x', '2')).rejects.toThrow('READONLY');
  await other?.redis.client.call('REPLICAOF', 'NO', 'ONE');
  await poll('there is a primary, and it is used', () => redis.set('x', '3'));
});

test('over a failover a worker of BullMQ loses no job, and the gate is closed until the new primary is verified', async () => {
  const before = await trio.settled(1);
  const done = new Set<string>();
  const [ofQueue, ofWorker] = [connect('queue'), connect('queue')];
  const jobs = new Queue('jobs', { connection: ofQueue });
  const worker = new Worker('jobs', async ({ name }) => void done.add(name), { connection: ofWorker, concurrency: 4 });
  jobs.on('error', () => undefined);
  worker.on('error', () => undefined);
  onTestFinished(() => worker.close(true));
  await worker.waitUntilReady();
  const redis = connect('hot');
  const verified: (number | null)[] = [];
  const verify = async () => void verified.push(await portOf(redis));
  const stock = { clock: async () => Date.now(), reserve: async () => ({ kind: 'sold_out', epoch: 1 }) as const };
  const gate = createGate({ redis, stock, verify, logger, retryMs: 20 });
  await poll('the gate is open', gate.isOpen);

  const added: Promise<unknown>[] = [];
  const add = (count: number) => {
    for (let i = 0; i < count; i += 1) added.push(jobs.add(String(added.length), {}));
  };
  add(50);
  await poll('some are done', () => done.size > 10);
  // Written and not seen by a replica may be lost with any server: the relay and the sweeper fill it in again.
  await Promise.all(added);
  await poll('both replicas to have them', async () => {
    await before.redis.client.set('fence', 1); // WAIT answers for what its own connection has written
    return (await before.redis.client.wait(2, 900)) === 2;
  });
  await before.redis.kill();
  const closed = poll('the gate is closed', () => !gate.isOpen());
  add(50); // they wait for the server
  await closed;
  const now = await trio.primary(before);
  await Promise.all(added);
  await poll('all are done', () => done.size === 100);
  await poll('the gate is open again', gate.isOpen);
  expect([verified[0], verified.at(-1)]).toEqual([before.redis.port, now.redis.port]);
  await before.redis.start(now);
});
