import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { newOrderId } from '#contract/order.ts';
import { relayGroup, type SaleKeys, saleKeys } from '#contract/redis-keys.ts';
import { drive, encode } from './kit/drive.ts';
import { type BenchRedis, startRedis } from './kit/redis-server.ts';
import { circumstances, type Spread, spread, table } from './kit/statistics.ts';

export const summary = 'what our reserve script costs beside a bare GET+DECR+HSET+XADD one, and bytes per order';

type Contestant = { name: string; sha: string; keys: (keyof SaleKeys)[] };
type Round = { perSecond: number; usecPerCall: number; load: number };

const saleId = 'bench-sale';
const keys = saleKeys(saleId);
/** As nginx draws them. */
const requestId = 'c0ffee00c0ffee00c0ffee00c0ffee00';
const stockScripts = new URL('../../seckill-service/stock/scripts/', import.meta.url);

/** The keys that a script's header names, in order. Read as a file: loadtest imports nothing of stock/. */
function keysOf(lua: string): (keyof SaleKeys)[] {
  return [...lua.matchAll(/^-- KEYS\[\d+\] (\w+)/gm)].map(([, name]) => name as keyof SaleKeys); // scripts.test.ts checks
}

const shoppers = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    orderId: newOrderId(saleId, Date.now()),
    userId: `user-${String(index).padStart(8, '0')}`,
  }));

/** Only our sale, with `units` free, as preload leaves it and `open`: the same ground for both scripts. */
async function reset({ client }: BenchRedis, units: number): Promise<void> {
  await client.flushall('SYNC');
  const nowMs = Date.now();
  const plan = { total: units, opensAt: nowMs - 1000, closesAt: nowMs + 3_600_000, limit: 1 };
  await client.hset(keys.sale, { state: 'open', epoch: 2, returned: 0, skipped: 0, committed: 0, ...plan });
  await client.set(keys.stock, units);
  await client.xgroup('CREATE', keys.outbox, relayGroup, '0', 'MKSTREAM');
}

const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);
const number = (text: string, pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? Number.NaN);

export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '9' },
      orders: { type: 'string', default: '30000' },
      connections: { type: 'string', default: '8' },
      'in-flight': { type: 'string', default: '64' },
    },
  });
  const orders = Number(values.orders);
  const connections = Number(values.connections);
  const inFlight = Number(values['in-flight']);
  const rounds = Number(values.rounds);
  const whole = [orders, connections, inFlight, rounds].every((value) => Number.isInteger(value) && value > 0);
  if (!whole) throw new TypeError('every option must be a whole number above 0');

  const reserveLua = await readFile(new URL('reserve.lua', stockScripts), 'utf8');
  const bareLua = await readFile(new URL('bare.lua', import.meta.url), 'utf8');
  const redis = await startRedis();
  const load = async (lua: string) => String(await redis.client.script('LOAD', lua));
  try {
    const reserve: Contestant = { name: 'reserve', sha: await load(reserveLua), keys: keysOf(reserveLua) };
    const bare: Contestant = { name: 'bare', sha: await load(bareLua), keys: ['stock', 'reservations', 'outbox'] };

    const measure = async ({ sha, keys: names }: Contestant, count: number): Promise<Round> => {
      // One unit more than orders: the last one, with its new epoch, is not part of what is measured.
      await reset(redis, count + 1);
      const head = ['EVALSHA', sha, names.length, ...names.map((name) => keys[name])];
      const commands = shoppers(count).map(({ orderId, userId }) => encode([...head, orderId, userId, 1, requestId]));
      await redis.client.config('RESETSTAT');
      const seconds = await drive({ port: redis.port, commands, connections, inFlight, fields: 3, yes: 1 });
      const stats = await redis.client.info('commandstats');
      if (Number(await redis.client.get(keys.stock)) !== 1) throw new Error('not every order was granted');
      const usecPerCall = number(stats, /cmdstat_evalsha:.*?usec_per_call=([\d.]+)/);
      return { perSecond: count / seconds, usecPerCall, load: loadavg()[0] ?? Number.NaN };
    };

    for (const contestant of [reserve, bare]) await measure(contestant, Math.min(orders, 10_000)); // warm
    const results: { reserve: Round; bare: Round }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const first = await measure(reserve, orders);
      const second = await measure(bare, orders);
      results.push({ reserve: first, bare: second });
      process.stderr.write(`round ${round + 1} of ${rounds}: ${(first.perSecond / second.perSecond).toFixed(3)}\n`);
    }
    const bytesPerOrder = await memory(redis, reserve, connections, inFlight);

    const column = (name: 'reserve' | 'bare', figure: keyof Round) => spread(results.map((it) => it[name][figure]));
    const ratio = spread(results.map((it) => it.reserve.perSecond / it.bare.perSecond));
    const usecRatio = spread(results.map((it) => it.reserve.usecPerCall / it.bare.usecPerCall));
    const report = {
      ...(await circumstances()),
      redis: /redis_version:(\S+)/.exec(await redis.client.info('server'))?.[1] ?? 'unknown',
      settings: { appendonly: 'yes', appendfsync: 'always', orders, rounds, connections, inFlight },
      acceptedPerSecond: { reserve: column('reserve', 'perSecond'), bare: column('bare', 'perSecond'), ratio },
      usecPerCall: { reserve: column('reserve', 'usecPerCall'), bare: column('bare', 'usecPerCall'), ratio: usecRatio },
      loadAverage: spread(results.flatMap((it) => [it.reserve.load, it.bare.load])),
      bytesPerOrder,
      results,
    };
    const folder = new URL('../results/', import.meta.url);
    await mkdir(folder, { recursive: true });
    await writeFile(new URL('reserve.json', folder), `${JSON.stringify(report, rounded, 2)}\n`);
    return describe(report);
  } finally {
    await redis.stop();
  }
}

