import type { Pool } from '#runtime/postgres/connect.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import { type AskedEdge, readEdgeSale } from './edge-answers.ts';
import { type Found, fail, pass, warn } from './finding.ts';

/** A clock against this machine's, both in ms. `sureWithinMs`: half of what the question took. */
export type Reading = { clock: string; aheadMs: number; sureWithinMs: number };

/** Further apart than this, a sale opens early or late by as much somewhere. */
const blockingMs = 1000;
const warningMs = 200;

/** Asks a clock for its time, in ms, and reads this machine's before and after. */
export async function readClock(clock: string, ask: () => Promise<number>): Promise<Reading> {
  const before = Date.now();
  const told = await ask();
  const after = Date.now();
  return { clock, aheadMs: told - (before + after) / 2, sureWithinMs: (after - before) / 2 };
}

/** Every clock that decides something, or may after a failover, against stock Redis', which opens the sale. */
export async function checkClocks(deps: {
  stockRedis: Redis;
  /** Of every other stock Redis: after a failover the window goes by one of them. */
  replicas: Promise<readonly Reading[]>;
  pool: Pool;
  edges: readonly AskedEdge[];
  saleId: string;
}): Promise<Found[]> {
  const { stockRedis, replicas, pool, edges, saleId } = deps;
  const [stock, ...others] = await Promise.all(
    [
      readClock('stock Redis', async () => {
        const [seconds, micros] = await stockRedis.time();
        return Number(seconds) * 1000 + Number(micros) / 1000;
      }),
      readClock('PostgreSQL', async () => {
        const { rows } = await pool.query<{ ms: number }>(
          'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
        );
        return rows[0]?.ms ?? Number.NaN;
      }),
      ...edges.map((edge) => readClock(edge.name, async () => Date.parse((await readEdgeSale(edge, saleId)).now))),
    ].map((reading) => reading.catch(() => null)),
  ); // whoever does not answer fails in its own check
  if (stock === null || stock === undefined) return [fail('stock Redis does not tell the time', 'seckill status')];
  return judgeClocks(stock, [
    { clock: 'this machine', aheadMs: 0, sureWithinMs: 0 },
    ...others.filter((each) => each !== null),
    ...(await replicas.catch(() => [])),
  ]);
}

/** What is surely wrong after the uncertainty of both readings is taken off. */
export function judgeClocks(stock: Reading, others: readonly Reading[]): Found[] {
  const apart = others.flatMap(({ clock, aheadMs, sureWithinMs }): Found[] => {
    const ahead = aheadMs - stock.aheadMs;
    const surely = Math.abs(ahead) - sureWithinMs - stock.sureWithinMs;
    if (surely < warningMs) return [];
    const says = `${clock} is ${Math.round(Math.abs(ahead))} ms ${ahead > 0 ? 'ahead of' : 'behind'} stock Redis`;
    return [(surely < blockingMs ? warn : fail)(says, 'chronyc makestep   (on both machines; keep chrony running)')];
  });
  if (apart.length > 0) return apart;
  return [pass(`stock Redis, ${others.map(({ clock }) => clock).join(', ')} agree within ${warningMs} ms`)];
}
