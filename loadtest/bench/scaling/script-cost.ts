import { readFile } from 'node:fs/promises';
import { newOrderId } from '#contract/order.ts';
import { relayGroup, type SaleKeys, saleKeys } from '#contract/redis-keys.ts';
import { drive, encode } from '../kit/drive.ts';
import type { BenchRedis } from '../kit/redis-server.ts';
import { spread } from '../kit/statistics.ts';

/** µs of stock Redis for one accepted purchase. */
export type Cost = { at: number; us: number };

const purchases = 20_000;
const reserveLua = new URL('../../../seckill-service/stock/scripts/reserve.lua', import.meta.url);

/**
 * What the script that grants a unit costs stock Redis, as something grows: the sale's stock, the shoppers who have
 * bought before, the sales on sale. Each time so many purchases of new shoppers, one a call; the median of the rounds.
 */
export async function scriptCosts(redis: BenchRedis, rounds: number) {
  const lua = await readFile(reserveLua, 'utf8');
  const sha = String(await redis.client.script('LOAD', lua));
  const names = [...lua.matchAll(/^-- KEYS\[\d+\] (\w+)/gm)].map(([, name]) => name as keyof SaleKeys); // scripts.test.ts checks
  const measure = async (sales: readonly string[], bought: number, unitsEach: number): Promise<number> => {
    await prepare(redis, sales, unitsEach, bought);
    const commands = Array.from({ length: purchases }, (_, nth) => {
      const saleId = sales[nth % sales.length] ?? '';
      const keys = names.map((name) => saleKeys(saleId)[name]);
      return encode(['EVALSHA', sha, keys.length, ...keys, newOrderId(saleId, Date.now()), `new-${nth}`, 1, '', '']);
    });
    await redis.client.config('RESETSTAT');
    await drive({ port: redis.port, commands, connections: 8, inFlight: 64, fields: 3, yes: 1 });
    const stats = await redis.client.info('commandstats');
    return Number(/cmdstat_evalsha:.*?usec_per_call=([\d.]+)/.exec(stats)?.[1] ?? Number.NaN);
  };
  const named = (count: number) => Array.from({ length: count }, (_, nth) => `bench-${nth}`);
  await measure(named(1), 0, purchases + 1); // warm
  const over = async (sizes: number[], once: (size: number) => Promise<number>): Promise<Cost[]> => {
    const found = new Map<number, number[]>(sizes.map((size) => [size, []]));
    for (let round = 0; round < rounds; round += 1) for (const size of sizes) found.get(size)?.push(await once(size));
    process.stderr.write(`${JSON.stringify([...found])}\n`);
    return [...found].map(([at, costs]) => ({ at, us: spread(costs).median }));
  };
  return {
    // As many sales of that stock as these purchases empty; the smallest takes a last unit every time.
    stock: await over([1, 100, 10_000, 1_000_000], (units) => measure(named(Math.ceil(purchases / units)), 0, units)),
    shoppers: await over([1000, 10_000, 100_000, 1_000_000], (shoppers) => measure(named(1), shoppers, purchases + 1)),
    sales: await over([1, 10, 100, 1000], (sales) => measure(named(sales), 0, purchases + 1)),
  };
}

/** Open sales and nothing else, as preload and open leave them; the first has sold to `bought` shoppers before. */
async function prepare(
  { client }: BenchRedis,
  saleIds: readonly string[],
  units: number,
  bought: number,
): Promise<void> {
  await client.flushall('SYNC');
  const now = Date.now();
  const plan = { total: units + bought, opensAt: now - 1000, closesAt: now + 3_600_000, limit: 1 };
  for (let from = 0; from < saleIds.length; from += 500) {
    const loading = client.pipeline();
    for (const saleId of saleIds.slice(from, from + 500)) {
      const keys = saleKeys(saleId);
      loading.hset(keys.sale, { state: 'open', epoch: 2, returned: 0, skipped: 0, committed: 0, ...plan });
      loading.set(keys.stock, units);
      loading.xgroup('CREATE', keys.outbox, relayGroup, '0', 'MKSTREAM');
    }
    await loading.exec();
  }
  const { buyers, reservations } = saleKeys(saleIds[0] ?? '');
  for (let from = 0; from < bought; from += 1000) {
    const nths = Array.from({ length: Math.min(1000, bought - from) }, (_, nth) => from + nth + 1);
    await client.hset(buyers, ...nths.flatMap((nth) => [`user-${nth}`, 1]));
    const orders = nths.flatMap((nth) => [
      `${saleIds[0]}-${String(nth).padStart(26, '0')}`,
      `c:1:${nth}:${now}:user-${nth}`,
    ]);
    await client.hset(reservations, ...orders);
  }
}
