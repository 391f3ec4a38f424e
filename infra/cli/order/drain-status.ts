import type { DrainStatus } from '#contract/ops.ts';
import { counted } from '#runtime/counted.ts';

const perSecond = (rate: number | null) => (rate === null ? 'no limit' : `${counted(rate, 'order')}/s`);

export function drainText(status: DrainStatus): string {
  const { ratePerSecond, paused, limitPerSecond, because, storedPerSecond, workers, backlog } = status;
  const { waiting, active, delayed, inOutbox, failed, oldestSeconds } = status;
  const names = workers.map(({ worker }) => worker).join(', ');
  return [
    `set        ${perSecond(ratePerSecond)}${paused ? ', PAUSED' : ''}`,
    `limit now  ${perSecond(limitPerSecond)}`,
    ...because.map((reason) => `           ${reason}`),
    `stored     ${counted(storedPerSecond, 'order')}/s by ${workers.length === 0 ? 'no worker' : names}`,
    `backlog    ${backlog}: waiting ${waiting}, active ${active}, delayed ${delayed}, in the outbox ${inOutbox}`,
    `oldest     ${oldestSeconds === null ? 'none waits' : `has waited ${oldestSeconds} s`}`,
    `dead       ${failed}${failed === 0 ? '' : ' (seckill dlq list)'}`,
  ].join('\n');
}
