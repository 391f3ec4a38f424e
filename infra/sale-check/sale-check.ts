import { randomUUID } from 'node:crypto';
import { effectiveState, type SaleState } from '#contract/sale.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import { redisPlaceOf } from '#runtime/redis/place.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { CatalogueSale } from '#sales/catalogue.ts';
import { readUsual } from '#sales/usual.ts';
import { rehearse } from '#stock/rehearse.ts';
import type { Stock } from '#stock/stock.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import type { TicketMeans } from './check-tickets.ts';
import { checkCheckout } from './checkout.ts';
import { checkClocks } from './clocks.ts';
import { checkDetails } from './details.ts';
import { checkDrain } from './drain.ts';
import { checkEdgeAnswers, checkEdgeNodes, checkPages, checkTicketKeys } from './edges.ts';
import { blocking, type Check, type Finding, type Found, fail, pass, runChecks } from './finding.ts';
import { checkHost } from './host.ts';
import { checkPostgres } from './postgres.ts';
import { checkPurchasePath } from './purchase-path.ts';
import { type EdgePlaces, reachEdges } from './reach-edges.ts';
import { checkRedis, checkRedisGroup, settingNames } from './redis.ts';
import { type RedisGroup, readRedisGroup } from './redis-group.ts';
import { judgeReplicas, oneServer } from './replicas.ts';
import { checkServices } from './services.ts';
import { checkPrice, checkStock, checkWindow } from './terms.ts';
import { checkZooKeeper } from './zookeeper.ts';

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
  /** SECKILL_STOCK_REPLICAS. */
  stockReplicas: number;
  databaseUrl: string;
  /** SECKILL_ZOOKEEPER. */
  ensemble: string;
  priceFloor: Readonly<Record<string, number>> | undefined;
  tickets: TicketMeans;
};

/** One question after the other, each with a deadline of its own: a busy system is slow, and not broken. */
const pathWithinMs = 15_000;
/** The sentinels are asked, then every server that they name: two connections and three answers, a second each at most. */
const groupWithinMs = 8000;

/** `ok`: nothing keeps the sale from being opened, or is wrong with one that is open. `state`: as it is now; a draft has no stock yet, or is not open. */
export type SaleCheck = { saleId: string; state: SaleState; ok: boolean; checks: Finding[] };

/**
 * Everything that should be right before a sale opens, looked at all at once. Changes nothing and sells nothing; may be
 * run at any time, as often as one likes.
 */
export async function checkSale(deps: SaleCheckDeps, sale: CatalogueSale): Promise<SaleCheck> {
  const { stock, stockRedis, queueRedis, pool, zookeeper, priceFloor } = deps;
  const redis = { stock: redisChecks('stock', stockRedis, deps), queue: redisChecks('queue', queueRedis, deps) };
  const isReplicated = redis.stock.isGroup;
  const { edges, close } = reachEdges(deps.edges);
  const { saleId, checkout, collect } = sale;
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
    { name: 'stock Redis', run: redis.stock.settings, withinMs: groupWithinMs },
    { name: 'stock replicas', run: redis.stock.replicas, withinMs: groupWithinMs },
    { name: 'queue Redis', run: redis.queue.settings, withinMs: groupWithinMs },
    { name: 'queue replicas', run: redis.queue.replicas, withinMs: groupWithinMs },
    { name: 'ZooKeeper', run: () => checkZooKeeper(deps.ensemble, isReplicated) },
    { name: 'PostgreSQL', run: () => checkPostgres(deps.databaseUrl, isReplicated) },
    {
      name: 'clocks',
      run: () => checkClocks({ stockRedis, replicas: redis.stock.clocks(), pool, edges, saleId }),
      withinMs: groupWithinMs,
    },
    { name: 'drain', run: () => checkDrain(zookeeper, queueRedis, sale.units) },
    { name: 'this machine', run: checkHost },
    { name: 'dry purchase', run: () => dryPurchase(stockRedis, sale, current) },
    ...(collect.length === 0 ? [] : [{ name: 'contact and address', run: () => checkDetails(queueRedis, collect) }]),
    ...(checkout.mode === 'here' ? [] : [{ name: 'checkout', run: () => checkCheckout(edges, checkout.url) }]),
    { name: 'whole path', run: () => checkPurchasePath({ ...deps, edges }), withinMs: pathWithinMs },
  ];
  const findings = await runChecks(checks, deps.statusCommand).finally(close);
  const state =
    current === null ? 'draft' : effectiveState(current.state, current.opensAtMs, current.closesAtMs, Date.now());
  return { saleId, state, ok: blocking(findings).length === 0, checks: findings };
}

/** What is asked of stock or queue Redis: of the one server, or of every sentinel and every server that they know. */
function redisChecks(kind: 'stock' | 'queue', redis: Redis, deps: SaleCheckDeps) {
  const url = deps.redisUrls[kind];
  const place = redisPlaceOf(url);
  if (place.kind === 'single') {
    return {
      isGroup: false,
      settings: () => checkRedis(kind, redis, url),
      replicas: async () => oneServer(kind),
      clocks: async () => [],
    };
  }
  let reading: Promise<RedisGroup> | null = null;
  const group = () => {
    reading ??= readRedisGroup(place, settingNames(kind));
    return reading;
  };
  return {
    isGroup: true,
    settings: async () => checkRedisGroup(kind, await group()),
    replicas: async () => judgeReplicas(await group(), kind === 'stock' ? deps.stockReplicas : null),
    clocks: async () => (await group()).nodes.flatMap((node) => (node.kind === 'there' ? [node.clock] : [])),
  };
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
