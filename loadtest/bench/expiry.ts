import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Pool } from 'pg';
import { saleKeys } from '#contract/redis-keys.ts';
import { bySecond, dueTimes, lateness, orderScans } from './expiry/ends.ts';
import { type Seen, startProbe } from './expiry/probe.ts';
import { microsPerOrder, timerCost, usedSoFar } from './expiry/timer-cost.ts';
import { storedUnits, storeUnpaidOrders } from './expiry/unpaid-orders.ts';
import { type BenchStack, startBenchStack } from './kit/stack.ts';
import { circumstances, spread, table } from './kit/statistics.ts';

export const summary =
  'many unpaid orders expire at their minute: how fast, what their timers cost, and what PostgreSQL and others feel of it';

const saleId = 'bench-expiry';
/** What PostgreSQL is like before the first order is due. */
const calmMs = 12_000;
const patienceMs = 180_000;
const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);

export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({ args, options: { orders: { type: 'string', default: '100000' } } });
  const orders = Number(values.orders);
  if (!Number.isInteger(orders) || orders < 1) throw new TypeError('--orders must be a whole number above 0');
  const stack = await startBenchStack();
  const pool = new Pool({ connectionString: stack.databaseUrl, max: 3 });
  pool.on('error', () => undefined); // the next query says it
  try {
    return await measure(stack, pool, orders);
  } finally {
    await pool.end();
    await stack.stop();
  }
}

async function measure(stack: BenchStack, pool: Pool, orders: number): Promise<string> {
  const madeUs = await timerCost(stack, orders, 900);
  const { orderIds, payWithinSeconds } = await storeUnpaidOrders(stack, pool, saleId, orders);
  const { first, last } = await dueTimes(pool, saleId);
  const giveUpAt = last + patienceMs;
  const until = async (what: string, isSo: () => Promise<boolean>) => {
    while (!(await isSo())) {
      if (Date.now() > giveUpAt) throw new Error(`waited in vain for ${what}`);
      await wait(200);
    }
    return Date.now();
  };
  const scansBefore = await orderScans(pool);
  const probe = startProbe(pool, orderIds);
  await wait(Math.max(0, first - calmMs - Date.now()));
  const calm = await usedSoFar(stack);
  await wait(Math.max(0, first - Date.now()));
  const due = await usedSoFar(stack);
  const doneAt = await until('every order to expire', async () => (await storedUnits(pool, saleId)) === 0);
  const free = async () => Number(await stack.stockRedis.get(saleKeys(saleId).stock));
  const fired = microsPerOrder([calm, due], [due, await usedSoFar(stack)], orders);
  const unitsBackAt = await until('every unit to come back', async () => (await free()) === orders);
  const [before, during] = [probe.between(first - calmMs, first), probe.between(first, doneAt)];
  await probe.stop();
  const scans = (await orderScans(pool)) - scansBefore;
  const audit = await stack.seckill<{ balanced: boolean; units: { free: number } }>('audit', saleId);
  const late = await lateness(pool, saleId);
  const seconds = await bySecond(pool, saleId);
  const expiring = spread(seconds.map(({ expired }) => expired).filter((expired) => expired > 0));
  const report = {
    ...(await circumstances()),
    loadAverage: loadavg()[0],
    settings: { orders, payWithinSeconds },
    dueWithinSeconds: (last - first) / 1000,
    expiredWithinSeconds: (doneAt - first) / 1000,
    expiredPerSecond: expiring,
    lateSeconds: late,
    processorMicrosPerOrder: { queueRedisMakes: madeUs, queueRedisFires: fired.queueRedis, workerFires: fired.worker },
    unitsBackAfterMs: unitsBackAt - doneAt,
    sequentialScansOfOrders: scans,
    postgres: { before, during },
    audit: { balanced: audit.balanced, free: audit.units.free },
    bySecond: seconds,
    postgresBySecond: probe.seconds,
  };
  const folder = new URL('../results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL('expiry.json', folder), `${JSON.stringify(report, rounded, 2)}\n`);
  return describe(report);
}

type Report = {
  settings: { orders: number };
  dueWithinSeconds: number;
  expiredWithinSeconds: number;
  expiredPerSecond: { median: number; max: number };
  lateSeconds: { p50: number; p99: number; most: number; byJob: number };
  processorMicrosPerOrder: { queueRedisMakes: number; queueRedisFires: number; workerFires: number };
  unitsBackAfterMs: number;
  sequentialScansOfOrders: number;
  postgres: { before: Seen; during: Seen };
  audit: { balanced: boolean; free: number };
};

function describe({ settings, lateSeconds: late, postgres: { before, during }, ...report }: Report): string {
  const row = (name: string, of: (seen: Seen) => number, digits: number) => [
    name,
    of(before).toFixed(digits),
    of(during).toFixed(digits),
  ];
  const micros = report.processorMicrosPerOrder;
  return `${table([
    ['PostgreSQL', 'before', 'during'],
    row('probe p50, ms', (seen) => seen.probeP50, 2),
    row('probe p99, ms', (seen) => seen.probeP99, 2),
    row('transactions/s, median', (seen) => seen.transactionsPerSecond, 1),
    row('transactions/s, most', (seen) => seen.mostTransactionsPerSecond, 1),
    row('active backends, most', (seen) => seen.mostActiveBackends, 0),
  ])}\n\n${table([
    ['orders', String(settings.orders)],
    ['due within, s', report.dueWithinSeconds.toFixed(1)],
    ['expired within, s', report.expiredWithinSeconds.toFixed(1)],
    ['expired per second, median', report.expiredPerSecond.median.toFixed(0)],
    ['expired per second, most', report.expiredPerSecond.max.toFixed(0)],
    ['late, s: p50 / p99 / most', [late.p50, late.p99, late.most].map((it) => it.toFixed(2)).join(' / ')],
    ['by a timer', String(late.byJob)],
    [
      'queue Redis, µs an order: timers made / fired',
      `${micros.queueRedisMakes.toFixed(2)} / ${micros.queueRedisFires.toFixed(2)}`,
    ],
    ['order-worker, µs an order', micros.workerFires.toFixed(0)],
    ['units back after the last, ms', String(report.unitsBackAfterMs)],
    ['sequential scans of orders', String(report.sequentialScansOfOrders)],
    ['audit', report.audit.balanced ? `balanced, ${report.audit.free} free` : 'NOT BALANCED'],
  ])}\n`;
}
