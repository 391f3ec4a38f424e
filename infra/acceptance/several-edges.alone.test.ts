import { describe, expect, onTestFailed, vi } from 'vitest';
import { edgeCounts } from '#contract/edge-counts.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { test } from '#lab/fixtures/test.ts';
import { seckill } from '#lab/kits/command-line.ts';
import type { EdgesKit } from '#lab/kits/edges.ts';
import { leaveHealthy, replace, whileFrozen } from '#lab/kits/processes.ts';
import { poll } from '#lab/poll.ts';
import { call } from '#loadtest/crowd/shopper.ts';
import { changeEdgeSettings, noEdgeSettings, readEdgeSettings } from '#sales/edge-settings.ts';
import type { EdgesInStep } from '#sales/edges.ts';
import { type Funnel, readEdgeSamples } from '../cli/watch/funnel.ts';

// Three nginx with an agent each, one ZooKeeper. What is set here is in force for all who use the stack.
let kit: EdgesKit;
test.beforeAll(({ edges }) => {
  kit = edges;
});

const everyEdge = [0, 1, 2];

/** Sells the three units of a sale, one through each edge. */
async function sellOut(saleId: string) {
  const buyers = everyEdge.map(() => kit.buyer(saleId));
  for (const [edge, buyer] of buyers.entries()) expect(await kit.sell(edge, saleId, buyer)).toBe('202');
  await kit.everyEdgeSays(saleId, 'sold_out');
  return buyers;
}

/** What each edge has passed on to the service, once it has counted its own sale and `shed` refusals. */
function passedOn(saleId: string, shed: number): Promise<number[]> {
  return poll('the counters', async () => {
    const read = await Promise.all(kit.stack.edges.map(({ innerUrl }) => readEdgeSamples(innerUrl)));
    const counts = read.filter((samples) => samples !== null).map((samples) => edgeCounts(samples, saleId));
    const counted = counts.filter((count) => count.passed > 0 && (count.shed.sold_out ?? 0) >= shed);
    return counted.length === read.length && counted.map(({ passed }) => passed);
  });
}

test('once every edge knows that it is sold out, none of them lets a purchase through (I8)', async () => {
  const saleId = await kit.openSale(3);
  await sellOut(saleId);
  const sold = await passedOn(saleId, 0); // one each, or more where a first try got no answer
  for (const edge of everyEdge) {
    const answers = await Promise.all(Array.from({ length: 40 }, () => kit.buy(edge, saleId, kit.buyer(saleId))));
    expect(new Set(answers)).toEqual(new Set(['410 SOLD_OUT']));
  }
  expect(await passedOn(saleId, 40)).toEqual(sold);
});

test('a unit that comes back opens every edge again, and it is sold there (I7)', async () => {
  const saleId = await kit.openSale(3);
  const [first] = await sellOut(saleId);
  expect(await kit.connections.stock.release(saleId, first?.orderId ?? '')).toMatchObject({ kind: 'released' });
  await kit.everyEdgeSays(saleId, 'open');
  expect(await kit.sell(2, saleId, kit.buyer(saleId))).toBe('202');
  await kit.everyEdgeSays(saleId, 'sold_out');
});

test('an edge that restarts in mid-sale counts anew, and watch says since when: more are accepted than have arrived', async () => {
  leaveHealthy();
  const { environment } = kit.stack;
  const saleId = await kit.openSale(3);
  const watched = async (...more: string[]) =>
    (await seckill(environment, 'watch', saleId, '--rounds', '1', ...more)).stdout;
  const funnel = async () => JSON.parse(await watched('--json')) as Funnel;
  expect(await kit.sell(1, saleId, kit.buyer(saleId))).toBe('202');
  const before = await poll('the edge to have counted', async () => {
    const now = await funnel();
    return now.edge?.arrived === 1 && now;
  });
  await replace('edge-2');
  const anew = await poll('the edge to count anew', async () => {
    const now = await funnel();
    return now.edge !== null && (now.edge.since ?? '') > (before.edge?.since ?? '') && now;
  });
  expect(anew).toMatchObject({ accepted: 1, edge: { arrived: 0 } });
  expect(Date.parse(anew.edge?.since ?? '')).toBeLessThanOrEqual(Date.now());
  expect(await watched()).toMatch(/arrived 0 since \d\d:\d\d:\d\d UTC, shed 0 \| accepted 1 /);
});

/** `seckill edge …`; again, which changes nothing more, until every edge has followed within the 3 s that it waits. */
const followed = (...args: string[]) =>
  poll(
    `edge ${args.join(' ')} to be followed`,
    async () => {
      const { code, stdout } = await seckill(kit.stack.environment, 'edge', ...args, '--json');
      const edges = code === 0 ? (JSON.parse(stdout) as { edges: EdgesInStep }).edges : null;
      return edges?.inStep.length === everyEdge.length && edges;
    },
    90_000,
  );

