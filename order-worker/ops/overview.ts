import type { Queue } from 'bullmq';
import { drainKeys, readDrainReports } from '#contract/drain.ts';
import type { DrainStatus, OpsOverview } from '#contract/ops.ts';
import { withDeadline } from '#runtime/deadline.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { Stock } from '#stock/stock.ts';
import type { DeadLetters } from '../dead-letters/dead-letters.ts';
import { readBacklog } from '../drain/backlog.ts';
import { describeDrain } from '../drain/describe-drain.ts';
import { readDrainSettings } from '../drain/settings.ts';
import type { OrderCounts } from './order-counts.ts';

export type OverviewDeps = {
  queue: Queue;
  queueRedis: Redis;
  zookeeper: ZooKeeper;
  stock: Pick<Stock, 'sales' | 'outboxLength'>;
  orderCounts: (saleIds: readonly string[]) => Promise<OrderCounts>;
  withDeadLetters: <T>(work: (letters: DeadLetters) => Promise<T>) => Promise<T>;
  now: () => number;
};

/** Each part for itself: what does not answer in time is null, and the others are told. */
export async function readOverview(deps: OverviewDeps, saleIds: readonly string[]): Promise<OpsOverview> {
  const orNull = <T>(work: Promise<T>) => withDeadline(work, 800, 'the overview').catch(() => null);
  const [drain, deadLetters, orders] = await Promise.all([
    orNull(readDrain(deps)),
    orNull(deps.withDeadLetters((letters) => letters.counts())),
    orNull(deps.orderCounts(saleIds)),
  ]);
  return { drain, deadLetters, orders };
}

async function readDrain({ queue, queueRedis, zookeeper, stock, now }: OverviewDeps): Promise<DrainStatus> {
  const [settings, reports, backlog, outboxes] = await Promise.all([
    readDrainSettings(zookeeper),
    queueRedis.hgetall(drainKeys.reports),
    readBacklog(queue),
    stock.sales().then((saleIds) => Promise.all(saleIds.map((saleId) => stock.outboxLength(saleId)))),
  ]);
  const inOutbox = outboxes.reduce((sum, length) => sum + length, 0);
  return describeDrain({ settings, reports: readDrainReports(reports, now()), inOutbox, queue: backlog, nowMs: now() });
}
