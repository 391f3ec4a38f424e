import { type Costs, replicatedStock } from './costs.ts';
import type { EdgeLimitsOfNginx } from './edge-limits.ts';

export type Crowd = {
  shoppers: number;
  units: number;
  /** Seconds until the opening: everybody comes for the page and a ticket within them. */
  openInSeconds: number;
  /** Seconds after the opening within which everybody presses buy. */
  withinSeconds: number;
  /** How often each shopper presses, retries included. */
  presses: number;
  /** Seconds within which the accepted orders shall be in the database. */
  storeWithinSeconds: number;
  /** nginx workers, a core each, on one edge. */
  workersPerEdge: number;
  /** Share of a core that a part may be busy in the plan, from 0 to 1: the rest is for what the figures do not know. */
  utilisation: number;
  /** Two replicas follow stock Redis, and a yes waits for one. */
  isReplicated: boolean;
};

/** `capacity` and `needed` are in the same `unit`; `share` is needed over capacity at full use, and 1 is the end. */
export type Part = {
  name: string;
  count: number;
  unit: string;
  needed: number;
  capacity: number;
  share: number;
  canGrow: boolean;
  why: string;
};

export type Plan = {
  crowd: Crowd;
  /** At the opening, all edges together. */
  requestsPerSecond: number;
  /** How many purchases a second go on to the services until the units are gone. */
  acceptedPerSecond: number;
  soldOutAfterSeconds: number;
  parts: Part[];
  givesFirst: Part;
  memory: { stockRedisMb: number; edgeSharedMb: number };
  bandwidth: { beforeMbitPerSecond: number; openingMbitPerSecond: number } | null;
  notMeasured: string[];
};

const micros = 1e6;

/**
 * The parts that a crowd needs. Extrapolated: one request's processor time, measured on the machine that its file
 * names, times the rate. Above `utilisation` a queue would grow faster than the mean tells.
 */
export function planFor(crowd: Crowd, costs: Costs, nginx: EdgeLimitsOfNginx): Plan {
  const {
    shoppers,
    units,
    openInSeconds,
    withinSeconds,
    presses,
    storeWithinSeconds,
    workersPerEdge,
    utilisation,
    isReplicated,
  } = crowd;
  const requestsPerSecond = (shoppers * presses) / withinSeconds;
  const arrivals = shoppers / openInSeconds;

  // One sale lives on one Redis, and its script on one core: that is the most that can be accepted a second, and the relay's
  // and the workers' scripts take their share of the same core.
  // What it sends to replicas costs the same core.
  const stockTimes = isReplicated ? replicatedStock.value : 1;
  const stockRate = costs.stockScriptsPerSecond.value / stockTimes;
  const acceptedPerSecond = Math.min(requestsPerSecond, stockRate * utilisation, units);
  const soldOutAfterSeconds = units / acceptedPerSecond;
  const storedPerSecond = units / Math.max(storeWithinSeconds, soldOutAfterSeconds);

  const parts: Part[] = [];
  /** `cost` µs of a core for each of `rate` a second. */
  const byProcessor = (name: string, rate: number, cost: number, unit: string, why: string, cores = 1) => {
    const count = Math.max(1, Math.ceil((rate * cost) / micros / utilisation / cores));
    const capacity = (count * cores * micros) / cost;
    parts.push({ name, count, unit, needed: rate, capacity, share: rate / capacity, canGrow: true, why });
  };

  const opening =
    (requestsPerSecond - acceptedPerSecond) * costs.edgeRefusal.value + acceptedPerSecond * costs.edgePassed.value;
  const perRequest = opening / requestsPerSecond;
  byProcessor(
    'edge (processor)',
    requestsPerSecond,
    perRequest,
    'requests/s',
    'refusals, and the few that pass',
    workersPerEdge,
  );
  const perEdge = workersPerEdge * nginx.connectionsPerWorker;
  const edges = Math.ceil(shoppers / (perEdge * utilisation));
  parts.push({
    ...{ name: 'edge (connections)', count: edges, unit: 'connections', needed: shoppers, capacity: edges * perEdge },
    ...{
      share: shoppers / (edges * perEdge),
      canGrow: true,
      why: `one a shopper, ${nginx.connectionsPerWorker} a worker; a CDN in front needs far fewer`,
    },
  });
  const before = costs.edgePage.value + costs.edgeSale.value;
  byProcessor(
    'edge (pages before)',
    arrivals,
    before,
    'shoppers/s',
    'the page and the sale, without a CDN',
    workersPerEdge,
  );

  if (costs.gatewayShopper !== null)
    byProcessor(
      'gateway',
      arrivals,
      costs.gatewayShopper.value,
      'shoppers/s',
      'sign-in, challenge, ticket; one beside each edge',
    );
  if (costs.servicePurchase !== null)
    byProcessor(
      'seckill-service',
      acceptedPerSecond,
      costs.servicePurchase.value,
      'purchases/s',
      'purchase and relay, one process a core',
    );
  const stockShare =
    acceptedPerSecond / stockRate +
    (stockTimes * (acceptedPerSecond * costs.relayStockRedis.value + storedPerSecond * costs.storeStockRedis.value)) /
      micros;
  parts.push({
    ...{
      name: 'stock Redis',
      count: 1,
      unit: 'purchases/s',
      needed: acceptedPerSecond,
      capacity: acceptedPerSecond / stockShare,
    },
    ...{
      share: stockShare,
      canGrow: false,
      why: 'one sale is one hash slot: more servers help more sales, never one sale',
    },
  });
  const queueCost = costs.relayQueueRedis.value + costs.storeQueueRedis.value;
  const queueCapacity = micros / queueCost;
  parts.push({
    ...{ name: 'queue Redis', count: 1, unit: 'orders/s', needed: storedPerSecond, capacity: queueCapacity },
    ...{
      share: storedPerSecond / queueCapacity,
      canGrow: false,
      why: 'the burst rests in the outbox; the queue sees the drain rate',
    },
  });
  byProcessor(
    'order-worker',
    storedPerSecond,
    costs.storeWorker.value,
    'orders/s',
    `all orders within ${storeWithinSeconds} s`,
  );

  const mbit = (perSecond: number, bytes: number) => (perSecond * bytes * 8) / 1e6;
  const { pageBytes, refusalBytes } = costs;
  const [first] = [...parts].sort((a, b) => b.share - a.share);
  if (first === undefined) throw new Error('a plan without parts');
  return {
    crowd,
    requestsPerSecond,
    acceptedPerSecond,
    soldOutAfterSeconds,
    parts,
    givesFirst: first,
    memory: { stockRedisMb: (units * costs.stockBytesPerOrder.value) / 1e6, edgeSharedMb: nginx.sharedMemoryMb },
    bandwidth:
      pageBytes === null || refusalBytes === null
        ? null
        : {
            beforeMbitPerSecond: mbit(arrivals, pageBytes.value),
            openingMbitPerSecond: mbit(requestsPerSecond, refusalBytes.value),
          },
    notMeasured: [
      ...(costs.servicePurchase === null ? ['seckill-service', 'gateway', 'bandwidth'] : []),
      'PostgreSQL (the drain rate that it bears: seckill drain rate)',
      'TLS handshakes (a crowd of new connections costs the edge more than the requests)',
    ],
  };
}
