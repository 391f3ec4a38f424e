import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { requireWrk, runWrk } from './edge/wrk.ts';
import { type BenchStack, startBenchStack } from './kit/stack.ts';
import { circumstances, spread, table } from './kit/statistics.ts';
import { mintTickets } from './purchase/tickets.ts';
import { makeSale } from './queue/orders.ts';

export const summary = 'resident memory of each Node process after many purchases, against after a tenth of them';

const saleId = 'bench-memory';
const perTurn = 50_000;
const secondsATurn = 14;
/** Megabytes by process. */
type Memory = Record<string, number>;
const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);

export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({
    args,
    options: { purchases: { type: 'string', default: '1000000' }, minutes: { type: 'string', default: '12' } },
  });
  const [purchases = 0, minutes = 0] = [values.purchases, values.minutes].map(Number);
  if (!Number.isInteger(purchases) || purchases < 1000 || !(minutes > 0))
    throw new TypeError('--purchases must be a whole number of at least 1,000, --minutes a number above 0');
  await requireWrk();
  const stack = await startBenchStack();
  try {
    for (const name of ['userPerSecond', 'userBurst', 'addressPerSecond', 'addressBurst', 'inFlight'])
      await stack.seckill('edge', 'set', name, '1000000');
    await makeSale(stack, saleId, 2_000_000);
    const endsAt = performance.now() + minutes * 60_000;
    let accepted = 0;
    let early: Memory | null = null;
    const steps: { purchases: number; memory: Memory }[] = [];
    while (accepted < purchases && performance.now() < endsAt) {
      const tickets = await mintTickets(stack, saleId, perTurn);
      const shot = { method: 'POST' as const, path: `/api/sales/${saleId}/orders`, body: '{"quantity":1}', tickets };
      const result = await runWrk(stack.edgeUrl, shot, { seconds: secondsATurn, connections: 64, core: null });
      if (result.refusals > 0) throw new Error(`${result.refusals} of ${result.requests} were refused`);
      accepted += Math.min(result.requests, perTurn); // the tickets that came twice are the same purchases
      const isEarly = early === null && accepted >= purchases / 10;
      if (isEarly || accepted >= purchases || performance.now() >= endsAt) {
        const memory = await restingMemory(stack);
        if (isEarly) early = memory;
        steps.push({ purchases: accepted, memory });
      }
      process.stderr.write(`${accepted} purchases\n`);
    }
    return await report(steps, { purchases, minutes, services: 1 });
  } finally {
    await stack.stop();
  }
}

/**
 * Resident megabytes of every process, the median of ten looks after a rest: between two collections of garbage a process
 * is as large as it happens to be.
 */
async function restingMemory(stack: BenchStack): Promise<Memory> {
  const { processes } = await stack.seckill<{ processes: { name: string; pid: number }[] }>('status');
  await wait(5000);
  const looks = new Map(processes.map(({ name }) => [name, [] as number[]]));
  for (let nth = 0; nth < 10; nth += 1) {
    for (const { name, pid } of processes) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      looks.get(name)?.push(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024);
    }
    await wait(500);
  }
  return Object.fromEntries([...looks].map(([name, sizes]) => [name, spread(sizes).median]));
}

async function report(
  steps: readonly { purchases: number; memory: Memory }[],
  settings: Record<string, number>,
): Promise<string> {
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined || last === undefined || first === last)
    throw new Error('too few purchases in that time for two looks: give it more --minutes');
  const growth = Object.fromEntries(
    Object.keys(first.memory).map((name) => [name, (last.memory[name] ?? Number.NaN) / (first.memory[name] ?? 0)]),
  );
  const document = { ...(await circumstances()), settings, steps, growth, loadAverage: loadavg()[0] };
  const folder = new URL('../results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL('memory.json', folder), `${JSON.stringify(document, rounded, 2)}\n`);
  return `${table([
    ['MB resident', `after ${first.purchases}`, `after ${last.purchases}`, 'growth (Node ≤ 1.1)'],
    ...Object.entries(growth).map(([name, factor]) => [
      name,
      (first.memory[name] ?? Number.NaN).toFixed(0),
      (last.memory[name] ?? Number.NaN).toFixed(0),
      factor.toFixed(2),
    ]),
  ])}\n`;
}
