import { type CdcReport, cdcNames, isSlotNearLoss, maxCdcLagSeconds } from '#contract/cdc.ts';
import { metricNames } from '#contract/metric-names.ts';
import type { Sample } from '#runtime/prometheus-text.ts';

const mend = 'seckill cdc status says more';

/** What the data team's slot keeps on PostgreSQL's disk, and how much more it may keep, bytes; null where there is no such slot, or no limit. */
export type CdcSlotSeen = { keptBytes: number | null; leftBytes: number | null };

/** As order-workers tell it by their metrics: the worst counts. */
export function cdcSlotSeen(samples: readonly Sample[]): CdcSlotSeen {
  const values = (name: string) =>
    samples.filter((each) => each.name === name && each.labels.slot === cdcNames.slot).map(({ value }) => value);
  const kept = values(metricNames.postgresSlotBytes);
  const left = values(metricNames.postgresSlotLeftBytes);
  return {
    keptBytes: kept.length === 0 ? null : Math.max(...kept),
    leftBytes: left.length === 0 ? null : Math.min(...left),
  };
}

/**
 * What is wrong with the copy for the data team, a line each, with the command that says more. Empty when all is well, and where the data
 * team does not read along. `reports`: null while they are not known.
 */
export function cdcTroubles(slot: CdcSlotSeen, reports: readonly CdcReport[] | null): string[] {
  const leader = reports?.find(({ state }) => state !== 'standing_by');
  const troubles: string[] = [];
  if (leader?.trouble != null) troubles.push(`the copy for the data team stands still: ${leader.trouble}`);
  else if (leader !== undefined && leader.state === 'streaming' && leader.lagSeconds > maxCdcLagSeconds)
    troubles.push(`the copy for the data team is ${Math.round(leader.lagSeconds)} s behind; ${mend}`);
  if (slot.keptBytes === null) return troubles;
  if (reports !== null && leader === undefined)
    troubles.push(`no process reads the data team's slot, which keeps WAL on the disk of PostgreSQL; ${mend}`);
  if (slot.leftBytes === 0) troubles.push(`the data team's slot was not read for too long, and is lost; ${mend}`);
  else if (isSlotNearLoss(slot)) troubles.push(`the data team's slot is about to be lost; ${mend}`);
  return troubles;
}
