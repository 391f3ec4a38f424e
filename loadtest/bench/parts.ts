import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { z } from 'zod';
import { partsSchema, resultsFolder } from '#infra/capacity/costs.ts';
import { type BenchStack, startBenchStack } from './kit/stack.ts';
import { circumstances, spread } from './kit/statistics.ts';
import { makeSale } from './queue/orders.ts';

/**
 * Measures what no other benchmark keeps: processor time of seckill-service an accepted purchase (relay included), and what
 * answers weigh. A stack of its own, on loopback; writes loadtest/results/parts.json, which `seckill plan` reckons with.
 */
export const summary = 'processor time of the service a purchase, and bytes of answers, for seckill plan';

const rounds = 5;
const shoppers = 2000;

const statusSchema = z.object({ processes: z.array(z.object({ role: z.string(), innerUrl: z.string().nullable() })) });
const crowdSchema = z.object({ accepted: z.number() });

/** Processor seconds that the processes of a role have used so far. */
async function processorSeconds(stack: BenchStack, role: string): Promise<number> {
  const { processes } = statusSchema.parse(await stack.seckill('status'));
  const used = processes
    .filter((each) => each.role === role)
    .map(async ({ innerUrl }) => {
      const text = await (await fetch(`${innerUrl}/metrics`)).text();
      return Number(/^process_cpu_seconds_total (\S+)/m.exec(text)?.[1]);
    });
  return (await Promise.all(used)).reduce((sum, seconds) => sum + seconds, 0);
}

async function bytesOf(url: string, init: RequestInit = {}): Promise<number> {
  const answer = await fetch(url, { ...init, headers: { 'accept-encoding': 'br', ...init.headers } });
  const body = Number(answer.headers.get('content-length') ?? (await answer.arrayBuffer()).byteLength);
  const headers = [...answer.headers].reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
  await answer.body?.cancel();
  return body + headers;
}

export async function run(): Promise<string> {
  const stack = await startBenchStack();
  try {
    const { processes } = z
      .object({ processes: z.array(z.object({ role: z.string(), address: z.string() })) })
      .parse(await stack.seckill('status'));
    const edgeUrl = processes.find(({ role }) => role === 'edge')?.address ?? '';
    const [service, loads]: number[][] = [[], []];
    for (let round = 0; round <= rounds; round += 1) {
      const saleId = `parts-${round}`;
      await makeSale(stack, saleId, shoppers);
      const before = await processorSeconds(stack, 'seckill-service');
      const crowd = crowdSchema.parse(await stack.seckill('demo', 'crowd', saleId, '--shoppers', String(shoppers)));
      const after = await processorSeconds(stack, 'seckill-service');
      if (crowd.accepted !== shoppers) throw new Error(`${crowd.accepted} of ${shoppers} got in: nothing is measured`);
      if (round === 0) continue; // warm
      service?.push(((after - before) / crowd.accepted) * 1e6);
      loads?.push(loadavg()[0] ?? Number.NaN);
      process.stderr.write(`round ${round}: ${service?.at(-1)?.toFixed(0)} µs\n`);
    }
    await stack.seckill('pages', 'publish');
    const refusal = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"quantity":1}' };
    const document = {
      ...(await circumstances()),
      settings: { rounds, shoppers },
      microsPerAccepted: { service: spread(service ?? []) },
      bytes: {
        page: await bytesOf(`${edgeUrl}/sales/parts-1`),
        refusal: await bytesOf(`${edgeUrl}/api/sales/parts-1/orders`, refusal),
      },
      loadAverage: spread(loads ?? []),
    };
    partsSchema.parse(document);
    const rounded = (_key: string, value: unknown) =>
      typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
    const text = `${JSON.stringify(document, rounded, 2)}\n`;
    await writeFile(new URL('parts.json', resultsFolder), text);
    return text;
  } finally {
    await stack.stop();
  }
}
