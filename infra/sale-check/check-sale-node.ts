import type { SaleNode } from '#contract/sale.ts';
import { checkSaleIds } from '#contract/shadow-sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { Stock } from '#stock/stock.ts';

const windowMs = 600_000;

/**
 * A sale that is open, and that exists in ZooKeeper alone while `use` runs: every edge lets its purchases pass, and stock
 * Redis, which has no stock of it, refuses each as SALE_UNKNOWN. There is nothing that could be sold, by whomever. The
 * node is ephemeral: it goes with this process, however that ends.
 */
export async function withCheckSale<T>(
  deps: { zookeeper: ZooKeeper; stock: Stock },
  use: (sale: SaleNode) => Promise<T>,
): Promise<T> {
  const { zookeeper, stock } = deps;
  for (const saleId of checkSaleIds) {
    if ((await stock.sale(saleId)) !== null) continue; // somebody gave a real one that name
    const sale = checkSale(saleId, Date.now());
    const path = zookeeperPaths.sale(saleId);
    if (!(await zookeeper.create(path, Buffer.from(JSON.stringify(sale)), 'ephemeral'))) continue;
    try {
      return await use(sale);
    } finally {
      await zookeeper.remove(path);
    }
  }
  throw new Error(`${checkSaleIds.length} other checks are running: run this one again in a moment`);
}

/** Epochs of checks are counted from here, in ms: those of Unix time are above the highest that an epoch may be. */
const epochsFromMs = Date.UTC(2026, 0, 1);

/** The epoch grows from check to check: an edge that still knows an older one takes this one. */
const checkSale = (saleId: string, nowMs: number): SaleNode => ({
  saleId,
  title: 'seckill sale check',
  price: { amount: 1, currency: 'CNY' },
  challenge: 'none',
  state: 'open',
  epoch: nowMs - epochsFromMs,
  window: {
    opensAt: new Date(nowMs - windowMs).toISOString(),
    closesAt: new Date(nowMs + windowMs).toISOString(),
  },
  limits: { perUser: 1 },
});
