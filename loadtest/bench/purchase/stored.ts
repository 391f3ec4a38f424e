import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'pg';
import { saleKeys } from '#contract/redis-keys.ts';
import { runWrk } from '../edge/wrk.ts';
import { measured } from '../kit/measured.ts';
import { mapOf, measureRest, type ProcessorTime, type Watched } from '../kit/processor-time.ts';
import { type BenchStack, startBenchStack } from '../kit/stack.ts';
import { spread } from '../kit/statistics.ts';
import { makeSale } from '../queue/orders.ts';
import { type Arrivals, arriveAt } from './arrivals.ts';
import { mintTickets } from './tickets.ts';

/** `outbox`: how many orders lie in the outbox when the drain has been paused for long. */
export type StoredSettings = {
  seconds: number;
  pausedSeconds: number;
  connections: number;
  services: number;
  outbox: number;
};

/** Of one stack. µs of processor time by process; `resting` in µs a second, which the others are without. */
export type StoredRound = {
  stored: {
    accepted: number;
    micros: ProcessorTime;
    resting: ProcessorTime;
    /** Over the last three quarters of the load, and until the last accepted order had its row. */
    acceptedPerSecond: number;
    storedPerSecond: number;
    throughPerSecond: number;
    behind: number;
  };
  paused: {
    firstPerSecond: number;
    perSecond: number[];
    latePerSecond: number;
    /** Of the late run, in which the relay has nothing to do. */
    micros: ProcessorTime;
    atHalf: Arrivals[];
  };
  load: number;
};

const saleId = 'bench-stored';
const units = 2_000_000;
/** More than any machine of two cores accepts in a second. */
const maxPerSecond = 30_000;
const warmSeconds = 2;
const restMs = 4000;
const halfRounds = 3;
const halfSeconds = 3;
const patienceMs = 240_000;
const body = '{"quantity":1}';
const path = `/api/sales/${saleId}/orders`;

/** A stack of its own sells: first with a drain that has no limit, then with a paused one. */
export async function measureStored(settings: StoredSettings): Promise<StoredRound> {
  const stack = await startBenchStack('--services', String(settings.services));
  // A count must cost PostgreSQL little, and no worker processes of its own.
  const connection = { connectionString: stack.databaseUrl, options: '-c max_parallel_workers_per_gather=0' };
  const pool = new Pool({ ...connection, max: 1 });
  pool.on('error', () => undefined); // the next query says it
  try {
    await stack.seckill('drain', 'rate', 'off');
    for (const name of ['userPerSecond', 'userBurst', 'addressPerSecond', 'addressBurst', 'inFlight'])
      await stack.seckill('edge', 'set', name, '1000000');
    await makeSale(stack, saleId, units);
    const { processes } = await stack.seckill<{ processes: Watched[] }>('status');
    const bench = { stack, pool, processes, settings };
    await shoot(bench, warmSeconds);
    await untilStored(bench);
    const stored = await sellAndStore(bench);
    process.stderr.write(`${stored.storedPerSecond.toFixed(0)} accepted and stored a second\n`);
    await stack.seckill('drain', 'pause');
    const paused = await sellPaused(bench, stored.resting);
    return { stored, paused, load: loadavg()[0] ?? Number.NaN };
  } finally {
    await pool.end();
    await stack.stop();
  }
}

type Bench = { stack: BenchStack; pool: Pool; processes: readonly Watched[]; settings: StoredSettings };

/** wrk for `seconds`, each purchase with a ticket of its own. */
async function shoot({ stack, settings }: Bench, seconds: number, tickets?: string): Promise<{ perSecond: number }> {
  const count = maxPerSecond * seconds;
  const file = tickets ?? (await mintTickets(stack, saleId, count));
  const shot = { method: 'POST' as const, path, body, tickets: file };
  const result = await runWrk(stack.edgeUrl, shot, { seconds, connections: settings.connections, core: null });
  if (result.refusals > 0) throw new Error(`${result.refusals} of ${result.requests} purchases were refused`);
  if (result.requests > count) throw new Error('tickets were used twice: mint more');
  return { perSecond: result.requests / result.seconds };
}

/** Each purchase takes one unit. */
const accepted = async ({ stack }: Bench) => units - Number(await stack.stockRedis.get(saleKeys(saleId).stock));

async function rows({ pool }: Bench): Promise<number> {
  const text = 'SELECT count(*)::int AS n FROM orders WHERE sale_id = $1';
  return (await pool.query<{ n: number }>(text, [saleId])).rows[0]?.n ?? 0;
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() > giveUpAt) throw new Error(`waited in vain for ${what}`);
    await wait(200);
  }
}

/** Every accepted order has its row, and then its reservation is committed. Returns when the last row was seen. */
async function untilStored(bench: Bench): Promise<number> {
  await until('every accepted order to be a row', async () => (await rows(bench)) === (await accepted(bench)));
  const storedAt = performance.now();
  const { stockRedis } = bench.stack;
  const committed = async () => Number(await stockRedis.hget(saleKeys(saleId).sale, 'committed'));
  await until('every reservation to be committed', async () => (await committed()) === (await accepted(bench)));
  await wait(500); // the jobs are completed, their expiry is set
  return storedAt;
}

