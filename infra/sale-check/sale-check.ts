import { randomUUID } from 'node:crypto';
import { effectiveState, type SaleState } from '#contract/sale.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { CatalogueSale } from '#sales/catalogue.ts';
import { readUsual } from '#sales/usual.ts';
import { rehearse } from '#stock/rehearse.ts';
import type { Stock } from '#stock/stock.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import type { TicketMeans } from './check-tickets.ts';
import { checkClocks } from './clocks.ts';
import { checkDrain } from './drain.ts';
import { checkEdgeAnswers, checkEdgeNodes, checkPages, checkTicketKeys } from './edges.ts';
import { blocking, type Check, type Finding, type Found, fail, pass, runChecks } from './finding.ts';
import { checkHost } from './host.ts';
import { checkPurchasePath } from './purchase-path.ts';
import { type EdgePlaces, reachEdges } from './reach-edges.ts';
import { checkRedis } from './redis.ts';
import { checkServices } from './services.ts';
import { checkPrice, checkStock, checkWindow } from './terms.ts';

export type SaleCheckDeps = {
  stock: Stock;
  stockRedis: Redis;
  queueRedis: Redis;
  pool: Pool;
  zookeeper: ZooKeeper;
  /** Every edge, by an address of its own. */
  edges: EdgePlaces;
  /** What shows the processes where this is read: takes the place of `seckill status` in what mends. */
  statusCommand: string;
  redisUrls: { stock: string; queue: string };
  priceFloor: Readonly<Record<string, number>> | undefined;
  tickets: TicketMeans;
};

/** One question after the other, each with a deadline of its own: a busy system is slow, and not broken. */
const pathWithinMs = 15_000;

/** `ok`: nothing keeps the sale from being opened, or is wrong with one that is open. `state`: as it is now; a draft has no stock yet, or is not open. */
export type SaleCheck = { saleId: string; state: SaleState; ok: boolean; checks: Finding[] };

/**
 * Everything that should be right before a sale opens, looked at all at once. Changes nothing and sells nothing; may be
 * run at any time, as often as one likes.
 */
export async function checkSale(deps: SaleCheckDeps, sale: CatalogueSale): Promise<SaleCheck> {
  const { stock, stockRedis, queueRedis, pool, zookeeper, redisUrls, priceFloor } = deps;
  const { edges, close } = reachEdges(deps.edges);
  const { saleId } = sale;
  const current = await stock.sale(saleId);
  const checks: Check[] = [
    {
      name: 'price',
      run: async () => checkPrice(sale, priceFloor, (await readUsual(pool, sale.price.currency, saleId)).priceAmount),
    },
    { name: 'stock', run: async () => checkStock(sale, current) },
    { name: 'window', run: async () => checkWindow(sale, current, Date.now()) },
    { name: 'pages', run: () => checkPages(edges, saleId) },
    { name: 'edges', run: () => checkEdgeNodes(zookeeper, saleId, current, edges) },
    { name: 'edge answers', run: () => checkEdgeAnswers(edges, saleId, current) },
    { name: 'services', run: () => checkServices(zookeeper) },
    { name: 'ticket keys', run: () => checkTicketKeys(zookeeper) },
    { name: 'stock Redis', run: () => checkRedis('stock', stockRedis, redisUrls.stock) },
    { name: 'queue Redis', run: () => checkRedis('queue', queueRedis, redisUrls.queue) },
    { name: 'clocks', run: () => checkClocks({ stockRedis, pool, edges, saleId }) },
    { name: 'drain', run: () => checkDrain(zookeeper, queueRedis, sale.units) },
    { name: 'this machine', run: checkHost },
    { name: 'dry purchase', run: () => dryPurchase(stockRedis, sale, current) },
    { name: 'whole path', run: () => checkPurchasePath({ ...deps, edges }), withinMs: pathWithinMs },
  ];
  const findings = await runChecks(checks, deps.statusCommand).finally(close);
  const state =
    current === null ? 'draft' : effectiveState(current.state, current.opensAtMs, current.closesAtMs, Date.now());
  return { saleId, state, ok: blocking(findings).length === 0, checks: findings };
}

/** With the numbers of the sale as it is loaded, or as it would be. */
async function dryPurchase(redis: Redis, sale: CatalogueSale, current: StockSale | null): Promise<Found> {
  const { trouble } = await rehearse(redis, sale.saleId, randomUUID(), {
    total: current?.total ?? sale.units,
    limitPerUser: current?.limitPerUser ?? sale.limitPerUser,
    opensAtMs: current?.opensAtMs ?? Date.parse(sale.opensAt),
    closesAtMs: current?.closesAtMs ?? Date.parse(sale.closesAt),
  });
  return trouble.length === 0
    ? pass('bought, limited, stored and given back, on keys of its own; nothing is left of it')
    : fail(`a purchase does not work: ${trouble.join('; ')}`, `seckill sale show ${sale.saleId}`);
}
