import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { maxChunkOrders } from '#contract/order-chunk.ts';
import { outboxPair } from '#contract/outbox.ts';
import { saleKeys, salesRegistryKey } from '#contract/redis-keys.ts';
import { type BenchStack, startBenchStack } from './kit/stack.ts';
import { circumstances, spread, table } from './kit/statistics.ts';
import { chunksOf, makeOrders, makeSale } from './queue/orders.ts';
import { redisSeconds } from './queue/processor-time.ts';
import { secondsToFill } from './queue/watch-queue.ts';

export const summary = 'outbox entries that the relay moves per second, beside raw addBulk of the same chunks';

const saleId = 'bench-relay';
const rawAdd = join(import.meta.dirname, 'queue/raw-add.ts');
/** The relay leaves more than this in the outbox. */
const queueDepth = 10_000;
/** µs of processor time per entry; `serviceUs` is the process that the relay runs in. */
type Round = {
  relay: number;
  raw: number;
  serviceUs: number;
  queueRedisUs: number;
  stockRedisUs: number;
  load: number;
};
/** As nginx draws them: each entry carries the id of its request. */
const requestId = 'c0ffee00c0ffee00c0ffee00c0ffee00';
const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);

export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string', default: '15' }, entries: { type: 'string', default: '9500' } },
  });
  const [rounds, entries] = [values.rounds, values.entries].map(Number);
  const whole = (value: number | undefined): value is number => Number.isInteger(value) && Number(value) > 0;
  if (!whole(rounds) || !whole(entries) || entries > queueDepth)
    throw new TypeError(`--rounds and --entries must be whole numbers above 0, --entries at most ${queueDepth}`);

  const stack = await startBenchStack();
  try {
    await stack.seckill('drain', 'pause');
    await makeSale(stack, saleId, 1);
    const { outbox } = saleKeys(saleId);

    /** The outbox is filled while the relay does not know the sale; told of it, it begins. */
    const relayOnce = async (count: number) => {
      await stack.queueRedis.flushall();
      await stack.stockRedis.srem(salesRegistryKey, saleId);
      for (const part of chunksOf(makeOrders(saleId, count))) {
        const adding = stack.stockRedis.pipeline();
        for (const { orderId, userId, quantity, place } of part) {
          adding.xadd(outbox, '*', ...outboxPair({ orderId, userId, quantity, place, origin: requestId }));
        }
        await adding.exec();
      }
      const used = async () => ({
        service: await stack.metric('seckill-service', 'process_cpu_seconds_total'),
        queueRedis: await redisSeconds(stack.queueRedis),
        stockRedis: await redisSeconds(stack.stockRedis),
      });
      const before = await used();
      await stack.stockRedis.sadd(salesRegistryKey, saleId);
      const seconds = await secondsToFill(stack.queueRedis, async () => (await stack.stockRedis.xlen(outbox)) === 0);
      const after = await used();
      const us = (part: keyof typeof after) => ((after[part] - before[part]) / count) * 1e6;
      return {
        relay: count / seconds,
        serviceUs: us('service'),
        queueRedisUs: us('queueRedis'),
        stockRedisUs: us('stockRedis'),
      };
    };
    const rawOnce = async (count: number) => {
      await stack.queueRedis.flushall();
      const child = spawn(process.execPath, [rawAdd, stack.queueUrl, saleId, String(count)], { stdio: 'inherit' });
      const ended = once(child, 'exit');
      const jobs = Math.ceil(count / maxChunkOrders);
      const seconds = await secondsToFill(stack.queueRedis, (waiting) => waiting >= jobs);
      await ended;
      return count / seconds;
    };

    await relayOnce(entries); // warm
    const results: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const early = round % 2 === 0 ? await rawOnce(entries) : null;
      const ours = await relayOnce(entries);
      const raw = early ?? (await rawOnce(entries));
      results.push({ ...ours, raw, load: loadavg()[0] ?? Number.NaN });
      process.stderr.write(
        `round ${round + 1} of ${rounds}: ${ours.relay.toFixed(0)} against ${raw.toFixed(0)}, ${(ours.relay / raw).toFixed(3)}\n`,
      );
    }
    return await report(stack, results, { rounds, entries });
  } finally {
    await stack.stop();
  }
}

async function report(stack: BenchStack, results: readonly Round[], settings: Record<string, number>): Promise<string> {
  const column = (figure: keyof Round) => spread(results.map((it) => it[figure]));
  const ratio = spread(results.map((it) => it.relay / it.raw));
  const redis = /redis_version:(\S+)/.exec(await stack.queueRedis.info('server'))?.[1] ?? 'unknown';
  const document = {
    ...(await circumstances()),
    redis,
    settings,
    perSecond: { relay: column('relay'), raw: column('raw'), ratio },
    processorMicrosPerEntry: {
      service: column('serviceUs'),
      queueRedis: column('queueRedisUs'),
      stockRedis: column('stockRedisUs'),
    },
    loadAverage: column('load'),
    results,
  };
  const folder = new URL('../results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL('relay.json', folder), `${JSON.stringify(document, rounded, 2)}\n`);
  const row = (name: string, { median, min, max }: ReturnType<typeof spread>, digits: number) => [
    name,
    ...[median, min, max].map((value) => value.toFixed(digits)),
  ];
  return `${table([
    ['', 'median', 'lowest', 'highest'],
    row('relayed entries/s', column('relay'), 0),
    row('raw addBulk, orders/s', column('raw'), 0),
    row('ratio of the two, by round', ratio, 3),
    row('service, µs of processor per entry', column('serviceUs'), 1),
    row('queue Redis, µs per entry', column('queueRedisUs'), 1),
    row('stock Redis, µs per entry', column('stockRedisUs'), 1),
    row('load average', column('load'), 1),
  ])}\n`;
}