async function sellAndStore(bench: Bench): Promise<StoredRound['stored']> {
  const { seconds } = bench.settings;
  const tickets = await mintTickets(bench.stack, saleId, maxPerSecond * seconds);
  const resting = await measureRest(bench.processes, restMs);
  const look = async () => ({ accepted: await accepted(bench), rows: await rows(bench), at: performance.now() });
  const first = await look();
  const { result, tookMs, used } = await measured(bench.processes, async () => {
    const shooting = shoot(bench, seconds, tickets);
    const [early] = await Promise.all([wait((seconds * 1000) / 4).then(look), shooting]);
    const late = await look();
    return { early, late, storedAt: await untilStored(bench) };
  });
  const { early, late, storedAt } = result;
  const count = (await accepted(bench)) - first.accepted;
  const perSecond = (what: 'accepted' | 'rows') => ((late[what] - early[what]) / (late.at - early.at)) * 1000;
  return {
    accepted: count,
    micros: mapOf(used, (name, micros) => (micros - (resting[name] ?? 0) * tookMs * 1000) / count),
    resting: mapOf(resting, (_, share) => share * 1e6),
    acceptedPerSecond: perSecond('accepted'),
    storedPerSecond: perSecond('rows'),
    throughPerSecond: (count / (storedAt - first.at)) * 1000,
    behind: late.accepted - late.rows,
  };
}

async function sellPaused(bench: Bench, resting: ProcessorTime): Promise<StoredRound['paused']> {
  const { stack, processes, settings } = bench;
  const perSecond: number[] = [];
  const sell = async () => {
    const tickets = await mintTickets(stack, saleId, maxPerSecond * settings.pausedSeconds);
    const before = await accepted(bench);
    const { result, tookMs, used } = await measured(processes, () => shoot(bench, settings.pausedSeconds, tickets));
    perSecond.push(result.perSecond);
    process.stderr.write(`${result.perSecond.toFixed(0)} accepted a second, the drain paused\n`);
    const count = (await accepted(bench)) - before;
    const atRest = (name: string) => ((resting[name] ?? 0) * tookMs) / 1000;
    return { perSecond: result.perSecond, micros: mapOf(used, (name, micros) => (micros - atRest(name)) / count) };
  };
  const first = await sell();
  const atHalf: Arrivals[] = [];
  for (let nth = 0; nth < halfRounds; nth += 1) atHalf.push(await arrive(bench, first.perSecond / 2));
  const waiting = () => stack.stockRedis.xlen(saleKeys(saleId).outbox);
  while ((await waiting()) < settings.outbox) await sell();
  const late = await sell();
  const { perSecond: latePerSecond, micros } = late;
  return { firstPerSecond: first.perSecond, perSecond, latePerSecond, micros, atHalf };
}

async function arrive({ stack, settings }: Bench, perSecond: number): Promise<Arrivals> {
  await mintTickets(stack, saleId, Math.round(perSecond * halfSeconds));
  const tickets = (await readFile(join(stack.dir, 'tickets'), 'utf8')).trimEnd().split('\n');
  return arriveAt({ url: stack.edgeUrl, path, body, tickets, perSecond, connections: settings.connections });
}

/** Spreads over the rounds, as loadtest/results/stored.json has them. */
export function summaryOf(rounds: readonly StoredRound[]) {
  const over = (of: (round: StoredRound) => number) => spread(rounds.map(of));
  const byProcess = (of: (round: StoredRound) => ProcessorTime) => {
    const times = rounds.map(of).map((time): ProcessorTime => ({ ...time, sum: sumOf(time) }));
    return Object.fromEntries(
      Object.keys(times[0] ?? {}).map((name) => [name, spread(times.map((it) => it[name] ?? 0))]),
    );
  };
  const half = rounds.flatMap(({ paused }) => paused.atHalf);
  return {
    /** µs of processor time a purchase, less what the processes take at rest; `sum` is without `loader`, which is wrk. */
    microsPerPurchase: { stored: byProcess((it) => it.stored.micros), accepted: byProcess((it) => it.paused.micros) },
    restingMicrosPerSecond: byProcess((it) => it.stored.resting),
    perSecond: {
      acceptedAndStored: over((it) => it.stored.storedPerSecond),
      untilTheLastRow: over((it) => it.stored.throughPerSecond),
      acceptedMeanwhile: over((it) => it.stored.acceptedPerSecond),
      notStoredAtTheEnd: over((it) => it.stored.behind),
      pausedFirst: over((it) => it.paused.firstPerSecond),
      pausedLate: over((it) => it.paused.latePerSecond),
      lateOverFirst: over((it) => it.paused.latePerSecond / it.paused.firstPerSecond),
    },
    atHalfThePausedRate: {
      perSecond: spread(half.map(({ sent, seconds }) => sent / seconds)),
      p50Ms: spread(half.map(({ p50Ms }) => p50Ms)),
      p99Ms: spread(half.map(({ p99Ms }) => p99Ms)),
    },
    loadAverage: over((it) => it.load),
  };
}

function sumOf(time: ProcessorTime): number {
  return Object.entries(time).reduce((sum, [name, micros]) => (name === 'loader' ? sum : sum + micros), 0);
}
