import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { requireWrk } from './edge/wrk.ts';
import { startRedis } from './kit/redis-server.ts';
import { startBenchStack } from './kit/stack.ts';
import { circumstances, spread, table } from './kit/statistics.ts';
import { restingCosts } from './scaling/live-sales.ts';
import { purchasesOf, type Shape } from './scaling/processes.ts';
import { scriptCosts } from './scaling/script-cost.ts';

export const summary =
  'what a purchase costs as stock, shoppers, live sales, services and edges grow (--part one of them)';

const parts = ['script', 'sales', 'processes'] as const;
const file = new URL('../results/scaling.json', import.meta.url);
const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);

/** Each part is measured by itself and takes its place in the one file. */
export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: { part: { type: 'string' }, rounds: { type: 'string', default: '3' } },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new TypeError('--rounds must be a whole number above 0');
  if (values.part !== undefined && !parts.some((part) => part === values.part))
    throw new TypeError(`--part must be one of ${parts.join(', ')}`);
  const document: Record<string, unknown> = JSON.parse(await readFile(file, 'utf8').catch(() => '{}'));
  const texts: string[] = [];
  for (const part of parts) {
    if (values.part !== undefined && values.part !== part) continue;
    const { result, text } = await measures[part](rounds);
    document[part] = { ...(await circumstances()), settings: { rounds }, loadAverage: loadavg()[0], result };
    texts.push(text);
    await mkdir(new URL('.', file), { recursive: true });
    await writeFile(file, `${JSON.stringify(document, rounded, 2)}\n`);
  }
  return `${texts.join('\n\n')}\n`;
}

const measures: Record<(typeof parts)[number], (rounds: number) => Promise<{ result: unknown; text: string }>> = {
  script: async (rounds) => {
    const redis = await startRedis();
    try {
      const result = await scriptCosts(redis, rounds);
      const rows = Object.entries(result).flatMap(([what, costs]) =>
        costs.map(({ at, us }) => [`${what} ${at}`, us.toFixed(2)]),
      );
      return { result, text: table([['one accepted purchase in stock Redis', 'µs'], ...rows]) };
    } finally {
      await redis.stop();
    }
  },
  sales: async () => {
    const stack = await startBenchStack();
    try {
      const result = await restingCosts(stack, [1, 10, 100, 1000], 10);
      const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
      const rows = result.map((it) => [
        String(it.sales),
        percent(it.service),
        percent(it.gateway),
        percent(it.worker),
        percent(it.stockRedis),
      ]);
      return {
        result,
        text: table([['live sales, nobody buys', 'service', 'gateway', 'order-worker', 'stock Redis'], ...rows]),
      };
    } finally {
      await stack.stop();
    }
  },
  processes: async (rounds) => {
    await requireWrk();
    const shapes = [
      ...[1, 2, 3].map((services) => ({ services, edges: 1 })),
      ...[2, 3].map((edges) => ({ services: 1, edges })),
    ];
    const result: Shape[] = [];
    for (const shape of shapes) result.push(await purchasesOf(shape, rounds, 3));
    const rows = result.map(({ services, edges, perSecond }) => {
      const { median, min, max } = spread(perSecond);
      return [`${services} services, ${edges} edges`, ...[median, min, max].map((each) => each.toFixed(0))];
    });
    return { result, text: table([['accepted purchases/s', 'median', 'lowest', 'highest'], ...rows]) };
  },
};
