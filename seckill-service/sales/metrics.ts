import { storedSaleStates } from '#contract/sale.ts';
import { Counter, Gauge, Histogram, type Registry } from '#runtime/metrics.ts';
import type { StockSale } from '#stock/stock-sale.ts';

/** What Prometheus is told of each sale, out of stock Redis: every service says the same. */
export function createSaleMetrics(registers: Registry[]) {
  const gauge = (name: string, help: string, ...labelNames: string[]) =>
    new Gauge({ name, help, labelNames: ['sale', ...labelNames], registers });
  const epoch = gauge('seckill_sale_epoch', 'The epoch that every edge should obey');
  const state = gauge('seckill_sale_state', '1 for the state that stock Redis holds, 0 for every other', 'state');
  const doubt = gauge(
    'seckill_sale_in_doubt',
    '1 while the system itself keeps the sale paused: its books are in doubt',
  );
  const units = gauge(
    'seckill_sale_units',
    'Units by where they are: total, free; and ever growing: stored (their order has its row), returned',
    'what',
  );

  return {
    rollbacks: new Counter({
      name: 'seckill_rollbacks_total',
      help: 'Sales that were paused because stock Redis came back with an older past',
      labelNames: ['sale'],
      registers,
    }),
    unreadableNodes: new Counter({
      name: 'seckill_unreadable_nodes_total',
      help: 'Data of sales in ZooKeeper that could not be read, and counted as none',
      registers,
    }),
    shedSeconds: new Histogram({
      name: 'seckill_shed_seconds',
      help: 'From the answer that took a sale’s last unit until every connected edge said that it obeys',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    saw(sale: string, stock: StockSale): void {
      epoch.set({ sale }, stock.epoch);
      for (const each of storedSaleStates) state.set({ sale, state: each }, stock.state === each ? 1 : 0);
      doubt.set({ sale }, stock.fault === null ? 0 : 1);
      units.set({ sale, what: 'total' }, stock.total);
      units.set({ sale, what: 'free' }, stock.free);
      units.set({ sale, what: 'stored' }, stock.committed);
      units.set({ sale, what: 'returned' }, stock.returned);
    },
    /** A sale that has left the list says nothing more, rather than its last word for ever. */
    forget(sale: string): void {
      for (const each of [epoch, doubt]) each.remove({ sale });
      for (const each of storedSaleStates) state.remove({ sale, state: each });
      for (const what of ['total', 'free', 'stored', 'returned']) units.remove({ sale, what });
    },
  };
}
