import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { edgesInStep } from './edges.ts';

/**
 * Tells how long it took from the answer that took the last unit until every connected edge had said that it obeys:
 * until then the crowd still reaches the service. By one clock, this process'; what it says contains the way back over
 * ZooKeeper, so it is never too short. After `withinMs` it tells that much and says in the log who is behind. One watch a
 * sale at a time: single units that come back and go again must not pile them up while an edge is away.
 */
export function watchShedding(deps: {
  zookeeper: ZooKeeper;
  logger: Logger;
  onShed: (seconds: number) => void;
  withinMs?: number;
}): (saleId: string, epoch: number) => void {
  const { zookeeper, logger, onShed, withinMs = 10_000 } = deps;
  const warn = createThrottledWarn(logger);
  const watched = new Set<string>();

  return (saleId, epoch) => {
    if (watched.has(saleId)) return;
    watched.add(saleId);
    const from = performance.now();
    const told = edgesInStep(zookeeper, saleId, epoch, withinMs).then(
      ({ behind }) => {
        const seconds = (performance.now() - from) / 1000;
        onShed(seconds);
        logger.info({ saleId, epoch, behind, tookMs: Math.round(seconds * 1000) }, 'the edges shed');
      },
      (error: unknown) => {
        // Nobody can say when they did: as bad as too late.
        onShed(Math.max(withinMs, performance.now() - from) / 1000);
        warn(error, 'ZooKeeper did not tell what the edges obey');
      },
    );
    void told.finally(() => watched.delete(saleId)); // both ways out are handled above
  };
}
