import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Costs, ResultError, readCosts, resultsFolder } from './costs.ts';
import { describePlan } from './describe-plan.ts';
import { readNginxLimits } from './edge-limits.ts';
import { type Crowd, planFor } from './plan.ts';

const crowd: Crowd = {
  shoppers: 100_000,
  units: 10_000,
  openInSeconds: 600,
  withinSeconds: 10,
  presses: 2,
  storeWithinSeconds: 60,
  workersPerEdge: 4,
  utilisation: 0.5,
  isReplicated: false,
};
const nginx = { connectionsPerWorker: 8192, sharedMemoryMb: 111 };
const cost = (value: number) => ({ value, unit: 'µs' as const, from: 'this test' });
const costs: Costs = {
  edgeRefusal: cost(20),
  edgePage: cost(30),
  edgeSale: cost(20),
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
  gatewayShopper: cost(1000),
  pageBytes: { ...cost(5000), unit: 'bytes' },
  refusalBytes: { ...cost(500), unit: 'bytes' },
};
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
  expect(count(plan, 'gateway')).toBe(1);
  expect(plan.memory).toEqual({ stockRedisMb: 2, edgeSharedMb: 111 });
  expect(plan.bandwidth?.openingMbitPerSecond).toBe(80);
});

test('ten times the crowd needs ten times the edges, and one stock Redis all the same', () => {
  const plan = planFor({ ...crowd, shoppers: 1_000_000 }, costs, nginx);
  expect(count(plan, 'edge (connections)')).toBe(62);
  expect(count(plan, 'stock Redis')).toBe(1);
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

test('what was not measured is left out and said', () => {
  const bare = { ...costs, servicePurchase: null, gatewayShopper: null, pageBytes: null, refusalBytes: null };
  const plan = planFor(crowd, bare, nginx);
  expect(plan.parts.map(({ name }) => name)).not.toContain('seckill-service');
  expect(plan.notMeasured).toContain('seckill-service');
  expect(describePlan(plan, bare, null)).toMatch(/not measured +seckill-service/);
});

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'costs-'));
  await cp(resultsFolder, dir, { recursive: true });
});
afterAll(() => rm(dir, { recursive: true }));
const folder = () => pathToFileURL(`${dir}/`);

test('the kept results hold every cost, with file, machine and commit', async () => {
  const real = await readCosts();
  for (const each of Object.values(real)) {
    if (each === null) continue;
    expect(each.value).toBeGreaterThan(0);
    expect(each.from).toMatch(/^\w+\.json \(.+, \d+ cores, \d{4}-\d\d-\d\d, [0-9a-f]{7}\)$/);
  }
  expect(await readNginxLimits()).toEqual({ connectionsPerWorker: 16_384, sharedMemoryMb: expect.any(Number) });
});

test('a result that is missing or unreadable is named', async () => {
  await writeFile(join(dir, 'reserve.json'), '{"usecPerCall": {}}');
  await expect(readCosts(folder())).rejects.toThrow(ResultError);
  await expect(readCosts(folder())).rejects.toThrow(/reserve\.json cannot be used/);
  await rm(join(dir, 'reserve.json'));
  await expect(readCosts(folder())).rejects.toThrow(/reserve\.json cannot be used: .*ENOENT/);
});