/** Bytes that stock Redis holds per accepted order once the relay has emptied the outbox, over 100,000 orders. */
async function memory(redis: BenchRedis, reserve: Contestant, connections: number, inFlight: number): Promise<number> {
  const count = 100_000;
  const used = async () => number(await redis.client.info('memory'), /used_memory:(\d+)/);
  await reset(redis, count + 1);
  const before = await used();
  const head = ['EVALSHA', reserve.sha, reserve.keys.length, ...reserve.keys.map((name) => keys[name])];
  const commands = shoppers(count).map(({ orderId, userId }) => encode([...head, orderId, userId, 1]));
  await drive({ port: redis.port, commands, connections, inFlight, fields: 3, yes: 1 });
  await redis.client.xtrim(keys.outbox, 'MAXLEN', 0);
  return Math.round(((await used()) - before) / count);
}

type Report = {
  acceptedPerSecond: Record<'reserve' | 'bare' | 'ratio', Spread>;
  usecPerCall: Record<'reserve' | 'bare' | 'ratio', Spread>;
  bytesPerOrder: number;
  loadAverage: Spread;
};

function describe({ acceptedPerSecond, usecPerCall, bytesPerOrder, loadAverage }: Report): string {
  const row = (name: string, { median, min, max }: Spread, digits: number) => [
    name,
    ...[median, min, max].map((value) => value.toFixed(digits)),
  ];
  return `${table([
    ['', 'median', 'lowest', 'highest'],
    row('reserve, accepted/s', acceptedPerSecond.reserve, 0),
    row('bare, accepted/s', acceptedPerSecond.bare, 0),
    row('ratio of the two, by round', acceptedPerSecond.ratio, 3),
    row('reserve, µs per call', usecPerCall.reserve, 2),
    row('bare, µs per call', usecPerCall.bare, 2),
    row('ratio of the two, by round', usecPerCall.ratio, 2),
  ])}\nbytes of stock Redis per accepted order, outbox emptied: ${bytesPerOrder}\nload average while measuring: ${loadAverage.min} to ${loadAverage.max}\n`;
}
