import type { CdcReport } from '#contract/cdc.ts';
import { effectiveState, type SaleNode } from '#contract/sale.ts';
import { withDeadline } from '#runtime/deadline.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import { cdcTroubles } from './cdc-troubles.ts';
import type { History } from './history.ts';
import type { HistoryStore } from './history-store.ts';
import { type InnerUrls, readEdgeCounts, readOverview, readServersSeen } from './read-processes.ts';
import { readStock, type StockNow } from './read-stock.ts';
import type { EdgeNow, SaleMoment, SaleNow, SalePoint, Tick } from './sample.ts';
import { shownSales } from './shown-sales.ts';
import type { Viewers } from './viewers.ts';

const everyMs = 1000;
const withinMs = 800;

export type SamplerDeps = {
  urls: InnerUrls;
  token: string;
  /** Kind `hot`. */
  redis: Redis;
  sales: () => SaleNode[];
  edges: () => EdgeNow[];
  /** What the data team's processes say of themselves; null while it is not known. */
  cdc: () => CdcReport[] | null;
  history: History;
  /** Hears what each second tells of each sale, to store it; never throws. */
  keep: HistoryStore['keep'];
  viewers: Viewers;
  logger: Logger;
  now: () => number;
};

/** Looks once a second, whether somebody looks on or not: keeps the hour, and tells the viewers. */
export function startSampler(deps: SamplerDeps): { close: () => void } {
  const { history, keep, viewers, logger, now } = deps;
  let looking = false;
  const look = async () => {
    if (looking) return; // a slow second is left out
    looking = true;
    try {
      const tick = await takeTick(deps);
      for (const [saleId, moment] of Object.entries(tick.moments)) history.add(saleId, moment);
      keep(tick.moments);
      history.forgetBefore(now());
      viewers.tell(JSON.stringify(tick));
    } catch (error) {
      logger.error({ err: error }, 'the console could not look');
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(() => void look(), everyMs); // it catches all
  return { close: () => clearInterval(timer) };
}

async function takeTick(deps: SamplerDeps): Promise<Tick> {
  const { urls, token, redis, edges, viewers, now } = deps;
  const at = now();
  const { shown, leftOut } = shownSales(deps.sales(), at, viewers.lookedAt());
  const saleIds = shown.map(({ saleId }) => saleId);
  const [{ counts, silent }, { lags, troubles, cdcSlot }, overview, stocks] = await Promise.all([
    readEdgeCounts(urls.edges),
    readServersSeen(urls),
    readOverview(urls.workers, token, saleIds),
    withDeadline(Promise.all(saleIds.map((saleId) => readStock(redis, saleId))), withinMs, 'stock').catch(() => null),
  ]);
  const moments: Record<string, SaleMoment> = {};
  const sales = shown.map((sale, nth) => {
    const stock = stocks?.[nth] ?? null;
    const edge = counts === null ? null : (counts.get(sale.saleId) ?? { arrived: 0, passed: 0, shed: {} });
    const orders = overview?.orders?.[sale.saleId] ?? null;
    const point: SalePoint = [
      edge?.arrived ?? null,
      edge?.passed ?? null,
      stock?.accepted ?? null,
      stock === null ? null : Math.max(0, stock.accepted - stock.stored),
      stock?.stored ?? null,
      stock?.free ?? null,
      orders === null ? null : (orders.paid ?? 0),
      orders === null ? null : (orders.expired ?? 0),
      lags === null ? null : (lags.get(sale.saleId) ?? 0),
    ];
    moments[sale.saleId] = [at, point, edge?.shed ?? null];
    return saleNow(sale, stock, at);
  });
  const unknown = [
    ...troubles,
    ...cdcTroubles(cdcSlot, deps.cdc()),
    ...silent.map((url) => `the edge at ${url} does not answer: its requests are not counted`),
    ...(lags === null ? ['no seckill-service answers: the relay lag is unknown'] : []),
    ...(stocks === null ? ['stock Redis does not answer'] : []),
    ...(overview === null ? ['no order-worker answers: drain, dead letters, paid and expired are unknown'] : []),
    ...(overview !== null && overview.drain === null ? ['the drain cannot be read: queue Redis or ZooKeeper'] : []),
    ...(overview !== null && overview.orders === null
      ? ['PostgreSQL does not answer: paid and expired are unknown']
      : []),
  ];
  const { drain = null, deadLetters = null } = overview ?? {};
  return { at, sales, leftOut, edges: edges(), drain, deadLetters, moments, unknown };
}

function saleNow(sale: SaleNode, stock: StockNow | null, nowMs: number): SaleNow {
  const { saleId, title, epoch, window } = sale;
  const { opensAt, closesAt } = window;
  return {
    ...{ saleId, title, epoch, opensAt, closesAt },
    state: effectiveState(sale.state, Date.parse(opensAt), Date.parse(closesAt), nowMs),
    stockEpoch: stock?.epoch ?? null,
    total: stock?.total ?? null,
    free: stock?.free ?? null,
    outbox: stock?.outbox ?? null,
    fault: stock?.fault ?? null,
  };
}
