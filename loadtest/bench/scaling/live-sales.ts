import { setTimeout as wait } from 'node:timers/promises';
import { relayGroup, saleKeys, salesRegistryKey } from '#contract/redis-keys.ts';
import { redisSeconds } from '../queue/processor-time.ts';
import type { BenchStack } from '../stack.ts';

/** Share of one processor that nobody's purchase costs: the service's and stock Redis' looks at the sales that they know. */
export type Rest = { sales: number; service: number; worker: number; stockRedis: number };

/** Adds open sales that nobody buys from, and looks for so many seconds at what it costs to know them. */
export async function restingCosts(stack: BenchStack, counts: readonly number[], seconds: number): Promise<Rest[]> {
  const { stockRedis } = stack;
  const found: Rest[] = [];
  const now = Date.now();
  const plan = { total: 10, opensAt: now - 1000, closesAt: now + 3_600_000, limit: 1 };
  let known = 0;
  for (const sales of counts) {
    const loading = stockRedis.pipeline();
    for (; known < sales; known += 1) {
      const saleId = `rest-${known}`;
      loading.hset(saleKeys(saleId).sale, { state: 'open', epoch: 2, returned: 0, skipped: 0, committed: 0, ...plan });
      loading.set(saleKeys(saleId).stock, 10);
      loading.xgroup('CREATE', saleKeys(saleId).outbox, relayGroup, '0', 'MKSTREAM');
      loading.sadd(salesRegistryKey, saleId);
    }
    await loading.exec();
    await wait(3000);
    const used = async () => ({
      at: performance.now() / 1000,
      service: await stack.metric('seckill-service', 'process_cpu_seconds_total'),
      worker: await stack.metric('order-worker', 'process_cpu_seconds_total'),
      stockRedis: await redisSeconds(stockRedis),
    });
    const before = await used();
    await wait(seconds * 1000);
    const after = await used();
    const share = (part: 'service' | 'worker' | 'stockRedis') => (after[part] - before[part]) / (after.at - before.at);
    found.push({ sales, service: share('service'), worker: share('worker'), stockRedis: share('stockRedis') });
    process.stderr.write(`${sales} sales: service ${(100 * share('service')).toFixed(1)} % of a processor\n`);
  }
  return found;
}
