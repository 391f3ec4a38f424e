import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Queue } from 'bullmq';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { type BenchStack, startBenchStack } from './kit/stack.ts';
import { circumstances, spread, table } from './kit/statistics.ts';
import { addJobs, makeOrders, makeSale, reserve } from './queue/orders.ts';
import { redisSeconds } from './queue/processor-time.ts';
import { secondsToDrain } from './queue/watch-queue.ts';

export const summary =
  'orders stored per second, uncapped, beside a BullMQ worker that does nothing with the same jobs';

const saleId = 'bench-drain';
const noopDrain = join(import.meta.dirname, 'queue/noop-drain.ts');
/** µs of processor time per order. */
type Round = { ours: number; noop: number; workerUs: number; queueRedisUs: number; stockRedisUs: number; load: number };
const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);

export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '9' },
      orders: { type: 'string', default: '20000' },
      concurrency: { type: 'string', default: '100' },
    },
  });
  const [rounds, orders, concurrency] = [values.rounds, values.orders, values.concurrency].map(Number);
  const whole = (value: number | undefined): value is number => Number.isInteger(value) && Number(value) > 0;
  if (!whole(rounds) || !whole(orders) || !whole(concurrency))
    throw new TypeError('--rounds, --orders and --concurrency must be whole numbers above 0');

  const stack = await startBenchStack();
  const queue = new Queue(queueNames.orders, { connection: stack.queueRedis, prefix: queuePrefix });
  try {
    await stack.seckill('drain', 'rate', 'off');
    await stack.seckill('drain', 'pause');
    await makeSale(stack, saleId, orders * (rounds + 1));

    const oursOnce = async (count: number) => {
      const all = makeOrders(saleId, count);
      await reserve(stack, all);
      await addJobs(queue, all);
      const stored = () => stack.metric('order-worker', 'seckill_orders_stored_total{outcome="stored"}');
      const used = async () => ({
        worker: await stack.metric('order-worker', 'process_cpu_seconds_total'),
        queueRedis: await redisSeconds(stack.queueRedis),
        stockRedis: await redisSeconds(stack.stockRedis),
      });
      const [storedBefore, before] = [await stored(), await used()];
      const resumed = stack.seckill('drain', 'resume');
      const seconds = await secondsToDrain(stack.queueRedis, count);
      await resumed;
      const after = await used();
      await stack.seckill('drain', 'pause');
      if ((await stored()) - storedBefore !== count) throw new Error('not every order was stored');
      const us = (part: keyof typeof after) => ((after[part] - before[part]) / count) * 1e6;
      return {
        ours: count / seconds,
        workerUs: us('worker'),
        queueRedisUs: us('queueRedis'),
        stockRedisUs: us('stockRedis'),
      };
    };
    const noopOnce = async (count: number) => {
      await addJobs(queue, makeOrders(saleId, count));
      const child = spawn(process.execPath, [noopDrain, stack.queueUrl, String(concurrency)], { stdio: 'inherit' });
      const ended = once(child, 'exit');
      try {
        return count / (await secondsToDrain(stack.queueRedis, count));
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
      results.push({ ...ours, noop, load: loadavg()[0] ?? Number.NaN });
      process.stderr.write(
        `round ${round + 1} of ${rounds}: ${ours.ours.toFixed(0)} against ${noop.toFixed(0)}, ${(ours.ours / noop).toFixed(3)}\n`,
      );
      await wait(500); // what the last one left to the disk
    }
    return await report(stack, results, { rounds, orders, concurrency });
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
      queueRedis: column('queueRedisUs'),
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
    row('stored orders/s', column('ours'), 0),
    row('no-op jobs/s', column('noop'), 0),
    row('ratio of the two, by round (≥ 0.7)', ratio, 3),
    row('worker, µs of processor per order', column('workerUs'), 0),
    row('queue Redis, µs per order', column('queueRedisUs'), 0),
    row('stock Redis, µs per order', column('stockRedisUs'), 0),
    row('load average', column('load'), 1),
  ])}\n`;
}
