import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import { openSmallSales, type SmallSales } from '#lab/kits/small-sales.ts';
import { type SeveralEdges, startSeveralEdges } from '#lab/servers/several-edges.ts';

/** Milliseconds, over all sales. */
type Delay = { p50: number; p99: number; max: number; atMost: number };
export type InStep = {
  edges: number;
  sales: number;
  /** From the answer to the last unit's buyer until the last of the edges says sold out. */
  sheds: Delay;
  /** Purchases that an edge let through after all of them had said sold out, by edge; none may be. */
  passedAfter: Record<string, number>;
  /** From stock Redis' word that a unit is back until the last of the edges says open. */
  opens: Delay;
};

const edgeCount = 3;
const latePerEdge = 5;
const atMostMs = 50;
const patienceMs = 10_000;
/** Without a rest the three loops and their edges would keep two cores busy, and what is measured would wait for a core. */
const betweenLooksMs = 2;

/** Sells out `count` sales of one unit, one after the other, on a stack with three edges, and gives each unit back. */
export async function measureInStep(count: number, onSale: (nth: number) => void): Promise<InStep> {
  const edges = await startSeveralEdges({ edges: edgeCount });
  const pools = edges.stack.edges.map(({ url }) => new Pool(url, { connections: 8 }));
  let sales: SmallSales | null = null;
  try {
    sales = await openSmallSales(edges.stack.environment, count);
    for (const saleId of sales.saleIds) await everyEdgeSays(pools, saleId, 'open');
    const sheds: number[] = [];
    const opens: number[] = [];
    for (const [nth, saleId] of sales.saleIds.entries()) {
      const held = sales.ticketFor(saleId);
      const { status } = await buy(pools[nth % pools.length], saleId, held.ticket);
      const sold = performance.now();
      if (status !== 202) throw new Error(`the one unit of ${saleId} was not sold: ${status}`);
      sheds.push((await everyEdgeSays(pools, saleId, 'sold_out')) - sold);
      await comeTooLate(pools, saleId, sales);
      await sales.release(saleId, held.orderId);
      const released = performance.now();
      opens.push((await everyEdgeSays(pools, saleId, 'open')) - released);
      onSale(nth + 1);
    }
    const passedAfter = await passedBeyond(edges, sales.saleIds);
    return { edges: edgeCount, sales: count, sheds: delayOf(sheds), passedAfter, opens: delayOf(opens) };
  } finally {
    await sales?.close();
    await Promise.all(pools.map((pool) => pool.destroy()));
    await edges.close();
  }
}

async function buy(pool: Pool | undefined, saleId: string, ticket: string) {
  if (pool === undefined) throw new Error('there is no edge');
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: `/api/sales/${saleId}/orders`,
    headers: { 'content-type': 'application/json', 'seckill-ticket': ticket },
    body: '{"quantity":1}',
  });
  return { status: statusCode, text: await body.text() };
}

/** Asks each edge every {@link betweenLooksMs}, so that what is told is late by that much at most; resolves with the time at which the last of them had said `state`. */
async function everyEdgeSays(pools: readonly Pool[], saleId: string, state: string): Promise<number> {
  const deadline = performance.now() + patienceMs;
  const times = pools.map(async (pool) => {
    for (;;) {
      const { body } = await pool.request({ method: 'GET', path: `/api/sales/${saleId}` });
      const text = await body.text();
      const now = performance.now();
      if (text.includes(`"state":"${state}"`)) return now;
      if (now > deadline) throw new Error(`${saleId}: an edge does not say ${state} within ${patienceMs} ms: ${text}`);
      await wait(betweenLooksMs);
    }
  });
  return Math.max(...(await Promise.all(times)));
}

async function comeTooLate(pools: readonly Pool[], saleId: string, sales: SmallSales): Promise<void> {
  const answers = await Promise.all(
    pools.flatMap((pool) =>
      Array.from({ length: latePerEdge }, () => buy(pool, saleId, sales.ticketFor(saleId).ticket)),
    ),
  );
  for (const { status, text } of answers)
    if (status !== 410) throw new Error(`${saleId} is sold out, and a purchase was told ${status}: ${text}`);
}

/** By the edges' own counters: what each of them passed on beyond the last units that it sold. */
async function passedBeyond({ stack }: SeveralEdges, saleIds: readonly string[]): Promise<Record<string, number>> {
  const beyond = await Promise.all(
    stack.edges.map(async ({ edgeId, innerUrl }, index) => {
      const sold = saleIds.filter((_, nth) => nth % edgeCount === index).length;
      const deadline = performance.now() + patienceMs;
      for (;;) {
        const counts = countsOf(await (await fetch(new URL('/metrics', innerUrl))).text(), saleIds);
        if (counts.passed + counts.shed === sold + latePerEdge * saleIds.length)
          return [edgeId, counts.passed - sold] as const;
        if (performance.now() > deadline)
          throw new Error(`${innerUrl}: the counters do not add up: ${JSON.stringify(counts)}`);
      }
    }),
  );
  return Object.fromEntries(beyond);
}

function countsOf(page: string, saleIds: readonly string[]): { passed: number; shed: number } {
  const counts = { passed: 0, shed: 0 };
  const lines = /^seckill_edge_requests_total\{sale="([^"]+)".*outcome="(\w+)"\} (\d+)$/gm;
  for (const [, sale = '', outcome, count] of page.matchAll(lines)) {
    if (saleIds.includes(sale)) counts[outcome === 'passed' ? 'passed' : 'shed'] += Number(count);
  }
  return counts;
}

function delayOf(values: readonly number[]): Delay {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN; // nearest rank
  return { p50: at(0.5), p99: at(0.99), max: at(1), atMost: atMostMs };
}
