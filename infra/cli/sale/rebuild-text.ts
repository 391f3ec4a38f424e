import type { RebuildPlan, Rebuilt } from '#order-worker/audit/rebuild.ts';
import { counted } from '#runtime/counted.ts';
import type { Correction } from '#stock/outcomes.ts';

/** What a rebuild would change, a line each. */
export function rebuildPlanText(plan: RebuildPlan): string[] {
  const [first] = plan.restore;
  return [
    `${plan.saleId} (${plan.state}): free ${plan.freeNow ?? 'unknown'} -> ${plan.freeAfter} of ${plan.total}`,
    `  counts to correct  ${plan.counts.length === 0 ? 'none' : list(plan.counts)}`,
    `  buyers to correct  ${plan.buyers.length === 0 ? 'none' : list(plan.buyers)}`,
    `  orders to restore  ${plan.restore.length}${first === undefined ? '' : `, such as ${first.orderId}`}`,
    `  units to take back of ${counted(plan.release.length + plan.withhold.length, 'ended order')}`,
    ...plan.excess.map((order) => `  NO UNIT LEFT for ${order.orderId} of ${order.userId}, place ${order.place}`),
    ...(plan.freeAfter < 0
      ? [`  OVERSOLD by ${counted(-plan.freeAfter, 'unit')}: no count can be put right before orders are given up`]
      : []),
  ];
}

/** What it did, and what comes next. `untold`: why ZooKeeper could not be told of it; null when it was. */
export function rebuiltText(plan: RebuildPlan, rebuilt: Rebuilt, free: number | null, untold: string | null): string {
  const { saleId } = plan;
  const again = `seckill stock rebuild ${saleId}`;
  const done = doneText(plan, rebuilt, free, again);
  if (untold === null) return done;
  const later = plan.state === 'closed' ? 'the leading service tells it when it is back' : `when it is back: ${again}`;
  return `${done}\nZOOKEEPER WAS NOT TOLD (${untold}); ${later}`;
}

function doneText(plan: RebuildPlan, rebuilt: Rebuilt, free: number | null, again: string): string {
  const { saleId } = plan;
  if (rebuilt.oversold > 0) {
    return [
      `OVERSOLD by ${counted(rebuilt.oversold, 'unit')}: nothing was corrected, and ${saleId} stays paused`,
      `next: give up as many orders ("seckill dlq list" shows those without a row: "seckill dlq drop <orderId>"), then ${again}`,
    ].join('\n');
  }
  const { counts, buyers, restored, refused } = rebuilt;
  const goOn = { closed: '', draft: ` && seckill sale open ${saleId}` }[plan.state as string];
  const next = `seckill audit ${saleId}${goOn ?? ` && seckill sale resume ${saleId}`}`;
  return [
    `restored ${counted(restored, 'order')}; free ${free ?? '?'} of ${plan.total}`,
    ...(counts.length > 0 ? [`  corrected the counts: ${list(counts)}`] : []),
    ...(buyers.length > 0 ? [`  corrected the buyers: ${list(buyers)}`] : []),
    ...refused.map((line) => `  NOT DONE: ${line}`),
    plan.excess.length > 0
      ? `OVERSOLD by ${counted(plan.excess.length, 'order')} (shown above): cancel or refund ${plan.excess.length === 1 ? 'it' : 'them'}, then ${again}`
      : `next: ${next}`,
  ].join('\n');
}

/** The first few, and how many more; what stood there was written by hand, so it is shown as a string of JSON. */
function list(corrections: readonly Correction[]): string {
  const shown = corrections
    .slice(0, 5)
    .map(({ name, from, to }) => `${name} ${from === '' ? 'missing' : read(from)} -> ${to}`);
  const more = corrections.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more (--json shows all)` : ''}`;
}

function read(text: string): string {
  return /^-?\d+$/.test(text) ? text : JSON.stringify(text);
}
