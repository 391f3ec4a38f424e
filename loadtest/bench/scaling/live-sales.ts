import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import { relayGroup, saleKeys, salesRegistryKey } from '#contract/redis-keys.ts';
import type { BenchStack } from '../kit/stack.ts';
import { makeSale } from '../queue/orders.ts';
import { redisSeconds } from '../queue/processor-time.ts';

/** Share of one processor that nobody's purchase costs: what each process does for the sales that it knows. */
export type Rest = { sales: number; service: number; gateway: number; worker: number; stockRedis: number };

const modelId = 'rest-0';

/**
 * Adds open sales that nobody buys from, whole ones, with their row, their stock and (the reconciler makes it) their node
 * in ZooKeeper; and looks for so many seconds at what it costs to know them.
 */
export async function restingCosts(stack: BenchStack, counts: readonly number[], seconds: number): Promise<Rest[]> {
  const { stockRedis } = stack;
  const found: Rest[] = [];
  const now = Date.now();
  const plan = { total: 10, opensAt: now - 1000, closesAt: now + 3_600_000, limit: 1 };
  await makeSale(stack, modelId, 10);
  let known = 1;
  for (const sales of counts) {
    const added = sales - known;
    await copySales(stack.databaseUrl, known, sales - 1);
    const loading = stockRedis.pipeline();
    for (; known < sales; known += 1) {
      const saleId = `rest-${known}`;
      loading.hset(saleKeys(saleId).sale, { state: 'open', epoch: 2, returned: 0, skipped: 0, committed: 0, ...plan });
      loading.set(saleKeys(saleId).stock, 10);
      loading.xgroup('CREATE', saleKeys(saleId).outbox, relayGroup, '0', 'MKSTREAM');
      loading.sadd(salesRegistryKey, saleId);
    }
    await loading.exec();
    await wait(3000 + 20 * added); // until they are published
    const used = async () => ({
      at: performance.now() / 1000,
      service: await stack.metric('seckill-service', 'process_cpu_seconds_total'),
      gateway: await stack.metric('gateway', 'process_cpu_seconds_total'),
      worker: await stack.metric('order-worker', 'process_cpu_seconds_total'),
      stockRedis: await redisSeconds(stockRedis),
    });
    const before = await used();
    await wait(seconds * 1000);
    const after = await used();
    const share = (part: keyof Omit<Rest, 'sales'>) => (after[part] - before[part]) / (after.at - before.at);
    found.push({
      ...{ sales, service: share('service'), gateway: share('gateway') },
      ...{ worker: share('worker'), stockRedis: share('stockRedis') },
    });
    process.stderr.write(`${sales} sales: service ${(100 * share('service')).toFixed(1)} % of a processor\n`);
  }
  return found;
}

/** The model's row again under the names of numbers `from` to `to`. */
async function copySales(databaseUrl: string, from: number, to: number): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => undefined); // the next query says it
  await client.connect();
  try {
    await client.query(
      `INSERT INTO sales SELECT (jsonb_populate_record(s, jsonb_build_object('id', 'rest-' || n))).*
       FROM sales s, generate_series($1::int, $2::int) n WHERE s.id = $3`,
      [from, to, modelId],
    );
  } finally {
    await client.end();
  }
}
