import { Counter, Gauge, Histogram, type Registry } from '#runtime/metrics.ts';

/** The drain's Prometheus metrics, of one worker. Backlog and age are the queue's: the same at every worker. */
export function createDrainMetrics(registers: Registry[]) {
  const gauge = (name: string, help: string) => new Gauge({ name: `seckill_drain_${name}`, help, registers });
  return {
    finished: new Counter({
      name: 'seckill_orders_stored_total',
      help: 'Orders that this process has finished, by outcome',
      labelNames: ['outcome'],
      registers,
    }),
    guarded: new Counter({
      name: 'seckill_units_guard_refused_total',
      help: 'Orders that the database refused because their sale had no unit left: must stay 0',
      registers,
    }),
    batchSeconds: new Histogram({
      name: 'seckill_drain_batch_seconds',
      help: 'How long PostgreSQL took for a batch of orders',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    set: gauge('set_per_second', 'Orders a second that ops allow all workers together; 0 is uncapped'),
    limit: gauge(
      'limit_per_second',
      'Orders a second that this worker takes at most, what ops set or less; 0 is uncapped',
    ),
    rate: gauge('stored_per_second', 'Orders a second that this worker stored lately'),
    paused: gauge('paused', '1 while ops have paused the drain'),
    slowed: new Gauge({
      name: 'seckill_drain_slowed',
      help: '1 while this worker takes less than ops allow, by reason: what it stores in is slow, or fails',
      labelNames: ['reason'],
      registers,
    }),
    backlog: new Gauge({
      name: 'seckill_drain_backlog_orders',
      help: 'Orders in the chunks and jobs of the queue: waiting, active (a worker has them), delayed (to be tried again), failed (dead letters)',
      labelNames: ['state'],
      registers,
    }),
    oldestSeconds: gauge('oldest_seconds', 'Since when the oldest order in the queue waits for its row; 0 when none'),
  };
}
