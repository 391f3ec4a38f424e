import type { Queue } from 'bullmq';
import type { Own } from '#runtime/belongings.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Registry } from '#runtime/metrics.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import type { Tracing } from '#runtime/tracing.ts';
import type { OnBarrier } from '#stock/barrier.ts';
import type { Stock } from '#stock/stock.ts';
import { watchRelayLag } from './lag.ts';
import { createRelayMetrics } from './metrics.ts';
import { startRelay } from './relay.ts';

/** The relay from the outboxes of stock Redis to the queue, and what the metrics tell of it. */
export function startRelaying(deps: {
  own: Own;
  /** Kind `patient`, stock Redis. */
  redis: Redis;
  replicas: number;
  onBarrier: OnBarrier;
  queue: Queue;
  stock: Pick<Stock, 'sales'>;
  instance: string;
  logger: Logger;
  registers: Registry[];
  tracing: Tracing | null;
}): Pick<ReturnType<typeof startRelay>, 'nudge'> {
  const { own, redis, replicas, onBarrier, queue, stock, instance, logger, registers, tracing } = deps;
  const metrics = createRelayMetrics(registers);
  const sales = () => stock.sales();
  own('relay lag', watchRelayLag({ redis, sales, now: Date.now, logger, onLag: metrics.lags, onGone: metrics.forget }));
  return own(
    'relay',
    startRelay({
      ...{ redis, replicas, onBarrier, queue, sales, instance, logger, tracing },
      onMoved: (count) => metrics.moved.inc(count),
    }),
  );
}
