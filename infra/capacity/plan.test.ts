import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Costs, ResultError, readCosts, resultsFolder } from './costs.ts';
import { describePlan } from './describe-plan.ts';
import { readNginxLimits } from './edge-limits.ts';
import { type Crowd, planFor } from './plan.ts';
import { challengeKinds, costBeforePress, signIns } from './shopper-costs.ts';

const crowd: Crowd = {
  shoppers: 100_000,
  units: 10_000,
  openInSeconds: 600,
  withinSeconds: 10,
  presses: 2,
  storeWithinSeconds: 60,
  workersPerEdge: 4,
  utilisation: 0.5,
  signIn: 'RS256',
  challenge: 'sum',
  isReplicated: false,
};
const nginx = { connectionsPerWorker: 8192, sharedMemoryMb: 111 };
const cost = (value: number) => ({ value, unit: 'µs' as const, from: 'this test' });
const costs: Costs = {
  edgeRefusal: cost(20),
  edgePassed: cost(60),
  stockScript: cost(14),
  stockScriptsPerSecond: { ...cost(30_000), unit: 'per second' },
  stockBytesPerOrder: { ...cost(200), unit: 'bytes' },
  relayService: cost(40),
  relayQueueRedis: cost(70),
  relayStockRedis: cost(10),
  storeWorker: cost(50),
  storeQueueRedis: cost(120),
  storeStockRedis: cost(20),
  servicePurchase: cost(100),
  pageBytes: { ...cost(5000), unit: 'bytes' },
  refusalBytes: { ...cost(500), unit: 'bytes' },
  shopper: shopperCosts(),
  stored: null,
};
/** One purchase on its whole way. */
const stored: NonNullable<Costs['stored']> = {
  ...{ service: 80, worker: 40, stockRedisAccepts: 20, stockRedisStores: 30, queueRedis: 10, postgres: 150 },
  from: 'the whole way',
};

/** nginx alone but for the demo sign-in and orders; a dearer key costs a dearer challenge, a dearer challenge a dearer ticket. */
function shopperCosts(): NonNullable<Costs['shopper']> {
  const step = (nginx: number, gateway = 0) => ({ nginx, gateway });
  return {
    steps: {
      ...{ connection: step(15), page: step(15), assets: step(50), sale: step(10) },
      ...{ signIn: step(40, 100), order: step(0, 100) },
    },
    ways: signIns.flatMap((signIn, dearer) =>
      challengeKinds.map((challenge, harder) => ({
        ...{ signIn, challenge },
        steps: {
          ...{ challenge: step(20 + 10 * dearer), ticket: step(25 + 5 * harder), press: step(10) },
          ...(challenge === 'sum' ? { ticketAnew: step(25 + 10 * dearer) } : {}),
        },
      })),
    ),
    from: 'this test',
  };
}
const count = (plan: ReturnType<typeof planFor>, name: string) => plan.parts.find((part) => part.name === name)?.count;

test('a plan is the cost of one request times the rate, over what a part may be busy', () => {
  const plan = planFor(crowd, costs, nginx);
  expect(plan.requestsPerSecond).toBe(20_000);
  // A core of stock Redis does 30,000 scripts a second, and may be half busy; or there are no more units.
  expect(plan.acceptedPerSecond).toBe(10_000);
  expect(plan.soldOutAfterSeconds).toBe(1);
  // (10,000 × 20 µs + 10,000 × 60 µs) / 0.5 = 1.6 cores, on edges of four.
  expect(count(plan, 'edge (processor)')).toBe(1);
  expect(count(plan, 'edge (connections)')).toBe(Math.ceil(100_000 / (4 * 8192 * 0.5)));
  expect(count(plan, 'seckill-service')).toBe(2);
  // 10,000 looks a second × 100 µs / 0.5.
  expect(count(plan, 'gateway (orders)')).toBe(2);
  expect(plan.memory).toEqual({ stockRedisMb: 2, edgeSharedMb: 111 });
  expect(plan.bandwidth?.openingMbitPerSecond).toBe(80);
});

test('ten times the crowd needs ten times the edges, and one stock Redis all the same', () => {
  const plan = planFor({ ...crowd, shoppers: 1_000_000 }, costs, nginx);
  expect(count(plan, 'edge (connections)')).toBe(62);
  expect(count(plan, 'stock Redis')).toBe(1);
});

test('before the press a shopper costs what the kind of sign-in and challenge costs, and the gateway only the demo sign-in', () => {
  const before = (more: Partial<Crowd>) => planFor({ ...crowd, openInSeconds: 10, ...more }, costs, nginx);
  // 15 + 15 + 50 + 10, then 30 and 25 µs, and 10 to verify the token anew, of 10,000 a second.
  const plan = before({});
  expect(plan.beforePress).toEqual({ nginx: { micros: 155, cores: 1.55 }, gateway: { micros: 0, cores: 0 } });
  expect(count(plan, 'gateway (before)')).toBeUndefined();
  expect(count(plan, 'edge (before)')).toBe(1);
  const dearest = before({ signIn: 'EdDSA', challenge: 'none', workersPerEdge: 1 });
  expect(dearest.beforePress?.nginx.micros).toBe(155 + 30 + 30 + 15);
  expect(count(dearest, 'edge (before)')).toBe(5);
  const demo = before({ signIn: 'demo' });
  expect(demo.beforePress?.nginx.micros).toBe(155 - 10 - 10 + 40);
  expect(count(demo, 'gateway (before)')).toBe(2);
  expect(describePlan(demo, costs, null)).toContain(
    'before it       10,000 shoppers/s, by the demo sign-in and a sum: each costs nginx 175 µs and the gateway 100 µs, which keeps 2.8 cores busy',
  );
  expect(describePlan(plan, costs, null)).toContain('RS256 and a sum: each costs nginx 155 µs and the gateway 0 µs');
});

