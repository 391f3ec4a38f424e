import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { Pool } from 'undici';
import type { EdgeSettings } from '#contract/edge-settings.ts';
import { newOrderId } from '#contract/order.ts';
import { saleFileSchema } from '#contract/sale.ts';
import { parseTicketKeys, signTicket } from '#contract/ticket.ts';
import { openConnections } from '#infra/cli/kit/connections.ts';
import { call } from '#loadtest/crowd/shopper.ts';
import { changeEdgeSettings, noEdgeSettings, readEdgeSettings } from '#sales/edge-settings.ts';
import { readEdges } from '#sales/edges.ts';
import { changeSaleState, preloadSale } from '#sales/sale-state.ts';
import { poll } from '../poll.ts';
import { stackUnderTest } from '../servers/stack-under-test.ts';
import { newSaleId } from './command-line.ts';

export type Buyer = { orderId: string; userId: string; ticket: string };
type Settings = Omit<EdgeSettings, 'version'>;
export type EdgesKit = Awaited<ReturnType<typeof openEdges>>;

/** The three edges of the shared stack, and what a test of them needs: sales, buyers, and what each edge says. */
export async function openEdges() {
  const { dir, env: environment, edges } = stackUnderTest();
  const connections = await openConnections(environment);
  const { stock, catalogue, zookeeper } = connections;
  const pools = edges.map(
    ({ url }) => new Pool(url, { connections: 32, connect: { timeout: 5000 }, headersTimeout: 15_000 }),
  );
  const poolOf = (edge: number) => {
    const pool = pools[edge];
    if (pool === undefined) throw new Error(`there is no edge ${edge}`);
    return pool;
  };
  const keysFile = environment.SECKILL_TICKET_KEYS_FILE ?? '';

  /** A sale that is open on every edge: what ops do by the command line, in this process. */
  async function openSale(units: number): Promise<string> {
    const saleId = newSaleId('edges');
    const file = {
      saleId,
      title: 'A phone',
      price: { amount: 1999, currency: 'CNY' },
      units,
      opensAt: new Date(Date.now() - 60_000).toISOString(),
      closesAt: new Date(Date.now() + 3_600_000).toISOString(),
      challenge: 'none',
    };
    await catalogue.create(saleFileSchema.parse(file));
    const sale = await catalogue.find(saleId);
    if (sale === null) throw new Error('the sale is not in the catalogue');
    // ZooKeeper may not answer in time on a busy machine; a draft is loaded again.
    await poll('the stock', () => preloadSale(connections, sale, units).catch(() => null));
    const { outcome } = await changeSaleState(connections, saleId, 'open');
    if (outcome.kind !== 'done') throw new Error(JSON.stringify(outcome));
    // Each has applied it itself: what an edge says of a sale may come from a tier behind it. One that lost ZooKeeper a
    // moment ago is not in the list yet, so they are counted.
    await poll('every edge to follow', async () => {
      const edges = await readEdges(zookeeper).catch(() => []);
      return edges.filter(({ epochs }) => epochs[saleId] === outcome.epoch).length === pools.length;
    });
    return saleId;
  }

  /** Somebody new, with a ticket by the keys as they are now. */
  function buyer(saleId: string): Buyer {
    const userId = crypto.randomUUID();
    const orderId = newOrderId(saleId, Date.now());
    const keys = parseTicketKeys(readFileSync(keysFile, 'utf8'));
    return { orderId, userId, ticket: signTicket({ orderId, userId, expiresAtMs: Date.now() + 600_000 }, keys) };
  }

  /** `202`, `410 SOLD_OUT`, …; `none` when there was no answer. */
  const buy = (edge: number, saleId: string, { ticket }: Buyer, attempt = 1): Promise<string> =>
    call(poolOf(edge), 'POST', `/api/sales/${saleId}/orders`, { ticket, attempt, body: { quantity: 1 } }).then(
      ({ status, body }) => (status === 202 ? '202' : `${status} ${String(body.code)}`),
      () => 'none',
    );

  /** Buys as the page does: again with the same ticket while it is told to wait, or nothing at all. */
  const sell = (edge: number, saleId: string, buyer: Buyer): Promise<string> => {
    let attempts = 0;
    return poll('a purchase to be decided', async () => {
      attempts += 1;
      const answer = await buy(edge, saleId, buyer, attempts);
      return answer !== 'none' && !/^(429|503)/.test(answer) && answer;
    });
  };

  /** Waits until each edge tells everybody the sale's state and epoch as stock Redis has them, and that it is `state`. */
  const everyEdgeSays = (saleId: string, state: string) =>
    poll(`every edge to say ${state}`, async () => {
      const sale = await stock.sale(saleId).catch(() => null);
      const said = await Promise.all(pools.map((pool) => call(pool, 'GET', `/api/sales/${saleId}`).catch(() => null)));
      return sale?.state === state && said.every((it) => it?.body.state === state && it.body.epoch === sale.epoch);
    });

  /** What ops have set for all edges, without its version. */
  const settings = async (): Promise<Settings> => {
    const { set } = await poll('the settings', async () => ({ set: await readEdgeSettings(zookeeper) }));
    return set === null || set === 'unreadable' ? noEdgeSettings : { limits: set.limits, maintenance: set.maintenance };
  };

  /** Sets it, and waits until every edge obeys; returns the version. */
  async function set(change: (now: Settings) => Settings): Promise<number> {
    const { version } = await poll('ZooKeeper to take it', () =>
      changeEdgeSettings(zookeeper, change).catch(() => null),
    );
    await poll(`every edge to obey version ${version}`, async () => {
      const known = await readEdges(zookeeper);
      const obeys = known.filter((edge) => edge.settingsVersion === version && edge.silentSince === null);
      return known.length === edges.length && obeys.length === edges.length;
    });
    return version;
  }

  const before = await settings();

  return {
    settings,
    set,
    stack: { dir, environment, edges },
    connections,
    pools,
    keysFile,
    openSale,
    buyer,
    buy,
    sell,
    everyEdgeSays,
    /** Those that ZooKeeper lists; nobody while it cannot be asked. */
    edges: () => readEdges(zookeeper).catch(() => []),
    /** What was set for all edges since is put back. */
    close: async () => {
      if (!isDeepStrictEqual(await settings(), before)) await set(() => before);
      await Promise.all(pools.map((pool) => pool.destroy()));
      await connections.close();
    },
  };
}
