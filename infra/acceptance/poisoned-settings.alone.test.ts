import { expect, onTestFinished } from 'vitest';
import { highestEpoch } from '#contract/epoch.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { test } from '#lab/fixtures/test.ts';
import { seckill } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { readEdgeSettings } from '#sales/edge-settings.ts';

// Alone: the settings are every edge's.
const maintenance = { retryAfterSeconds: 60 };

test.each([
  { version: 2 ** 53 - 1, isObeyed: false },
  { version: highestEpoch, isObeyed: true },
])('maintenance under version $version is lifted by one command', async ({ version, isObeyed }) => {
  const { openEdges } = await import('#lab/kits/edges.ts');
  const kit = await openEdges();
  onTestFinished(kit.close);
  const { zookeeper } = kit.connections;
  const path = zookeeperPaths.edgeSettings;
  const { environment } = kit.stack;
  await kit.set((now) => ({ ...now, limits: { ...now.limits, userBurst: 21 } })); // there is a node
  const found = await zookeeper.read(path);
  const poison = Buffer.from(JSON.stringify({ version, limits: {}, maintenance }));
  expect(await zookeeper.write(path, poison, found?.version ?? -1)).toBe(true);
  const inMaintenance = async () => (await kit.edges()).filter((edge) => edge.maintenance).length;
  if (isObeyed) await poll('every edge to obey', async () => (await inMaintenance()) === 3);
  else {
    const shown = await seckill(environment, 'edge', 'show');
    expect(shown.stdout).toContain(`${path} in ZooKeeper cannot be read`);
    expect(shown.stdout).toContain('mend: seckill edge maintenance off');
    expect(await seckill(environment, 'sale', 'list')).toMatchObject({ code: 0 });
    expect(await inMaintenance()).toBe(0);
  }
  await poll('the command', async () => (await seckill(environment, 'edge', 'maintenance', 'off', '--yes')).code === 0);
  await poll('every edge to work', async () => (await inMaintenance()) === 0 && (await kit.edges()).length === 3);
  expect(await readEdgeSettings(zookeeper)).toMatchObject({ maintenance: null });
  const saleId = await kit.openSale(1);
  expect(await kit.sell(2, saleId, kit.buyer(saleId))).toBe('202');
});