test('no part is used beyond what it may be, but those that cannot grow; the fullest gives first', () => {
  for (const units of [1, 1000, 1_000_000, 50_000_000]) {
    const plan = planFor({ ...crowd, units }, costs, nginx);
    for (const { name, share, canGrow } of plan.parts)
      if (canGrow) expect([name, share <= 0.5 + 1e-9]).toEqual([name, true]);
    expect(plan.givesFirst.share).toBe(Math.max(...plan.parts.map(({ share }) => share)));
  }
});

test('with more units than one script can sell at once, stock Redis gives first, and the plan says that more do not help', () => {
  const plan = planFor({ ...crowd, shoppers: 10_000_000, units: 1_000_000, storeWithinSeconds: 3600 }, costs, nginx);
  expect(plan.givesFirst).toMatchObject({ name: 'stock Redis', canGrow: false });
  expect(describePlan(plan, costs, null)).toContain('more of them do not help one sale');
});

test('two replicas cost the core of stock Redis 1.7 times an order, and the plan says where that is from', () => {
  const many = { ...crowd, shoppers: 10_000_000, units: 1_000_000, storeWithinSeconds: 3600 };
  const [alone, replicated] = [planFor(many, costs, nginx), planFor({ ...many, isReplicated: true }, costs, nginx)];
  expect(alone.acceptedPerSecond / replicated.acceptedPerSecond).toBeCloseTo(37.7 / 21.7, 5);
  const shareOf = ({ parts }: typeof alone) => parts.find(({ name }) => name === 'stock Redis')?.share;
  // The same core, as full as before, does that much less.
  expect(shareOf(replicated)).toBeCloseTo(shareOf(alone) ?? 0, 1);
  expect(describePlan(alone, costs, null)).not.toContain('two replicas');
  expect(describePlan({ ...replicated }, costs, null)).toContain('two replicas: a trial of 2026-11-30 on Redis 7.0.15');
});

test('orders that shall be stored faster than queue Redis can are named as too many for it', () => {
  const plan = planFor({ ...crowd, shoppers: 10_000_000, units: 1_000_000 }, costs, nginx);
  expect(plan.givesFirst).toMatchObject({ name: 'queue Redis', count: 1 });
  expect(plan.givesFirst.share).toBeGreaterThan(1);
  expect(describePlan(plan, costs, null)).toContain('too much for queue Redis');
});

test('a purchase that was measured on its whole way stands for its parts, and PostgreSQL is one of them', () => {
  const plan = planFor(crowd, { ...costs, stored }, nginx);
  const part = (name: string) => plan.parts.find((each) => each.name === name);
  // 10,000 a second are accepted and as many units are stored within 60 s.
  expect(part('seckill-service')?.count).toBe(Math.ceil((10_000 * 80) / 1e6 / 0.5));
  expect(part('stock Redis')?.share).toBeCloseTo((10_000 * 20 + (10_000 / 60) * 30) / 1e6, 6);
  expect(part('queue Redis')?.capacity).toBe(100_000);
  expect(part('order-worker')?.capacity).toBe(25_000);
  const quick = planFor({ ...crowd, storeWithinSeconds: 1 }, { ...costs, stored }, nginx);
  expect(count(quick, 'PostgreSQL (cores)')).toBe(Math.ceil((10_000 * 150) / 1e6 / 0.5));
  expect(planFor(crowd, costs, nginx).notMeasured.join()).toContain('PostgreSQL (npm run bench -- purchase --stored)');
  expect(plan.notMeasured.join()).not.toContain('PostgreSQL');
  const text = describePlan(plan, { ...costs, stored, relayService: { ...cost(1), from: 'the relay alone' } }, null);
  expect(text).toContain('the whole way');
  expect(text).not.toContain('the relay alone');
});

test('what was not measured is left out and said', () => {
  const bare = { ...costs, servicePurchase: null, pageBytes: null, refusalBytes: null, shopper: null };
  const plan = planFor(crowd, bare, nginx);
  const names = plan.parts.map(({ name }) => name).join();
  expect(names).not.toMatch(/seckill-service|gateway|before/);
  expect(plan.beforePress).toBeNull();
  expect(describePlan(plan, bare, null)).toMatch(
    /not measured +seckill-service.*bench -- parts\); the way to the ticket, and the gateway .*bench -- shopper\)/,
  );
});

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'costs-'));
  await cp(resultsFolder, dir, { recursive: true });
});
afterAll(() => rm(dir, { recursive: true }));
const folder = () => pathToFileURL(`${dir}/`);

