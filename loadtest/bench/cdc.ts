import { mkdir, writeFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Queue } from 'bullmq';
import { Client } from 'pg';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { type BenchStack, startBenchStack } from './kit/stack.ts';
import { circumstances, meanRatio, spread, table } from './kit/statistics.ts';
import { addChunks, makeOrders, makeSale, reserve } from './queue/orders.ts';
import { secondsToDrain } from './queue/watch-queue.ts';

export const summary =
  'orders stored per second while the data team reads along against while it does not; its lag; a snapshot';

const saleId = 'bench-cdc';
const chunk = 100;

export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '8' },
      orders: { type: 'string', default: '150000' },
      rate: { type: 'string', default: '800' },
      seconds: { type: 'string', default: '25' },
      rows: { type: 'string', default: '200000' },
    },
  });
  const [rounds, orders, rate, seconds, rows] = [
    values.rounds,
    values.orders,
    values.rate,
    values.seconds,
    values.rows,
  ].map(Number) as [number, number, number, number, number]; // one for each
  if (![rounds, orders, rate, seconds, rows].every((each) => Number.isInteger(each) && each > 0))
    throw new TypeError('every option must be a whole number above 0');

  const stack = await startBenchStack('--cdc', 'files');
  const queue = new Queue(queueNames.orders, { connection: stack.queueRedis, prefix: queuePrefix });
  try {
    await stack.seckill('drain', 'rate', 'off');
    await stack.seckill('drain', 'pause');
    await makeSale(stack, saleId, 5 * orders * (rounds + 1) + rate * seconds * 2 + rows);
    const pid = await cdcPid(stack);
    await quieten(stack);

    const store = async (count: number) => {
      const all = makeOrders(saleId, count);
      await reserve(stack, all);
      const jobs = await addChunks(queue, all, chunk);
      const resumed = stack.seckill('drain', 'resume');
      const took = await secondsToDrain(stack.queueRedis, jobs);
      await resumed;
      await stack.seckill('drain', 'pause');
      return count / took;
    };
    const withIt = async () => {
      const stored = await store(orders);
      await caughtUp(stack);
      return stored;
    };
    const without = async () => {
      process.kill(pid, 'SIGSTOP');
      try {
        return await store(orders);
      } finally {
        process.kill(pid, 'SIGCONT');
        await caughtUp(stack);
      }
    };

    await store(Math.min(orders, 5000)); // warm
    await caughtUp(stack);
    const results = [];
    for (let round = 0; round < rounds; round += 1) {
      const early = round % 2 === 0 ? await without() : null;
      const reading = await withIt();
      const alone = early ?? (await without());
      results.push({ reading, alone, ratio: reading / alone });
      process.stderr.write(
        `round ${round + 1} of ${rounds}: ${reading.toFixed(0)} against ${alone.toFixed(0)}, ${(reading / alone).toFixed(3)}\n`,
      );
      await wait(500);
    }
    const lags = await lagAt({ stack, queue, rate, seconds });
    const snapshot = await timeSnapshot(stack, rows);
    return await report({ results, lags, snapshot, settings: { rounds, orders, rate, seconds, rows } });
  } finally {
    await queue.close();
    await stack.stop();
  }
}

/**
 * What a server does now and then in its own time (a checkpoint, a rewritten append-only file, a vacuum) costs as much as what is compared, and
 * would fall on one side by chance: there is none of it while this runs.
 */
async function quieten(stack: BenchStack): Promise<void> {
  for (const redis of [stack.stockRedis, stack.queueRedis])
    await redis.config('SET', 'auto-aof-rewrite-percentage', '0');
  const client = new Client(stack.databaseUrl);
  await client.connect();
  try {
    for (const setting of ["autovacuum = 'off'", "max_wal_size = '100GB'", "checkpoint_timeout = '1h'"])
      await client.query(`ALTER SYSTEM SET ${setting}`);
    await client.query('SELECT pg_reload_conf()');
  } finally {
    await client.end();
  }
}

async function cdcPid(stack: BenchStack): Promise<number> {
  const { processes } = await stack.seckill<{ processes: { role: string; pid: number }[] }>('status');
  const found = processes.find(({ role }) => role === 'cdc');
  if (found === undefined) throw new Error('the stack has no process of the data team');
  return found.pid;
}

