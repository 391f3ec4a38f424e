import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { runWrk } from '../edge/wrk.ts';
import { type BenchStack, startBenchStack } from '../kit/stack.ts';
import { mintTickets } from '../purchase/tickets.ts';
import { makeSale } from '../queue/orders.ts';

/** Accepted purchases a second of a stack of so many services and edges, rounds of the same stack. */
export type Shape = { services: number; edges: number; perSecond: number[] };

const saleId = 'bench-scaling';
const connections = 60;
/** More than any shape accepts in a second. */
const maxPerSecond = 12_000;

/** A stack of that shape, asked by as many clients as it has edges. */
export async function purchasesOf(shape: Omit<Shape, 'perSecond'>, rounds: number, seconds: number): Promise<Shape> {
  const { services, edges } = shape;
  const stack = await startBenchStack('--services', String(services), '--edges', String(edges));
  try {
    await stack.seckill('drain', 'pause');
    for (const name of ['userPerSecond', 'userBurst', 'addressPerSecond', 'addressBurst', 'inFlight'])
      await stack.seckill('edge', 'set', name, '1000000');
    await makeSale(stack, saleId, 1_000_000);
    await shoot(stack, 2); // warm
    const perSecond: number[] = [];
    for (let round = 0; round < rounds; round += 1) perSecond.push(await shoot(stack, seconds));
    process.stderr.write(`services ${services}, edges ${edges}: ${perSecond.map(Math.round).join(' ')}\n`);
    return { ...shape, perSecond };
  } finally {
    await stack.stop();
  }
}

async function shoot(stack: BenchStack, seconds: number): Promise<number> {
  const { edgeUrls } = stack;
  const files: string[] = [];
  for (const nth of edgeUrls.keys()) {
    const file = join(stack.dir, `tickets-${nth}`);
    await rename(await mintTickets(stack, saleId, Math.ceil((maxPerSecond * seconds) / edgeUrls.length)), file);
    files.push(file);
  }
  const results = await Promise.all(
    edgeUrls.map((url, nth) => {
      const shot = { method: 'POST' as const, path: `/api/sales/${saleId}/orders`, body: '{"quantity":1}' };
      const load = { seconds, connections: connections / edgeUrls.length, core: null };
      return runWrk(url, { ...shot, tickets: files[nth] ?? '' }, load);
    }),
  );
  if (results.some(({ refusals }) => refusals > 0)) throw new Error('a purchase was refused');
  return results.reduce((sum, { requests, seconds: took }) => sum + requests / took, 0);
}
