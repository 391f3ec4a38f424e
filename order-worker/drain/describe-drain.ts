import type { DrainReport, DrainSettings } from '#contract/drain.ts';
import type { DrainStatus } from '#contract/ops.ts';
import type { Backlog } from './backlog.ts';

/** The drain in one look: what is set, what the workers make of it and why, and what is waiting. */
export function describeDrain(deps: {
  settings: DrainSettings;
  reports: readonly DrainReport[];
  queue: Backlog;
  inOutbox: number;
  nowMs: number;
}): DrainStatus {
  const { settings, reports, queue, inOutbox, nowMs } = deps;
  const { waiting, active, delayed, failed, oldestAcceptedAt } = queue;
  const workers = reports.toSorted((a, b) => a.worker.localeCompare(b.worker));
  const limits = workers.map(({ limitPerSecond }) => limitPerSecond);
  // One worker at full speed can take all that is set.
  const sum = limits.includes(null) ? null : limits.reduce<number>((total, limit) => total + (limit ?? 0), 0);
  const because = workers.flatMap(({ worker, slowdown }) => (slowdown === null ? [] : [`${worker}: ${slowdown.says}`]));
  if (settings.paused) because.unshift('paused by ops: seckill drain resume');
  if (workers.length === 0) because.unshift('no worker has reported in the last seconds: is order-worker running?');
  const { ratePerSecond } = settings;
  const limit = sum === null ? ratePerSecond : Math.min(sum, ratePerSecond ?? Number.POSITIVE_INFINITY);
  return {
    ...settings,
    limitPerSecond: settings.paused || workers.length === 0 ? 0 : limit === null ? null : Math.round(limit),
    because,
    storedPerSecond: Math.round(workers.reduce((total, it) => total + it.storedPerSecond, 0) * 10) / 10,
    backlog: waiting + active + delayed + inOutbox,
    ...{ waiting, active, delayed, inOutbox, failed },
    oldestSeconds: oldestAcceptedAt === null ? null : Math.max(0, Math.round((nowMs - oldestAcceptedAt) / 100) / 10),
    workers,
  };
}
