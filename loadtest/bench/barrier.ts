import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startStockCrowd } from '#lab/kits/stock-crowd.ts';
import { poll } from '#lab/poll.ts';
import { startRedis } from './kit/redis-server.ts';
import { circumstances, type Spread, spread, table } from './kit/statistics.ts';

export const summary =
  'accepted purchases where a yes waits for its replicas, against the same servers without the wait';

type Side = { perSecond: number; p50Ms: number; p99Ms: number };
type Pair = { alone: Side; behind: Side; load: number };
/** Purchases one after the other, with a rest between: a barrier that meets nothing else. */
const idlePurchases = 500;
const idleRestMs = 10;

const at = (values: readonly number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);

export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: {
      pairs: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '3' },
      shoppers: { type: 'string', default: '400' },
    },
  });
  const [pairs, seconds, shoppers] = [values.pairs, values.seconds, values.shoppers].map(Number);
  const whole = (value: number | undefined): value is number => Number.isInteger(value) && Number(value) > 0;
  if (!whole(pairs) || !whole(seconds) || !whole(shoppers))
    throw new TypeError('every option must be a whole number above 0');

  const primary = await startRedis();
  const replicas = [await startRedis({ replicaOf: primary }), await startRedis({ replicaOf: primary })];
  const url = `redis://127.0.0.1:${primary.port}`;
  // Of both: so the barrier does where sentinels keep the primary, as long as no replica is slow or away.
  const [alone, behind] = [startStockCrowd({ url, replicas: 0 }), startStockCrowd({ url, replicas: 2 })];
  try {
    const inStep = () =>
      poll('the replicas to be in step', async () => {
        await primary.client.set('in-step', 1);
        return (await primary.client.wait(2, 1000)) === 2;
      });
    await inStep();
    /** On an empty server: what an earlier side left is no load of this one. */
    const measure = async (crowd: typeof alone, ms: number): Promise<Side> => {
      await primary.client.flushall('SYNC');
      await inStep();
      await crowd.openSale('bench-barrier');
      const { perSecond, tookMs } = await crowd.rush('bench-barrier', shoppers, ms);
      return { perSecond, p50Ms: at(tookMs, 0.5), p99Ms: at(tookMs, 0.99) };
    };
    for (const crowd of [alone, behind]) await measure(crowd, 1500); // warm
    const results: Pair[] = [];
    for (let nth = 0; nth < pairs; nth += 1) {
      const early = nth % 2 === 0 ? await measure(alone, seconds * 1000) : null;
      const ours = await measure(behind, seconds * 1000);
      const other = early ?? (await measure(alone, seconds * 1000));
      results.push({ alone: other, behind: ours, load: loadavg()[0] ?? Number.NaN });
      process.stderr.write(`pair ${nth + 1} of ${pairs}: ${(ours.perSecond / other.perSecond).toFixed(3)}\n`);
    }
    await behind.openSale('bench-idle');
    behind.takeBarriers();
    const aloneMs: number[] = [];
    for (let nth = 0; nth < idlePurchases; nth += 1) {
      aloneMs.push(await alone.buy('bench-idle'));
      await wait(idleRestMs);
      await behind.buy('bench-idle');
      await wait(idleRestMs);
    }
    return await report(
      results,
      { barrier: behind.takeBarriers(), alone: aloneMs },
      {
        ...{ pairs, seconds, shoppers, redis: /redis_version:(\S+)/.exec(await primary.client.info('server'))?.[1] },
      },
    );
  } finally {
    alone.close();
    behind.close();
    for (const server of [...replicas, primary]) await server.stop();
  }
}

type Idle = { barrier: readonly number[]; alone: readonly number[] };
async function report(results: readonly Pair[], idleMs: Idle, settings: object): Promise<string> {
  const column = (side: 'alone' | 'behind', figure: keyof Side) => spread(results.map((it) => it[side][figure]));
  const ratio = spread(results.map((it) => it.behind.perSecond / it.alone.perSecond));
  const halves = (times: readonly number[]) => ({ p50: at(times, 0.5), p99: at(times, 0.99) });
  const idle = { barrier: halves(idleMs.barrier), alone: halves(idleMs.alone) };
  const document = {
    ...(await circumstances()),
    settings: { ...settings, appendfsync: 'always', replicas: 2 },
    perSecond: { alone: column('alone', 'perSecond'), behind: column('behind', 'perSecond'), ratio },
    p99Ms: { alone: column('alone', 'p99Ms'), behind: column('behind', 'p99Ms') },
    idleMs: idle,
    loadAverage: spread(results.map(({ load }) => load)),
    results,
  };
  const folder = new URL('../results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL('barrier.json', folder), `${JSON.stringify(document, rounded, 2)}\n`);
  const row = (name: string, { median, min, max }: Spread, digits: number) => [
    name,
    ...[median, min, max].map((value) => value.toFixed(digits)),
  ];
  return `${table([
    ['', 'median', 'lowest', 'highest'],
    row('without the wait, accepted/s', column('alone', 'perSecond'), 0),
    row('behind the barrier, accepted/s', column('behind', 'perSecond'), 0),
    row('ratio of the two, by pair (≥ 0.8)', ratio, 3),
    row('without the wait, p99 ms', column('alone', 'p99Ms'), 1),
    row('behind the barrier, p99 ms', column('behind', 'p99Ms'), 1),
    row('load average', spread(results.map(({ load }) => load)), 1),
  ])}\n${table([
    ['nothing else under way, ms', 'p50', 'p99'],
    ['a purchase without the wait', idle.alone.p50.toFixed(2), idle.alone.p99.toFixed(2)],
    ['a purchase’s barrier (p99 ≤ 15)', idle.barrier.p50.toFixed(2), idle.barrier.p99.toFixed(2)],
  ])}\n`;
}
