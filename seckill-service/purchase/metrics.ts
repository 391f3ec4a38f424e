import { createLatency } from '#runtime/latency.ts';
import { Counter, type Registry } from '#runtime/metrics.ts';
import type { PurchaseOutcome } from './purchase.ts';

type Outcome = PurchaseOutcome['kind'];
export type PurchaseMetrics = { answered: (outcome: Outcome, seconds: number) => void };

/** What one purchase costs here: one addition and one observation. Prometheus' objects are made when it asks. */
export function createPurchaseMetrics(registers: Registry[]): PurchaseMetrics {
  const seconds = createLatency({
    name: 'seckill_purchase_seconds',
    help: 'From a purchase’s arrival in this process until its answer, whatever the outcome',
    registers,
  });
  const counted = new Map<Outcome, number>();
  const purchases: Counter = new Counter({
    name: 'seckill_purchases_total',
    help: 'Purchases answered by this process, by outcome',
    labelNames: ['outcome'],
    registers,
    collect: () => {
      for (const [outcome, count] of counted) {
        purchases.inc({ outcome }, count);
        counted.set(outcome, 0);
      }
    },
  });
  return {
    answered: (outcome, took) => {
      counted.set(outcome, (counted.get(outcome) ?? 0) + 1);
      seconds.observe(took);
    },
  };
}
