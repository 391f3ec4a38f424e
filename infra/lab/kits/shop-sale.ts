import { relayGroup, saleKeys } from '#contract/redis-keys.ts';
import { saleFileSchema } from '#contract/sale.ts';
import type { PageSignIn } from '#contract/sign-in.ts';
import type { PreparedPicture } from '#gateway/pages/picture.ts';
import { publishAllPages } from '#infra/cli/sale/pages-commands.ts';
import { toNewSale } from '#infra/cli/sale/sale-file.ts';
import type { StackUnderTest } from '#lab/servers/stack-under-test.ts';
import { edgesInStep } from '#sales/edges.ts';
import { changeSaleState, preloadSale } from '#sales/sale-state.ts';
import type { SaleAction } from '#stock/outcomes.ts';
import { openPatientConnections } from './patient-connections.ts';

export type ShopSale = { saleId: string; url: string };
type Change = { opensInMs?: number; picture?: PreparedPicture; [field: string]: unknown };

/**
 * Sales for browser tests, made as the CLI makes them but within this process: many tests, few seconds. `signIn`: their
 * pages, and with them all others, lead there; whoever gives one publishes without it in the end.
 */
export async function openShop(stack: StackUnderTest, signIn?: PageSignIn) {
  const connections = await openPatientConnections(stack.env);
  const pagesDir = stack.env.SECKILL_PAGES_DIR ?? '';
  const until = Date.now() + 60_000;
  while (connections.zookeeper.ready() !== null && Date.now() < until)
    await new Promise((next) => setTimeout(next, 50));

  async function change(saleId: string, action: SaleAction, openNow = false): Promise<void> {
    const { outcome } = await changeSaleState(connections, saleId, action, openNow);
    if (outcome.kind !== 'done') throw new Error(`${action} ${saleId}: ${outcome.kind}`);
    await edgesInStep(connections.zookeeper, saleId, outcome.epoch);
  }

  return {
    connections,
    change,
    /** The sale's opening is moved to this moment. */
    openNow: (saleId: string) => change(saleId, 'open', true),
    /** The sale's orders rest in its outbox until `release`: accepted, and not stored. */
    async holdOrders(saleId: string): Promise<{ release: () => Promise<void> }> {
      const { outbox } = saleKeys(saleId);
      const from = (id: string) => connections.stockRedis.xgroup('SETID', outbox, relayGroup, id);
      await from('9999999999999-0');
      return { release: async () => void (await from('0')) };
    },
    publish: (chosen: { signIn?: PageSignIn | undefined } = { signIn }) =>
      publishAllPages(connections, { pagesDir, ...chosen }),
    /** A sale of its own for each test, with its page out and its doors open at `opensInMs` from now. */
    async open(title: string, { opensInMs = -60_000, picture, ...fields }: Change = {}): Promise<ShopSale> {
      const saleId = `shop-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 6)}`;
      const opensAtMs = Date.now() + opensInMs;
      const file = saleFileSchema.parse({
        saleId,
        title,
        price: { amount: 199_900, currency: 'CNY' },
        units: 5,
        opensAt: new Date(opensAtMs).toISOString(),
        closesAt: new Date(opensAtMs + 3_600_000).toISOString(),
        ...fields,
      });
      const secret = () => stack.env.SECKILL_CHALLENGE_SECRET ?? '';
      await connections.catalogue.create(toNewSale(file, secret), picture ?? null);
      const sale = await connections.catalogue.find(saleId);
      if (sale === null) throw new Error(`${saleId} was not created`);
      await preloadSale(connections, sale, file.units);
      await change(saleId, 'open');
      await publishAllPages(connections, { pagesDir, signIn });
      return { saleId, url: `${stack.edgeUrl}/sales/${saleId}` };
    },
    close: () => connections.close(),
  };
}
export type Shop = Awaited<ReturnType<typeof openShop>>;
