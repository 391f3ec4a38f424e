import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { edgeCounts } from '#contract/edge-counts.ts';
import { call } from '#loadtest/crowd/shopper.ts';
import { changeEdgeSettings } from '#sales/edge-settings.ts';
import { readEdgeSamples } from '../cli/watch/funnel.ts';
import { descendantsOf } from '../stack/testing/process-family.ts';
import { type EdgesKit, openEdges } from './edges-kit.ts';
import { seckill, seckillJson, until } from './seckill.ts';

// Three nginx with an agent each, one ZooKeeper.
let kit: EdgesKit;
beforeAll(async () => {
  kit = await openEdges();
});
afterAll(() => kit.close());

const everyEdge = [0, 1, 2];

/** Sells the three units of a sale, one through each edge. */
async function sellOut(saleId: string) {
  const buyers = everyEdge.map(() => kit.buyer(saleId));
  for (const [edge, buyer] of buyers.entries()) expect(await kit.buy(edge, saleId, buyer)).toBe('202');
  await kit.everyEdgeSays(saleId, 'sold_out');
  return buyers;
}

/** What each edge has passed on to the service, once it has counted `shed` refusals. */
async function passedOn(saleId: string, shed: number): Promise<number[]> {
  const counts = () =>
    Promise.all(
      kit.stack.edges.map(async ({ innerUrl }) => edgeCounts((await readEdgeSamples(innerUrl)) ?? [], saleId)),
    );
  await until('the counters', async () => (await counts()).every((count) => (count.shed.sold_out ?? 0) >= shed));
  return (await counts()).map(({ passed }) => passed);
}

test('once every edge knows that it is sold out, none of them lets a purchase through (I8)', async () => {
  const saleId = await kit.openSale(3);
  await sellOut(saleId);
  for (const edge of everyEdge) {
    const answers = await Promise.all(Array.from({ length: 40 }, () => kit.buy(edge, saleId, kit.buyer(saleId))));
    expect(new Set(answers)).toEqual(new Set(['410 SOLD_OUT']));
  }
  expect(await passedOn(saleId, 40)).toEqual([1, 1, 1]); // the one that each of them sold
});

test('a unit that comes back opens every edge again, and it is sold there (I7)', async () => {
  const saleId = await kit.openSale(3);
  const [first] = await sellOut(saleId);
  expect(await kit.connections.stock.release(saleId, first?.orderId ?? '')).toMatchObject({ kind: 'released' });
  await kit.everyEdgeSays(saleId, 'open');
  expect(await kit.buy(2, saleId, kit.buyer(saleId))).toBe('202');
  await kit.everyEdgeSays(saleId, 'sold_out');
});

describe('live knobs', () => {
  test('a change is in force on every edge within 100 ms', async () => {
    const { zookeeper } = kit.connections;
    const isClosed = async (edge: number) => {
      const pool = kit.pools[edge];
      return pool !== undefined && (await call(pool, 'GET', '/api/orders/nobody')).status === 503;
    };
    const took: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const maintenance = round % 2 === 0 ? { retryAfterSeconds: 7 } : null;
      const from = performance.now();
      await changeEdgeSettings(zookeeper, (current) => ({ ...current, maintenance }));
      await Promise.all(
        everyEdge.map(async (edge) => {
          while ((await isClosed(edge)) !== (maintenance !== null));
        }),
      );
      took.push(performance.now() - from);
    }
    // A third of the rounds: who shares this machine may take its cores at any moment. Polling once a second would fail.
    expect(took.sort((a, b) => a - b)[3]).toBeLessThan(100);
  });

  test('seckill edge changes a limit on every edge, shows who obeys it, and puts it back', async () => {
    const { environment } = kit.stack;
    const everybody = { inStep: ['edge-1', 'edge-2', 'edge-3'], behind: [] };
    const change = (...args: string[]) => seckillJson<{ edges: object }>(environment, 'edge', ...args);
    expect((await change('set', 'userPerSecond', '1')).edges).toMatchObject(everybody);
    expect((await change('set', 'userBurst', '2')).edges).toMatchObject(everybody);
    const saleId = await kit.openSale(100);
    for (const edge of everyEdge) {
      const buyer = kit.buyer(saleId);
      const answers = await Promise.all(Array.from({ length: 6 }, () => kit.buy(edge, saleId, buyer)));
      // Two at once; each edge limits for itself.
      expect(answers.sort()).toEqual(['202', '202', ...Array(4).fill('429 RATE_LIMITED')]);
    }
    const shown = await seckill(environment, 'edge', 'show');
    expect(shown.stdout).toMatch(/^settings \d+: userPerSecond 1, userBurst 2$/m);
    expect(shown.stdout).toMatch(/^edge-3 +live +\d+ +off +1 +2 +100000 +100000 +512$/m);
    await change('reset', 'userBurst');
    await change('reset');
    expect((await kit.edges()).map(({ limits }) => limits.userBurst)).toEqual([20, 20, 20]);
  });

  test('maintenance refuses new work and keeps pages; an edge that does not follow is named, with exit code 1', async () => {
    const { environment } = kit.stack;
    await seckillJson(environment, 'edge', 'maintenance', 'on', '--retry-after', '9');
    const saleId = await kit.openSale(3);
    for (const edge of everyEdge) expect(await kit.buy(edge, saleId, kit.buyer(saleId))).toBe('503 UNAVAILABLE');
    await kit.everyEdgeSays(saleId, 'open');
    const watched = await seckill(environment, 'watch', saleId, '--rounds', '1');
    expect(watched.stdout).toContain('edges 3 (MAINTENANCE)');

    // An nginx that hangs for longer than the command waits; its agent is there, and so it counts.
    const master = kit.pidOf('edge-2') ?? 0;
    const family = [master, ...descendantsOf(master)];
    for (const pid of family) process.kill(pid, 'SIGSTOP');
    const off = await seckill(environment, 'edge', 'maintenance', 'off');
    for (const pid of family) process.kill(pid, 'SIGCONT');
    expect([off.code, off.stdout]).toEqual([1, expect.stringContaining('BEHIND: edge-2')]);
    await until('the edge to follow', async () => (await kit.buy(1, saleId, kit.buyer(saleId))) === '202');
  });

  test.each([
    [['edge', 'set', 'perUser', '5'], 'must be one of userPerSecond, userBurst'],
    [['edge', 'set', 'inFlight', '0'], 'must be a whole number from 1 to 1000000'],
    [['edge', 'set', 'inFlight', 'many'], 'must be a whole number from 1 to 1000000'],
    [['edge', 'reset', 'everything'], 'must be one of userPerSecond, userBurst'],
    [['edge', 'maintenance', 'on', '--retry-after', '4000'], 'must be a whole number from 1 to 3600'],
  ])('seckill %j says what is wrong, and changes nothing', async (args, words) => {
    const before = (await kit.edges()).map(({ settingsVersion }) => settingsVersion);
    const { code, stderr } = await seckill(kit.stack.environment, ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
    expect((await kit.edges()).map(({ settingsVersion }) => settingsVersion)).toEqual(before);
  });
});
