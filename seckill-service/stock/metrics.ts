import { metricNames } from '#contract/metric-names.ts';
import { createLatency } from '#runtime/latency.ts';
import { Counter, type Registry } from '#runtime/metrics.ts';
import type { OnBarrier } from './barrier.ts';

/** What Prometheus is told of the waits for replicas of stock Redis; without replicas there is none. */
export function createBarrierMetrics(registers: Registry[]): OnBarrier {
  const seconds = createLatency({
    name: metricNames.barrierSeconds,
    help: 'A barrier: from what was sent to stock Redis until it said how many replicas have it',
    bounds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.2, 0.3],
    registers,
  });
  const notReplicated = new Counter({
    name: metricNames.notReplicated,
    help: 'Barriers that too few replicas of stock Redis answered in time: nothing behind them was told',
    registers,
  });
  return (took, isReplicated) => {
    seconds.observe(took);
    if (!isReplicated) notReplicated.inc();
  };
}
