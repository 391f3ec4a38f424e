import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { test } from '#lab/fixtures/test.ts';
import type { EdgesKit } from '#lab/kits/edges.ts';
import { kill, untilHealthy, whileFrozen } from '#lab/kits/processes.ts';
import { poll } from '#lab/poll.ts';
import { noEdgeSettings } from '#sales/edge-settings.ts';

// More than all polls of a hook together: what is ill is then told by its name.
vi.setConfig({ hookTimeout: 300_000 });

let kit: EdgesKit;
test.beforeAll(({ edges }) => {
  kit = edges;
});
afterAll(() => untilHealthy(), 300_000);
// Runs before that one: also where something is ill, no limit stays.
afterAll(() => kit.set(() => noEdgeSettings));

const everyEdge = [0, 1, 2];

/** Somebody new at every edge, again and again until `isOver`; returns each different answer that was given. */
async function knock(saleId: string, isOver: () => boolean): Promise<Set<string>> {
  const answers = new Set<string>();
  await Promise.all(
    everyEdge.map(async (edge) => {
      while (!isOver()) {
        answers.add(await kit.buy(edge, saleId, kit.buyer(saleId)));
        await pause(50); // a shopper's own pause, and no wait for anything
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
  /** One sale's last unit goes while they are away, another sale's comes back, and a limit was set before. */
  let going: string;
  let returning: string;
  let userBurst: number;
  let version: number;
  /** How the last unit was taken, without a word to ZooKeeper: the reconciler has to tell it. */
  let taken: string;
  let released: string;
  let isOver = false;
  let knocking: Promise<Set<string>>;

  const obeys = () =>
    poll(`every edge to obey version ${version}`, async () => {
      const edges = await kit.edges();
      const isThere = edges.filter((edge) => edge.settingsVersion === version && edge.limits.userBurst === userBurst);
      return isThere.length === 3 && edges.every(({ silentSince }) => silentSince === null);
    });

  beforeAll(async () => {
    const { stock } = kit.connections;
    [going, returning] = await Promise.all([kit.openSale(1), kit.openSale(1)]);
    const [buyer, owner] = [kit.buyer(going), kit.buyer(returning)];
    expect(await kit.sell(0, returning, owner)).toBe('202');
    await kit.everyEdgeSays(returning, 'sold_out');
    userBurst = 21 + Math.floor(Math.random() * 1000);
    version = await kit.set((now) => ({ ...now, limits: { userBurst } }));
    await obeys();

    knocking = knock(going, () => isOver);
    kill(...names);
    const decision = await poll('a decision', () =>
      stock.reserve(going, { orderId: buyer.orderId, userId: buyer.userId, quantity: 1 }).catch(() => null),
    );
    taken = decision.kind;
    released = (await stock.release(returning, owner.orderId)).kind;
    await untilHealthy();
  });
  afterAll(() => {
    isOver = true;
  });

  test('while the last unit goes: nobody gets a second one, and every edge ends sold out (I7)', async () => {
    await kit.everyEdgeSays(going, 'sold_out');
    isOver = true;
    const isOurs = taken === 'accepted' || taken === 'replay';
    const yes = isOurs ? [] : ['202']; // one of those who knock was faster
    const refusals = [...(await knocking)].filter((answer) => !yes.includes(answer));
    // No edge forgot the sale, or let go of its limits, keys or state.
    expect(['none', '410 SOLD_OUT', '503 UNAVAILABLE']).toEqual(expect.arrayContaining(refusals));
  });

  test('while a unit comes back: every edge ends open, and it is sold (I7)', async () => {
    expect(released).toBe('released');
    await kit.everyEdgeSays(returning, 'open');
    expect(await kit.sell(1, returning, kit.buyer(returning))).toBe('202');
    await kit.everyEdgeSays(returning, 'sold_out');
  });

  test('what ops have set stays in force', obeys);
});

test('an nginx that hangs is called silent, and gets what it has missed when it goes on', async () => {
  const saleId = await kit.openSale(1);
  const silentSince = async () => (await kit.edges()).find(({ edgeId }) => edgeId === 'edge-2')?.silentSince;
  const isSilent = async () => ((await silentSince()) ?? null) !== null;
  await whileFrozen('edge-2', async () => {
    await poll('the agent to miss it', isSilent);
    expect(await kit.sell(0, saleId, kit.buyer(saleId))).toBe('202');
  });
  await kit.everyEdgeSays(saleId, 'sold_out');
  await poll('it to be heard again', async () => !(await isSilent()));
});
