import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type EdgesKit, openEdges } from '#lab/kits/edges.ts';
import { poll } from '#lab/poll.ts';
import { descendantsOf } from '#lab/servers/process-family.ts';
import { changeEdgeSettings } from '#sales/edge-settings.ts';
import { isHealthy } from '../chaos/checks.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let kit: EdgesKit;
beforeAll(async () => {
  kit = await openEdges();
});
afterAll(() => kit.close());

const everyEdge = [0, 1, 2];
const everybodyIsUp = () => isHealthy(kit.stack);

function kill(names: readonly string[]): void {
  for (const name of names) {
    const pid = kit.pidOf(name);
    if (pid === null) throw new Error(`${name} does not run`);
    process.kill(pid, 'SIGKILL');
  }
}

/** Somebody new at every edge, again and again until `isOver`; returns each different answer that was given. */
async function knock(saleId: string, isOver: () => boolean): Promise<Set<string>> {
  const answers = new Set<string>();
  await Promise.all(
    everyEdge.map(async (edge) => {
      while (!isOver()) {
        answers.add(await kit.buy(edge, saleId, kit.buyer(saleId)));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }),
  );
  return answers;
}

describe.each([
  ['ZooKeeper', ['zookeeper']],
  ['an agent', ['gateway-2']],
  ['an nginx', ['edge-2']],
  ['everything of it together', ['zookeeper', 'gateway-1', 'gateway-2', 'gateway-3', 'edge', 'edge-2', 'edge-3']],
])('%s is killed and comes back', (_, names) => {
  test('while the last unit goes: nobody gets a second one, and every edge ends sold out (I7)', async () => {
    const saleId = await kit.openSale(1);
    let isOver = false;
    const knocking = knock(saleId, () => isOver);
    const buyer = kit.buyer(saleId);
    kill(names);
    // By nobody who could tell ZooKeeper: the reconciler has to.
    const { stock } = kit.connections;
    const taken = await poll('a decision', () =>
      stock.reserve(saleId, buyer.orderId, buyer.userId, 1).catch(() => null),
    );
    await everybodyIsUp();
    await kit.everyEdgeSays(saleId, 'sold_out');
    isOver = true;
    const isOurs = taken.kind === 'accepted' || taken.kind === 'replay';
    const yes = isOurs ? [] : ['202']; // one of those who knock was faster
    const refusals = [...(await knocking)].filter((answer) => !yes.includes(answer));
    // No edge forgot the sale, or let go of its limits, keys or state.
    expect(['none', '410 SOLD_OUT', '503 UNAVAILABLE']).toEqual(expect.arrayContaining(refusals));
  });

  test('while a unit comes back: every edge ends open, and it is sold (I7)', async () => {
    const saleId = await kit.openSale(1);
    const buyer = kit.buyer(saleId);
    expect(await kit.sell(0, saleId, buyer)).toBe('202');
    await kit.everyEdgeSays(saleId, 'sold_out');
    kill(names);
    expect(await kit.connections.stock.release(saleId, buyer.orderId)).toMatchObject({ kind: 'released' });
    await everybodyIsUp();
    await kit.everyEdgeSays(saleId, 'open');
    expect(await kit.sell(1, saleId, kit.buyer(saleId))).toBe('202');
    await kit.everyEdgeSays(saleId, 'sold_out');
  });

  test('what ops have set stays in force', async () => {
    const { zookeeper } = kit.connections;
    const userBurst = 21 + Math.floor(Math.random() * 1000);
    const { version } = await poll('ZooKeeper to take it', () =>
      changeEdgeSettings(zookeeper, (now) => ({ ...now, limits: { userBurst } })).catch(() => null),
    );
    const obeys = () =>
      poll(`every edge to obey version ${version}`, async () => {
        const edges = await kit.edges();
        const isThere = edges.filter((edge) => edge.settingsVersion === version && edge.limits.userBurst === userBurst);
        return isThere.length === 3 && edges.every(({ silentSince }) => silentSince === null);
      });
    await obeys();
    kill(names);
    await everybodyIsUp();
    await obeys();
  });
});

test('an nginx that hangs is called silent, and gets what it has missed when it goes on', async () => {
  const saleId = await kit.openSale(1);
  const master = kit.pidOf('edge-2') ?? 0;
  const family = [master, ...descendantsOf(master)];
  for (const pid of family) process.kill(pid, 'SIGSTOP');
  const silentSince = async () => (await kit.edges()).find(({ edgeId }) => edgeId === 'edge-2')?.silentSince;
  const isSilent = async () => ((await silentSince()) ?? null) !== null;
  try {
    await poll('the agent to miss it', isSilent);
    expect(await kit.sell(0, saleId, kit.buyer(saleId))).toBe('202');
  } finally {
    for (const pid of family) process.kill(pid, 'SIGCONT');
  }
  await kit.everyEdgeSays(saleId, 'sold_out');
  await poll('it to be heard again', async () => !(await isSilent()));
});