describe('live knobs', () => {
  test('a change is in force on every edge within 100 ms', async () => {
    const { zookeeper } = kit.connections;
    const isClosed = async (edge: number) => {
      const pool = kit.pools[edge];
      return pool !== undefined && (await call(pool, 'GET', '/api/orders/nobody')).status === 503;
    };
    const took: number[] = [];
    const inTime = () => took.filter((ms) => ms < 100).length;
    const giveUpAt = performance.now() + 120_000;
    let maintenance: { retryAfterSeconds: number } | null = null;
    do {
      maintenance = maintenance === null ? { retryAfterSeconds: 7 } : null;
      const from = performance.now();
      await poll('the change', () =>
        changeEdgeSettings(zookeeper, (current) => ({ ...current, maintenance })).catch(() => null),
      );
      await Promise.all(
        everyEdge.map(async (edge) => {
          while ((await isClosed(edge)) !== (maintenance !== null));
        }),
      );
      took.push(performance.now() - from);
      // Four rounds: who shares this machine may take its cores at any moment. Polling once a second would get three edges
      // right in one round of a thousand.
    } while (maintenance !== null || took.length < 10 || (inTime() < 4 && performance.now() < giveUpAt));
    expect(inTime(), took.join()).toBeGreaterThanOrEqual(4);
  });

  test('seckill edge changes a limit on every edge, shows who obeys it, and puts it back', async () => {
    const { environment } = kit.stack;
    const everybody = { inStep: ['edge-1', 'edge-2', 'edge-3'], behind: [] };
    expect(await followed('set', 'userPerSecond', '1')).toMatchObject(everybody);
    expect(await followed('set', 'userBurst', '2')).toMatchObject(everybody);
    const saleId = await kit.openSale(100);
    for (const edge of everyEdge) {
      const answers = await poll('six at once: in less than a second, and nobody is told to wait', async () => {
        const buyer = kit.buyer(saleId);
        const from = performance.now();
        const six = await Promise.all(Array.from({ length: 6 }, () => kit.buy(edge, saleId, buyer)));
        return performance.now() - from < 900 && !six.some((it) => it === 'none' || it.startsWith('503')) && six;
      });
      // Two at once; each edge limits for itself.
      expect(answers.sort()).toEqual(['202', '202', ...Array(4).fill('429 RATE_LIMITED')]);
    }
    await vi.waitFor(
      async () => {
        const { stdout } = await seckill(environment, 'edge', 'show');
        expect(stdout).toMatch(/^settings \d+: userPerSecond 1, userBurst 2$/m);
        expect(stdout).toMatch(/^edge-3 +live +\d+ +off +1 +2 +100000 +100000 +500 +2000 +512$/m);
      },
      { timeout: 60_000 },
    );
    await followed('reset', 'userBurst');
    await followed('reset');
    const edges = await poll('every edge to be known', async () => {
      const known = await kit.edges();
      return known.length === everyEdge.length && known;
    });
    expect(edges.map(({ limits }) => limits.userBurst)).toEqual([20, 20, 20]);
  });

  test('what ZooKeeper has lost is in force until somebody who was told of it says yes', async () => {
    const { environment } = kit.stack;
    onTestFailed(async () => void (await kit.set(() => noEdgeSettings)));
    await followed('set', 'userPerSecond', '7');
    await poll('ZooKeeper to lose it', () =>
      kit.connections.zookeeper.remove(zookeeperPaths.edgeSettings).then(
        () => true,
        () => false,
      ),
    );
    const refused = await seckill(environment, 'edge', 'set', 'userBurst', '9');
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/LOST by ZooKeeper; edge-1.* add --yes/)]);
    expect((await kit.edges()).map(({ limits }) => limits.userPerSecond)).toEqual([7, 7, 7]);
    expect((await seckill(environment, 'edge', 'set', 'userBurst', '9', '--yes')).code).toBe(0);
    await poll('it to be lifted', async () => (await kit.edges()).every(({ limits }) => limits.userPerSecond !== 7));
    await followed('reset');
  });

  test('maintenance refuses new work and keeps pages; an edge that does not follow is named, with exit code 1', async () => {
    const { environment } = kit.stack;
    await followed('maintenance', 'on', '--retry-after', '9');
    const saleId = await kit.openSale(3);
    for (const edge of everyEdge) expect(await kit.buy(edge, saleId, kit.buyer(saleId))).toBe('503 UNAVAILABLE');
    await kit.everyEdgeSays(saleId, 'open');
    const watch = async () => (await seckill(environment, 'watch', saleId, '--rounds', '1')).stdout;
    await poll('watch to say so', async () => (await watch()).includes('edges 3 (MAINTENANCE)'));

    // An nginx that hangs for longer than the command waits; its agent is there, and so it counts.
    const off = await whileFrozen('edge-2', () => seckill(environment, 'edge', 'maintenance', 'off'));
    expect([off.code, off.stdout]).toEqual([1, expect.stringMatching(/BEHIND: .*edge-2/)]);
    expect(await kit.sell(1, saleId, kit.buyer(saleId))).toBe('202');
  });

  test.each([
    [['edge', 'set', 'perUser', '5'], 'must be one of userPerSecond, userBurst'],
    [['edge', 'set', 'inFlight', '0'], 'must be a whole number from 1 to 1000000'],
    [['edge', 'set', 'inFlight', 'many'], 'must be a whole number from 1 to 1000000'],
    [['edge', 'reset', 'everything'], 'must be one of userPerSecond, userBurst'],
    [['edge', 'maintenance', 'on', '--retry-after', '4000'], 'must be a whole number from 1 to 3600'],
  ])('seckill %j says what is wrong, and changes nothing', async (args, words) => {
    // Not what the edges say, who may be about to follow what was set before.
    const settings = () => poll('the settings', () => readEdgeSettings(kit.connections.zookeeper).catch(() => null));
    const before = await settings();
    const { code, stderr } = await seckill(kit.stack.environment, ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
    expect(await settings()).toEqual(before);
  });
});
