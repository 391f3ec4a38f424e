import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, type Loop, startLoop } from '#runtime/loop.ts';
import type { Leadership } from '#runtime/zookeeper-leader.ts';
import type { Stock } from '#stock/stock.ts';
import type { OrderStore } from '../orders/order-store.ts';
import { auditSale, type Books } from './audit.ts';

/** A cut blocks stock Redis for about a millisecond per thousand orders: above this many a person runs the audit. */
const mostOrders = 20_000;

/** Audits every sale again and again, by one leader, and tells the number of differences: what the alarm stands on. */
export function watchBooks(deps: {
  stock: Stock;
  store: OrderStore;
  leadership: Pick<Leadership, 'isLeader'>;
  logger: Logger;
  /** Null: this sale is not audited here (too many orders for a running process, or another one is the leader). */
  onAudit: (saleId: string, differences: number | null) => void;
  deadLetters: Books['deadLetters'];
  everyMs?: number;
}): Loop {
  const { stock, store, leadership, logger, onAudit, deadLetters, everyMs = 30_000 } = deps;
  const warn = createThrottledWarn(logger);
  return startLoop({
    name: 'audit',
    everyMs,
    logger,
    pass: async () => {
      const isOurs = leadership.isLeader();
      const audit = async (saleId: string) => {
        if (!isOurs || (await stock.orderCount(saleId)) > mostOrders) return onAudit(saleId, null);
        const report = await auditSale({ stock, store, deadLetters }, saleId);
        if (report === null) return onAudit(saleId, null);
        const failed = report.checks.filter((check) => !check.holds);
        onAudit(saleId, Math.max(report.differences.length, failed.length));
        if (failed.length > 0) logger.error({ saleId, failed }, 'the books do not balance: run seckill audit');
      };
      await eachSafely(await stock.sales(), audit, (error, saleId) => warn(error, `auditing ${saleId}`));
      return 'idle';
    },
  });
}
