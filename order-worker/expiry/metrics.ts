import { Counter, Gauge, Histogram, type Registry } from '#runtime/metrics.ts';

export type ExpiryMetrics = ReturnType<typeof createExpiryMetrics>;

export function createExpiryMetrics(registers: Registry[]) {
  return {
    expired: new Counter({
      name: 'seckill_orders_expired_total',
      help: 'Orders that this process expired, by what found them: a job (the timer of their second), or the sweep for lost timers',
      labelNames: ['found_by'],
      registers,
    }),
    lateSeconds: new Histogram({
      name: 'seckill_expiry_late_seconds',
      help: 'From the end of an order’s time to pay until it was expired',
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
      registers,
    }),
    /** Registers how many timers this process has yet to add to the queue. */
    unscheduled: (count: () => number) => {
      const gauge: Gauge = new Gauge({
        name: 'seckill_expiry_unscheduled',
        help: 'Timers of unpaid orders, one a second of their time to pay, that this process has yet to add to the queue',
        registers,
        collect: () => gauge.set(count()),
      });
    },
  };
}