/** Until all that is committed is in the files. */
async function caughtUp(stack: BenchStack): Promise<void> {
  for (let calm = 0; calm < 10; ) {
    calm = (await stack.metric('cdc', 'seckill_cdc_lag_seconds')) === 0 ? calm + 1 : 0;
    await wait(100);
  }
}

/** The age of the oldest change that is not in the files, looked at ten times a second, s. */
async function lagAt(options: { stack: BenchStack; queue: Queue; rate: number; seconds: number }): Promise<number[]> {
  const { stack, queue, rate, seconds } = options;
  const all = makeOrders(saleId, rate * seconds);
  await reserve(stack, all);
  const jobs = await addChunks(queue, all, chunk);
  await stack.seckill('drain', 'rate', String(rate));
  const resumed = stack.seckill('drain', 'resume');
  let isOver = false;
  const lags: number[] = [];
  const watching = (async () => {
    while (!isOver) {
      lags.push(await stack.metric('cdc', 'seckill_cdc_lag_seconds'));
      await wait(100);
    }
  })();
  await secondsToDrain(stack.queueRedis, jobs);
  isOver = true;
  await Promise.all([watching, resumed]);
  await caughtUp(stack);
  return lags.sort((a, b) => a - b);
}

/** All tables from the beginning, with at least `rows` more in them. */
async function timeSnapshot(stack: BenchStack, rows: number): Promise<{ rows: number; seconds: number }> {
  const client = new Client(stack.databaseUrl);
  await client.connect();
  try {
    await client.query(
      `INSERT INTO orders (id, sale_id, user_id, quantity, place, state, amount, currency, pay_by, accepted_at)
       SELECT $1 || '-s-' || n, $1, 'user-' || n, 1, 10000000 + n, 'awaiting_payment', 100, 'CNY', now() + interval '1 day', now()
         FROM generate_series(1, $2::int) AS n`,
      [saleId, rows],
    );
  } finally {
    await client.end();
  }
  await caughtUp(stack);
  const begun = performance.now();
  await stack.seckill('cdc', 'snapshot', '--yes');
  const seconds = (performance.now() - begun) / 1000;
  return { rows: await stack.metric('cdc', 'seckill_cdc_snapshot_rows'), seconds };
}

async function report(found: {
  results: { reading: number; alone: number; ratio: number }[];
  lags: number[];
  snapshot: { rows: number; seconds: number };
  settings: Record<string, number>;
}): Promise<string> {
  const { results, lags, snapshot, settings } = found;
  const at = (share: number) => lags[Math.min(lags.length - 1, Math.floor(lags.length * share))] ?? 0;
  const column = (figure: 'reading' | 'alone' | 'ratio') => spread(results.map((it) => it[figure]));
  const lag = { looks: lags.length, p50: at(0.5), p99: at(0.99), highest: at(1) };
  const perSecond = { reading: column('reading'), alone: column('alone'), ratio: column('ratio') };
  const mean = meanRatio(results.map(({ ratio }) => ratio));
  const document = {
    ...(await circumstances()),
    settings,
    perSecond,
    meanRatio: mean,
    lagSeconds: lag,
    snapshot,
    results,
  };
  const folder = new URL('../results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL('cdc.json', folder), `${JSON.stringify(document, null, 2)}\n`);
  const row = (name: string, { median, min, max }: ReturnType<typeof spread>, digits: number) => [
    name,
    ...[median, min, max].map((value) => value.toFixed(digits)),
  ];
  return `${table([
    ['', 'median', 'lowest', 'highest'],
    row('stored orders/s while it reads along', column('reading'), 0),
    row('stored orders/s while it stands still', column('alone'), 0),
    row('ratio of the two, by round (≥ 0.95)', column('ratio'), 3),
  ])}
mean of the ratios: ${mean.mean.toFixed(3)}, 95 % ${mean.low.toFixed(3)} to ${mean.high.toFixed(3)}
lag at ${settings.rate} stored orders/s: p50 ${lag.p50.toFixed(2)} s, p99 ${lag.p99.toFixed(2)} s (≤ 2), highest ${lag.highest.toFixed(2)} s, ${lag.looks} looks
snapshot: ${snapshot.rows} rows in ${snapshot.seconds.toFixed(1)} s (200,000 in a minute)\n`;
}
