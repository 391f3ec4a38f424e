import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Queue } from 'bullmq';
import { maxChunkOrders } from '#contract/order-chunk.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { type BenchStack, startBenchStack } from './kit/stack.ts';
import { circumstances, spread, table } from './kit/statistics.ts';
import { addChunks, addJobs, makeOrders, makeSale, reserve } from './queue/orders.ts';
import { redisSeconds } from './queue/processor-time.ts';
import { secondsToDrain } from './queue/watch-queue.ts';

export const summary =
  'orders stored per second out of chunks, uncapped, beside a BullMQ worker that does nothing with a job an order';

const saleId = 'bench-drain';
const noopDrain = join(import.meta.dirname, 'queue/noop-drain.ts');
/** µs of processor time per order. */
type Round = {
  ours: number;
  noop: number;
  workerUs: number;
  addUs: number;
  queueRedisUs: number;
  noopQueueRedisUs: number;
  stockRedisUs: number;
  load: number;
};
const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);

export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '9' },
      orders: { type: 'string', default: '20000' },
      concurrency: { type: 'string', default: '100' },
      chunk: { type: 'string', default: String(maxChunkOrders) },
    },
  });
  const [rounds, orders, concurrency, chunk] = [values.rounds, values.orders, values.concurrency, values.chunk].map(
    Number,
  );
  const whole = (value: number | undefined): value is number => Number.isInteger(value) && Number(value) > 0;
  if (!whole(rounds) || !whole(orders) || !whole(concurrency) || !whole(chunk))
    throw new TypeError('--rounds, --orders, --concurrency and --chunk must be whole numbers above 0');

  const stack = await startBenchStack();
  const queue = new Queue(queueNames.orders, { connection: stack.queueRedis, prefix: queuePrefix });
  try {
    await stack.seckill('drain', 'rate', 'off');
    await stack.seckill('drain', 'pause');
    await makeSale(stack, saleId, orders * (rounds + 1));

    const oursOnce = async (count: number) => {
      const all = makeOrders(saleId, count);
      await reserve(stack, all);
      const idle = await redisSeconds(stack.queueRedis);
      const jobs = await addChunks(queue, all, chunk);
      const added = await redisSeconds(stack.queueRedis);
      const stored = () => stack.metric('order-worker', 'seckill_orders_stored_total{outcome="stored"}');
      const used = async () => ({
        worker: await stack.metric('order-worker', 'process_cpu_seconds_total'),
        queueRedis: await redisSeconds(stack.queueRedis),
        stockRedis: await redisSeconds(stack.stockRedis),
      });
      const [storedBefore, before] = [await stored(), await used()];
      const resumed = stack.seckill('drain', 'resume');
      const seconds = await secondsToDrain(stack.queueRedis, jobs);
      await resumed;
      const after = await used();
      await stack.seckill('drain', 'pause');
      if ((await stored()) - storedBefore !== count) throw new Error('not every order was stored');
      const us = (part: keyof typeof after) => ((after[part] - before[part]) / count) * 1e6;
      return {
        ours: count / seconds,
        workerUs: us('worker'),
        addUs: ((added - idle) / count) * 1e6,
        queueRedisUs: us('queueRedis'),
        stockRedisUs: us('stockRedis'),
      };
    };
    const noopOnce = async (count: number) => {
      const all = makeOrders(saleId, count);
      const idle = await redisSeconds(stack.queueRedis);
      await addJobs(queue, all);
      const child = spawn(process.execPath, [noopDrain, stack.queueUrl, String(concurrency)], { stdio: 'inherit' });
      const ended = once(child, 'exit');
      try {
        const noop = count / (await secondsToDrain(stack.queueRedis, count));
        return { noop, noopQueueRedisUs: (((await redisSeconds(stack.queueRedis)) - idle) / count) * 1e6 };
      } finally {
        child.kill('SIGTERM');
        await ended;
      }
    };

    await oursOnce(Math.min(orders, 5000)); // warm
    const results: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      // In turn, so that neither is always the one that comes after the other.
      const early = round % 2 === 0 ? await noopOnce(orders) : null;
      const ours = await oursOnce(orders);
      const noop = early ?? (await noopOnce(orders));
      results.push({ ...ours, ...noop, load: loadavg()[0] ?? Number.NaN });
      process.stderr.write(
        `round ${round + 1} of ${rounds}: ${ours.ours.toFixed(0)} against ${noop.noop.toFixed(0)}, ${(ours.ours / noop.noop).toFixed(3)}\n`,
      );
      await wait(500); // what the last one left to the disk
    }
    return await report(stack, results, { rounds, orders, concurrency, chunk });
  } finally {
    await queue.close();
    await stack.stop();
  }
}

async function report(stack: BenchStack, results: readonly Round[], settings: Record<string, number>): Promise<string> {
  const column = (figure: keyof Round) => spread(results.map((it) => it[figure]));
  const ratio = spread(results.map((it) => it.ours / it.noop));
  const redis = /redis_version:(\S+)/.exec(await stack.queueRedis.info('server'))?.[1] ?? 'unknown';
  const document = {
    ...(await circumstances()),
    redis,
    settings,
    perSecond: { ours: column('ours'), noop: column('noop'), ratio },
    processorMicrosPerOrder: {
      worker: column('workerUs'),
      queueRedisAdd: column('addUs'),
      queueRedis: column('queueRedisUs'),
      noopQueueRedis: column('noopQueueRedisUs'),
      stockRedis: column('stockRedisUs'),
    },
    loadAverage: column('load'),
    results,
  };
  const folder = new URL('../results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL('drain.json', folder), `${JSON.stringify(document, rounded, 2)}\n`);
  const row = (name: string, { median, min, max }: ReturnType<typeof spread>, digits: number) => [
    name,
    ...[median, min, max].map((value) => value.toFixed(digits)),
  ];
  return `${table([
    ['', 'median', 'lowest', 'highest'],
    row(`stored orders/s, in chunks of ${settings.chunk}`, column('ours'), 0),
    row('BullMQ, a job an order, nothing done with it: jobs/s', column('noop'), 0),
    row('ratio of the two, by round (≥ 0.7)', ratio, 3),
    row('worker, µs of processor per order', column('workerUs'), 0),
    row('queue Redis, µs per order: added', column('addUs'), 1),
    row('queue Redis, µs per order: taken and finished', column('queueRedisUs'), 1),
    row('queue Redis, µs per job of the worker that does nothing: all three', column('noopQueueRedisUs'), 1),
    row('stock Redis, µs per order', column('stockRedisUs'), 0),
    row('load average', column('load'), 1),
  ])}\n`;
}
