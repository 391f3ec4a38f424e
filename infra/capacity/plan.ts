import { type Costs, replicatedStock } from './costs.ts';
import type { EdgeLimitsOfNginx } from './edge-limits.ts';
import { type ChallengeKind, type CrowdSignIn, costBeforePress } from './shopper-costs.ts';

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
  /** Who names the shoppers, and what stands before their tickets. */
  signIn: CrowdSignIn;
  challenge: ChallengeKind;
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
  /** One shopper from the first request to the ticket: µs of processor time, and cores for all who come in a second. */
  beforePress: Record<'nginx' | 'gateway', { micros: number; cores: number }> | null;
  parts: Part[];
  givesFirst: Part;
  memory: { stockRedisMb: number; edgeSharedMb: number };
  bandwidth: { beforeMbitPerSecond: number; openingMbitPerSecond: number } | null;
  notMeasured: string[];
};

const micros = 1e6;
/** Less, in µs, is what a measurement cannot tell from nothing. */
const leastMicros = 2;

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
    signIn,
    challenge,
    isReplicated,
  } = crowd;
  const requestsPerSecond = (shoppers * presses) / withinSeconds;
  const arrivals = shoppers / openInSeconds;

  // One sale lives on one Redis, and its script on one core: that is the most that can be accepted a second, and the relay's
  // and the workers' scripts take their share of the same core.
  // What it sends to replicas costs the same core.
  const stockTimes = isReplicated ? replicatedStock.value : 1;
  const { stored } = costs;
  const stockRate =
    (stored === null ? costs.stockScriptsPerSecond.value : micros / stored.stockRedisAccepts) / stockTimes;
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

  const { shopper } = costs;
  const opening =
    (requestsPerSecond - acceptedPerSecond) * costs.edgeRefusal.value +
    acceptedPerSecond * (costs.edgePassed.value + (shopper?.steps.order.nginx ?? 0));
  const perRequest = opening / requestsPerSecond;
  byProcessor(
    'edge (processor)',
    requestsPerSecond,
    perRequest,
    'requests/s',
    'refusals, the few that pass, and a look at each order',
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
  const before = shopper && costBeforePress(shopper, signIn, challenge);
  const coresOf = (cost: number) => ({ micros: cost, cores: (arrivals * cost) / micros });
  const beforePress = before && { nginx: coresOf(before.nginx), gateway: coresOf(before.gateway) };
  if (before !== null) {
    const why = 'page, assets, sale, challenge, ticket: without a CDN';
    byProcessor('edge (before)', arrivals, before.nginx, 'shoppers/s', why, workersPerEdge);
    if (before.gateway >= leastMicros) {
      const what = signIn === 'demo' ? 'the demo sign-in, and what the edge passes on' : 'what the edge passes on';
      byProcessor('gateway (before)', arrivals, before.gateway, 'shoppers/s', `${what}; one beside each edge`);
    }
  }
  if (shopper !== null && shopper.steps.order.gateway >= leastMicros)
    byProcessor(
      'gateway (orders)',
      acceptedPerSecond,
      shopper.steps.order.gateway,
      'orders/s',
      'one look at each order; one gateway beside each edge',
    );
  const service = stored?.service ?? costs.servicePurchase?.value ?? null;
  if (service !== null)
    byProcessor('seckill-service', acceptedPerSecond, service, 'purchases/s', 'purchase and relay, one process a core');
  const stockAfter =
    stored === null
      ? acceptedPerSecond * costs.relayStockRedis.value + storedPerSecond * costs.storeStockRedis.value
      : storedPerSecond * stored.stockRedisStores;
  const stockShare = acceptedPerSecond / stockRate + (stockTimes * stockAfter) / micros;
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
  const queueCost = stored?.queueRedis ?? costs.relayQueueRedis.value + costs.storeQueueRedis.value;
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
    stored?.worker ?? costs.storeWorker.value,
    'orders/s',
    `all orders within ${storeWithinSeconds} s`,
  );
  if (stored !== null)
    byProcessor(
      'PostgreSQL (cores)',
      storedPerSecond,
      stored.postgres,
      'orders/s',
      'cores of one server: rows, events, commits; its disk is not in it',
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
    beforePress,
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
      ...(costs.servicePurchase === null
        ? [`${service === null ? 'seckill-service and ' : ''}bandwidth (npm run bench -- parts)`]
        : []),
      ...(shopper === null ? ['the way to the ticket, and the gateway (npm run bench -- shopper)'] : []),
      ...(stored === null ? ['PostgreSQL (npm run bench -- purchase --stored)'] : []),
      'TLS handshakes (a crowd of new connections costs the edge more than the requests)',
    ],
  };
}
