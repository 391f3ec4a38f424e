import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import type { Leadership } from '#runtime/zookeeper-leader.ts';
import type { Stock } from '#stock/stock.ts';
import type { OrderStore } from '../orders/order-store.ts';
import { auditSale } from './audit.ts';

/** A cut blocks stock Redis for about a millisecond per thousand orders: above this many a person runs the audit. */
const mostOrders = 20_000;

/** Audits every sale again and again, by one leader, and tells the number of differences: what the alarm stands on. */
export function watchBooks(deps: {
  stock: Stock;
  store: OrderStore;
  leadership: Pick<Leadership, 'isLeader'>;
  logger: Logger;
  onAudit: (saleId: string, differences: number) => void;
  everyMs?: number;
}): Loop {
  const { stock, store, leadership, logger, onAudit, everyMs = 30_000 } = deps;
  return startLoop({
    name: 'audit',
    everyMs,
    logger,
    pass: async () => {
      if (!leadership.isLeader()) return 'idle';
      for (const saleId of await stock.sales()) {
        if ((await stock.orderCount(saleId)) > mostOrders) continue;
        const report = await auditSale({ stock, store }, saleId);
        if (report === null) continue;
        const failed = report.checks.filter((check) => !check.holds);
        onAudit(saleId, Math.max(report.differences.length, failed.length));
        if (failed.length > 0) logger.error({ saleId, failed }, 'the books do not balance: run seckill audit');
      }
      return 'idle';
    },
  });
}
