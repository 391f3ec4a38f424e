import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type BenchStack, startBenchStack } from './kit/stack.ts';
import { circumstances, spread, table } from './kit/statistics.ts';
import { arriveAt } from './purchase/arrivals.ts';
import { mintTickets } from './purchase/tickets.ts';
import { makeSale } from './queue/orders.ts';

export const summary = 'how a service that has just begun answers its first half second of a crowd, beside a later one';

const saleId = 'bench-cold';
const halfSecond = 0.5;
const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 100) / 100 : value);

/** Each round ends the only service, waits until it is ready again, and lets a crowd in that same moment. */
export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string', default: '9' }, rate: { type: 'string', default: '3000' } },
  });
  const [rounds, rate] = [Number(values.rounds), Number(values.rate)];
  if (!(Number.isInteger(rounds) && rounds > 0 && Number.isInteger(rate) && rate > 0)) {
    throw new TypeError('--rounds and --rate must be whole numbers above 0');
  }
  const stack = await startBenchStack();
  try {
    await stack.seckill('drain', 'pause');
    // One address for the whole crowd: the limits for shoppers would be all that is measured.
    for (const name of ['userPerSecond', 'userBurst', 'addressPerSecond', 'addressBurst', 'inFlight'])
      await stack.seckill('edge', 'set', name, '1000000');
    await makeSale(stack, saleId, 1_000_000);
    const results: { startMs: number; firstP99Ms: number; laterP99Ms: number; load: number }[] = [];
    for (let nth = 0; nth <= rounds; nth += 1) {
      const perHalf = Math.round(rate * halfSecond);
      await mintTickets(stack, saleId, 3 * perHalf);
      const tickets = (await readFile(join(stack.dir, 'tickets'), 'utf8')).trimEnd().split('\n');
      const startMs = await restartService(stack);
      const arrive = async (from: number) =>
        arriveAt({
          ...{ url: stack.edgeUrl, path: `/api/sales/${saleId}/orders`, body: '{"quantity":1}' },
          ...{ tickets: tickets.slice(from, from + perHalf), perSecond: rate, connections: 64 },
        });
      const first = await arrive(0);
      await arrive(perHalf);
      const later = await arrive(2 * perHalf);
      await stack.queueRedis.flushall();
      await wait(500);
      if (nth === 0) continue; // this process and nginx are new to it as well
      const load = loadavg()[0] ?? Number.NaN;
      results.push({ startMs, firstP99Ms: first.p99Ms, laterP99Ms: later.p99Ms, load });
      process.stderr.write(`round ${nth}: ${first.p99Ms.toFixed(0)} ms, later ${later.p99Ms.toFixed(0)} ms\n`);
    }
    return await report(results, { rounds, rate });
  } finally {
    await stack.stop();
  }
}

type Process = { role: string; pid: number | null; innerUrl: string | null };

/** Ends the service, waits until its successor is ready; ms from its end to there. */
async function restartService(stack: BenchStack): Promise<number> {
  const service = async () => {
    const { processes } = await stack.seckill<{ processes: Process[] }>('status');
    return processes.find(({ role }) => role === 'seckill-service');
  };
  const { pid, innerUrl } = (await service()) ?? {};
  if (pid == null || innerUrl == null) throw new Error('the stack has no service');
  const from = performance.now();
  process.kill(pid, 'SIGKILL');
  for (let gone = false; ; await wait(5)) {
    const status = await fetch(`${innerUrl}/readyz`).then(
      (response) => response.status,
      () => 0,
    );
    if (gone && status === 200) return performance.now() - from;
    gone ||= status === 0;
    if (performance.now() - from > 60_000) throw new Error('the service did not come back');
  }
}

async function report(
  results: readonly { startMs: number; firstP99Ms: number; laterP99Ms: number; load: number }[],
  settings: Record<string, number>,
): Promise<string> {
  const of = (figure: 'startMs' | 'firstP99Ms' | 'laterP99Ms' | 'load') => spread(results.map((it) => it[figure]));
  const document = {
    ...(await circumstances()),
    settings,
    startMs: of('startMs'),
    p99Ms: { firstHalfSecond: of('firstP99Ms'), later: of('laterP99Ms') },
    loadAverage: of('load'),
    results,
  };
  const folder = new URL('../results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL('cold.json', folder), `${JSON.stringify(document, rounded, 2)}\n`);
  const row = (name: string, { median, min, max }: ReturnType<typeof spread>) => [
    name,
    ...[median, min, max].map((value) => value.toFixed(0)),
  ];
  return `${table([
    ['', 'median', 'lowest', 'highest'],
    row('from its end to ready again, ms', of('startMs')),
    row('p99 of the first half second, ms', of('firstP99Ms')),
    row('p99 a second later, ms', of('laterP99Ms')),
  ])}\n`;
}
