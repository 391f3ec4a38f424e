import type { Answers } from '#loadtest/run/answers.ts';
import type { Sample } from '#loadtest/run/sampler.ts';

/** One line of what goes on, for a terminal. `before`: what the last line was made of. */
export function progressLine(
  startedAtMs: number,
  sample: Sample,
  before: Sample | undefined,
  answers: Pick<Answers, 'total'>,
  totalBefore: number,
): string {
  const seconds = before === undefined ? 1 : (sample.atMs - before.atMs) / 1000;
  const busyBefore = before?.counters['cpu.machine'];
  const busy = sample.counters['cpu.machine'];
  const queued = (sample.gauges['queue.outbox'] ?? 0) + (sample.gauges['queue.waiting orders'] ?? 0);
  return [
    `${Math.round((sample.atMs - startedAtMs) / 1000)} s`,
    `${answers.total} answers (${Math.round((answers.total - totalBefore) / seconds)}/s)`,
    `sold ${sample.gauges['units.sold'] ?? '?'}`,
    `stored ${sample.gauges['units.stored'] ?? '?'}`,
    `queued ${queued}`,
    ...(busy === undefined || busyBefore === undefined
      ? []
      : [`${((busy - busyBefore) / seconds).toFixed(1)} cores busy`]),
  ].join(' | ');
}
