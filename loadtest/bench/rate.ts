import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Queue } from 'bullmq';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { startBenchStack } from './kit/stack.ts';
import { circumstances, table } from './kit/statistics.ts';
import { addChunks, makeOrders, makeSale, reserve } from './queue/orders.ts';

export const summary = 'how exactly the drain holds the rate that ops set, with a backlog, and when it is changed';

const saleId = 'bench-rate';
/** After a change, before it is measured. */
const settleMs = 1000;
const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);

export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: {
      rates: { type: 'string', default: '800,300,800,1200' },
      seconds: { type: 'string', default: '10' },
      backlog: { type: 'string', default: '100000' },
    },
  });
  const rates = values.rates.split(',').map(Number);
  const [seconds, backlog] = [Number(values.seconds), Number(values.backlog)];
  if (![...rates, seconds, backlog].every((value) => Number.isInteger(value) && value > 0))
    throw new TypeError('--rates (with commas between), --seconds and --backlog must be whole numbers above 0');
  const needed = rates.reduce((sum, rate) => sum + rate * (seconds + 3), 0);
  if (backlog < needed) throw new TypeError(`--backlog must be at least ${needed}: it must outlast the rates`);

  const stack = await startBenchStack();
  const queue = new Queue(queueNames.orders, { connection: stack.queueRedis, prefix: queuePrefix });
  try {
    await stack.seckill('drain', 'pause');
    await makeSale(stack, saleId, backlog);
    const orders = makeOrders(saleId, backlog);
    await reserve(stack, orders);
    await addChunks(queue, orders);
    process.stderr.write(`${backlog} orders wait\n`);
    const stored = async () => ({
      count: await stack.metric('order-worker', 'seckill_orders_stored_total{outcome="stored"}'),
      at: performance.now(),
    });
    const results: { rate: number; held: number; load: number }[] = [];
    for (const [nth, rate] of rates.entries()) {
      await stack.seckill('drain', 'rate', String(rate));
      if (nth === 0) await stack.seckill('drain', 'resume');
      await wait(settleMs);
      const from = await stored();
      await wait(seconds * 1000);
      const to = await stored();
      const held = ((to.count - from.count) * 1000) / (to.at - from.at);
      results.push({ rate, held, load: loadavg()[0] ?? Number.NaN });
      process.stderr.write(`${rate}/s set: ${held.toFixed(1)}/s stored\n`);
    }
    const document = { ...(await circumstances()), settings: { rates, seconds, backlog }, results };
    const folder = new URL('../results/', import.meta.url);
    await mkdir(folder, { recursive: true });
    await writeFile(new URL('rate.json', folder), `${JSON.stringify(document, rounded, 2)}\n`);
    return `${table([
      ['orders/s, set', 'stored', 'ratio (0.98 to 1.02)'],
      ...results.map(({ rate, held }) => [String(rate), held.toFixed(1), (held / rate).toFixed(4)]),
    ])}\n`;
  } finally {
    await queue.close();
    await stack.stop();
  }
}
