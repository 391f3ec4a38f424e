import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { saleKeys, salesRegistryKey } from '#contract/redis-keys.ts';
import { requireWrk, runWrk } from './edge/wrk.ts';
import { type BenchStack, freePort, startBenchStack } from './kit/stack.ts';
import { circumstances, spread, table } from './kit/statistics.ts';
import { type Arrivals, arriveAt } from './purchase/arrivals.ts';
import { startBareEdge } from './purchase/bare-edge.ts';
import { runStored } from './purchase/stored-report.ts';
import { mintTickets } from './purchase/tickets.ts';
import { makeSale } from './queue/orders.ts';

export const summary =
  'accepted purchases per second, beside a bare nginx, node:http and script; --stored: what one costs each process until it is a row';

const [oursId, bareId] = ['bench-purchase', 'bench-bare'];
/** Of both sides: what `seckill up` gives one nginx on two cores (infra/stack/servers/edge-server.ts). */
const workers = 1;
/** More than either side can accept in a second. */
const maxPerSecond = 20_000;
/** Runs at half the rate: a p99 of one of them is of the fifty slowest. */
const halfRounds = 5;
type Round = { ours: number; bare: number; p99Ms: number; barep99Ms: number; load: number };
const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);

export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string', default: '64' },
      services: { type: 'string', default: '1' },
      outbox: { type: 'string', default: '100000' },
      stored: { type: 'boolean', default: false },
    },
  });
  const { stored, rounds: roundsText, seconds: secondsText, ...others } = values;
  const standard = stored ? { rounds: '3', seconds: '8' } : { rounds: '7', seconds: '3' };
  const { rounds, seconds, connections, services, outbox } = wholeNumbers({
    ...others,
    rounds: roundsText ?? standard.rounds,
    seconds: secondsText ?? standard.seconds,
  });
  await requireWrk();
  if (stored) return await runStored(rounds, { seconds, pausedSeconds: 6, connections, services, outbox });
  const stack = await startBenchStack('--services', String(services));
  try {
    const perRound = maxPerSecond * seconds;
    const units = 1_000_000;
    await stack.seckill('drain', 'pause');
    // One address and one list of users for the whole crowd: the limits for shoppers would be all that is measured.
    for (const name of ['userPerSecond', 'userBurst', 'addressPerSecond', 'addressBurst', 'inFlight'])
      await stack.seckill('edge', 'set', name, '1000000');
    await makeSale(stack, oursId, units);
    await makeSale(stack, bareId, units);
    await stack.stockRedis.srem(salesRegistryKey, bareId); // the relay is ours, not the script's
    const bare = await startBareEdge({
      ...{ dir: join(stack.dir, 'bare'), port: await freePort(), redisUrl: stack.stockUrl, saleId: bareId },
      ...{ services, workers },
    });
    try {
      const results: Round[] = [];
      for (let nth = 0; nth <= rounds; nth += 1) {
        const tickets = await mintTickets(stack, oursId, perRound);
        const load = { seconds: nth === 0 ? 1 : seconds, connections, core: null };
        const shoot = async (url: string, saleId: string) => {
          const shot = {
            method: 'POST' as const,
            path: `/api/sales/${saleId}/orders`,
            body: '{"quantity":1}',
            tickets,
          };
          const result = await runWrk(url, shot, load);
          if (result.refusals > 0) throw new Error(`${saleId}: ${result.refusals} of ${result.requests} were refused`);
          if (result.requests > perRound) throw new Error('tickets were used twice: mint more');
          return { perSecond: result.requests / result.seconds, p99Ms: result.p99Ms };
        };
        const early = nth % 2 === 0 ? await shoot(bare.url, bareId) : null;
        const ours = await shoot(stack.edgeUrl, oursId);
        const other = early ?? (await shoot(bare.url, bareId));
        await emptyQueue(stack);
        if (nth === 0) continue; // warm
        results.push({
          ...{ ours: ours.perSecond, bare: other.perSecond, p99Ms: ours.p99Ms, barep99Ms: other.p99Ms },
          load: loadavg()[0] ?? Number.NaN,
        });
        process.stderr.write(`round ${nth}: ${ours.perSecond.toFixed(0)} against ${other.perSecond.toFixed(0)}\n`);
      }
      const half = spread(results.map(({ ours }) => ours)).median / 2;
      const atHalf: { ours: Arrivals; bare: Arrivals }[] = [];
      for (let nth = 0; nth < halfRounds; nth += 1) {
        const arrive = async (url: string, saleId: string) => {
          await mintTickets(stack, oursId, Math.round(half * seconds));
          const tickets = (await readFile(join(stack.dir, 'tickets'), 'utf8')).trimEnd().split('\n');
          const path = `/api/sales/${saleId}/orders`;
          const arrivals = await arriveAt({
            ...{ url, path, body: '{"quantity":1}', tickets },
            ...{ perSecond: half, connections },
          });
          await emptyQueue(stack);
          return arrivals;
        };
        atHalf.push({ ours: await arrive(stack.edgeUrl, oursId), bare: await arrive(bare.url, bareId) });
      }
      return await report(results, atHalf, { rounds, seconds, connections, services, workers });
    } finally {
      await bare.stop();
    }
  } finally {
    await stack.stop();
  }
}

