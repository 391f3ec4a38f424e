import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, type Loop, startLoop } from '#runtime/loop.ts';
import type { Leadership } from '#runtime/zookeeper/leader.ts';
import type { Stock } from '#stock/stock.ts';
import type { OrderStore } from '../orders/order-store.ts';
import { auditSale, type Books } from './audit.ts';

/** A cut blocks stock Redis for about a millisecond per thousand orders: above this many a person runs the audit. */
const maxOrders = 20_000;

/** Audits every sale again and again, by one leader, and tells the number of differences: what the alarm stands on. */
export function watchBooks(deps: {
  stock: Stock;
  store: OrderStore;
  leadership: Pick<Leadership, 'isLeader'>;
  logger: Logger;
  /** Null: this sale is not audited here (too many orders for a running process, or another one is the leader). */
  onAudit: (saleId: string, differences: number | null) => void;
  /** A pass over all sales has ended: how many could not be audited because of a fault, or of their size; null: not the leader. */
  onPass?: (pass: { failed: number; skipped: number } | null) => void;
  deadLetters: Books['deadLetters'];
  money: Books['money'];
  everyMs?: number;
}): Loop {
  const { stock, store, leadership, logger, onAudit, deadLetters, money, onPass, everyMs = 30_000 } = deps;
  const warn = createThrottledWarn(logger);
  return startLoop({
    name: 'audit',
    everyMs,
    logger,
    pass: async () => {
      const isOurs = leadership.isLeader();
      let [failures, skipped] = [0, 0];
      const audit = async (saleId: string) => {
        if (!isOurs) return onAudit(saleId, null);
        if ((await stock.orderCount(saleId)) > maxOrders) {
          // Of a closed sale nobody is told for ever: the runbook says when it is audited by hand.
          if ((await stock.sale(saleId))?.state !== 'closed') skipped += 1;
          return onAudit(saleId, null);
        }
        const report = await auditSale({ stock, store, deadLetters, money }, saleId);
        if (report === null) return onAudit(saleId, null);
        const failed = report.checks.filter((check) => !check.holds);
        onAudit(saleId, Math.max(report.differences.length, failed.length));
        if (failed.length > 0) logger.error({ saleId, failed }, 'the books do not balance: run seckill audit');
      };
      await eachSafely(await stock.sales(), audit, (error, saleId) => {
        failures += 1;
        warn(error, `auditing ${saleId}`);
      });
      onPass?.(isOurs ? { failed: failures, skipped } : null);
      return 'idle';
    },
  });
}
