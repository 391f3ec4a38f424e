import { Counter, Gauge, type Registry } from '#runtime/metrics.ts';

export type StreamMetrics = ReturnType<typeof createStreamMetrics>;

export function createStreamMetrics(registers: Registry[]) {
  return {
    open: new Gauge({ name: 'seckill_order_streams', help: 'Open event streams of this process', registers }),
    sent: new Counter({ name: 'seckill_order_events_sent_total', help: 'Events sent on order streams', registers }),
    refused: new Counter({
      name: 'seckill_order_streams_refused_total',
      help: 'Event streams that were not opened, by reason',
      labelNames: ['reason'],
      registers,
    }),
    dropped: new Counter({
      name: 'seckill_order_streams_dropped_total',
      help: 'Event streams that were cut because their reader did not keep up',
      registers,
    }),
  };
}