/** Options that must be whole numbers above 0. */
function wholeNumbers<K extends string>(values: Record<K, string>): Record<K, number> {
  const wrong = Object.entries<string>(values).find(
    ([, text]) => !(Number.isInteger(Number(text)) && Number(text) > 0),
  );
  if (wrong !== undefined) throw new TypeError(`--${wrong[0]} must be a whole number above 0`);
  return Object.fromEntries(Object.entries<string>(values).map(([name, text]) => [name, Number(text)])) as Record<
    K,
    number
  >; // the same keys
}

/** What a round leaves behind is not the next one's load: the outbox of ours moves on, that of the bare one is thrown away. */
async function emptyQueue({ stockRedis, queueRedis }: BenchStack): Promise<void> {
  await stockRedis.xtrim(saleKeys(bareId).outbox, 'MAXLEN', 0);
  await stockRedis.xtrim(saleKeys(oursId).outbox, 'MAXLEN', 0);
  await queueRedis.flushall();
  await wait(500);
}

async function report(
  results: readonly Round[],
  atHalf: readonly { ours: Arrivals; bare: Arrivals }[],
  settings: Record<string, number>,
): Promise<string> {
  const column = (figure: keyof Round) => spread(results.map((it) => it[figure]));
  const ratio = spread(results.map((it) => it.ours / it.bare));
  const half = (side: 'ours' | 'bare', figure: 'p50Ms' | 'p99Ms') => spread(atHalf.map((it) => it[side][figure]));
  const arrived = spread(atHalf.map(({ ours }) => ours.sent / ours.seconds));
  const document = {
    ...(await circumstances()),
    settings,
    perSecond: { ours: column('ours'), bare: column('bare'), ratio },
    p99Ms: { ours: column('p99Ms'), bare: column('barep99Ms') },
    atHalfTheRate: {
      perSecond: arrived,
      p50Ms: { ours: half('ours', 'p50Ms'), bare: half('bare', 'p50Ms') },
      p99Ms: { ours: half('ours', 'p99Ms'), bare: half('bare', 'p99Ms') },
    },
    loadAverage: column('load'),
    results,
    atHalf,
  };
  const folder = new URL('../results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL('purchase.json', folder), `${JSON.stringify(document, rounded, 2)}\n`);
  const row = (name: string, { median, min, max }: ReturnType<typeof spread>, digits: number) => [
    name,
    ...[median, min, max].map((value) => value.toFixed(digits)),
  ];
  return `${table([
    ['', 'median', 'lowest', 'highest'],
    row('accepted purchases/s (≥ 5,200)', column('ours'), 0),
    row('bare/s', column('bare'), 0),
    row('ratio of the two, by round (≥ 0.7)', ratio, 3),
    row('p99 at full load, ms', column('p99Ms'), 1),
    row('bare p99 at full load, ms', column('barep99Ms'), 1),
    row('half of that rate, by arrivals/s', arrived, 0),
    row('p99 at half of that rate, ms (≤ 25)', half('ours', 'p99Ms'), 1),
    row('bare p99 at the same rate, ms', half('bare', 'p99Ms'), 1),
    row('load average', column('load'), 1),
  ])}\n`;
}
