import { metricNames } from '#contract/metric-names.ts';
import { Counter, Gauge, type Registry } from '#runtime/metrics.ts';
import type { RelayLag } from './lag.ts';

/** What Prometheus is told of the outboxes. The gauges are stock Redis': the same at every service. */
export function createRelayMetrics(registers: Registry[]) {
  const entries = new Gauge({
    name: 'seckill_outbox_entries',
    help: 'Accepted orders that no relay has moved to the queue yet',
    labelNames: ['sale'],
    registers,
  });
  const lag = new Gauge({
    name: metricNames.relayLag,
    help: 'Age of the oldest accepted order in the outbox, 0 when it is empty',
    labelNames: ['sale'],
    registers,
  });
  return {
    moved: new Counter({
      name: 'seckill_relay_moved_total',
      help: 'Outbox entries that this process moved to the queue',
      registers,
    }),
    lags(relay: RelayLag): void {
      entries.set({ sale: relay.saleId }, relay.entries);
      lag.set({ sale: relay.saleId }, relay.oldestMs / 1000);
    },
    forget(sale: string): void {
      entries.remove({ sale });
      lag.remove({ sale });
    },
  };
}
