import { expect, onTestFinished } from 'vitest';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { test } from '#lab/fixtures/test.ts';
import { seckill } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { readEdgeSettings } from '#sales/edge-settings.ts';

// Alone: the settings are every edge's.
const maintenance = { retryAfterSeconds: 60 };

// That the highest version itself is lifted too, nginx-lua/test/settings.test.ts holds: edges that have obeyed it never
// go back to a lower one, and these edges are others' too.
test('maintenance under a version that no edge reads is named, and lifted by one command', async () => {
  const { openEdges } = await import('#lab/kits/edges.ts');
  const kit = await openEdges();
  onTestFinished(kit.close);
  const { zookeeper } = kit.connections;
  const path = zookeeperPaths.edgeSettings;
  const { environment } = kit.stack;
  await kit.set((now) => ({ ...now, limits: { ...now.limits, userBurst: 21 } })); // there is a node
  const found = await zookeeper.read(path);
  const poison = Buffer.from(JSON.stringify({ version: 2 ** 53 - 1, limits: {}, maintenance }));
  expect(await zookeeper.write(path, poison, found?.version ?? -1)).toBe(true);
  const inMaintenance = async () => (await kit.edges()).filter((edge) => edge.maintenance).length;
  const shown = await seckill(environment, 'edge', 'show');
  expect(shown.stdout).toContain(`${path} in ZooKeeper cannot be read`);
  expect(shown.stdout).toContain('mend: seckill edge maintenance off');
  expect(await seckill(environment, 'sale', 'list')).toMatchObject({ code: 0 });
  expect(await inMaintenance()).toBe(0);
  await poll('the command', async () => (await seckill(environment, 'edge', 'maintenance', 'off', '--yes')).code === 0);
  await poll('every edge to work', async () => (await inMaintenance()) === 0 && (await kit.edges()).length === 3);
  expect(await readEdgeSettings(zookeeper)).toMatchObject({ maintenance: null });
  const saleId = await kit.openSale(1);
  expect(await kit.sell(2, saleId, kit.buyer(saleId))).toBe('202');
});