test('the kept results hold every cost, with file, machine and commit', async () => {
  const { shopper, stored: whole, ...real } = await readCosts();
  const found = /^\w+\.json \(.+, \d+ cores, \d{4}-\d\d-\d\d, [0-9a-f]{7}\)$/;
  for (const each of Object.values(real)) {
    if (each === null) continue;
    expect(each.value).toBeGreaterThan(0);
    expect(each.from).toMatch(found);
  }
  if (shopper !== null) {
    expect(costBeforePress(shopper, 'demo', 'pow').nginx).toBeGreaterThan(0);
    expect(shopper.from).toMatch(found);
  }
  if (whole !== null) {
    expect(whole.postgres).toBeGreaterThan(0);
    expect(whole.from).toMatch(found);
  }
  expect(await readNginxLimits()).toEqual({ connectionsPerWorker: 16_384, sharedMemoryMb: expect.any(Number) });
});

test('a shopper is taken whole or not at all, and what is missing says which benchmark to run', async () => {
  const file = join(dir, 'shopper.json');
  const { steps, ways: taken } = shopperCosts();
  const answered = { challenge: { passedOn: 0 }, signIn: { passedOn: 5000 } };
  const ways = taken.map((way) => {
    const { challenge } = way.steps;
    return { ...way, answered, steps: { ...way.steps, challenge: { ...challenge, gateway: 3 } } };
  });
  const spread = (name: string, value: unknown) =>
    typeof value === 'number' && name !== 'median' && name !== 'passedOn' ? { median: value - 0.5 } : value;
  const where = { date: '2026-11-30T20:00:00.000Z', commit: 'c0ffee1c0ffee1', machine: { model: 'test', cores: 2 } };
  const write = async (of: object) => {
    const measured = JSON.parse(JSON.stringify(of, spread));
    await writeFile(file, JSON.stringify({ ...where, ...measured }));
    return readCosts(folder());
  };
  const { shopper } = await write({ steps, answered, ways });
  // What is taken off for the work at rest may leave less than nothing.
  expect(shopper?.steps.page).toEqual({ nginx: 14.5, gateway: 0 });
  // And more than nothing, where the edge has answered all.
  expect(shopper?.ways[0]?.steps.challenge.gateway).toBe(0);
  expect(shopper?.steps.signIn.gateway).toBeGreaterThan(0);
  expect(shopper?.from).toBe('shopper.json (test, 2 cores, 2026-11-30, c0ffee1)');
  await expect(write({ steps, answered, ways: ways.slice(1) })).rejects.toThrow(
    'shopper.json has no "HS256, sum": run npm run bench -- shopper',
  );
  await expect(write({ steps: { ...steps, page: undefined }, answered, ways })).rejects.toThrow(
    /shopper\.json cannot be used: [\s\S]*steps\.page: run npm run bench -- shopper/,
  );
  await rm(file);
  expect((await readCosts(folder())).shopper).toBeNull();
});

test('the whole way of a purchase is read by process, and stock Redis without what accepting alone costs', async () => {
  const where = { date: '2026-12-01T02:00:00.000Z', commit: 'c0ffee1c0ffee1', machine: { model: 'test', cores: 2 } };
  const spreads = (of: Record<string, number>) =>
    Object.fromEntries(Object.entries(of).map(([name, median]) => [name, { median }]));
  const write = async (accepted: number, more: object = {}) => {
    const stored = { 'seckill-service': 80, 'order-worker': 40, 'stock-redis': 50, 'queue-redis': 10, postgres: 150 };
    const microsPerPurchase = {
      stored: { ...spreads(stored), ...more },
      accepted: spreads({ 'stock-redis': accepted, 'queue-redis': -1 }),
    };
    await writeFile(join(dir, 'stored.json'), JSON.stringify({ ...where, microsPerPurchase }));
    return (await readCosts(folder())).stored;
  };
  expect(await write(20)).toEqual({ ...stored, from: 'stored.json (test, 2 cores, 2026-12-01, c0ffee1)' });
  expect(await write(60)).toMatchObject({ stockRedisAccepts: 50, stockRedisStores: 0 });
  await expect(write(20, { postgres: undefined })).rejects.toThrow(
    /stored\.json cannot be used: [\s\S]*postgres: run npm run bench -- purchase --stored/,
  );
  await rm(join(dir, 'stored.json'));
  expect((await readCosts(folder())).stored).toBeNull();
});

test('a result that is missing or unreadable is named, and its benchmark', async () => {
  await writeFile(join(dir, 'reserve.json'), '{"usecPerCall": {}}');
  await expect(readCosts(folder())).rejects.toThrow(ResultError);
  await expect(readCosts(folder())).rejects.toThrow(/reserve\.json cannot be used/);
  await rm(join(dir, 'reserve.json'));
  await expect(readCosts(folder())).rejects.toThrow(
    /reserve\.json cannot be used: .*ENOENT.*: run npm run bench -- reserve/,
  );
});
