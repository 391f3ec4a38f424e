import { type CdcReport, cdcNames, cdcTableNames } from '#contract/cdc.ts';
import type { CdcStatus } from '#order-worker/cdc/cdc-status.ts';
import { bytesText } from '#runtime/bytes-text.ts';

const bytes = (amount: number | null, otherwise: string) =>
  amount === null ? otherwise : bytesText(Math.max(0, amount));

/** What `seckill cdc status` says, a line a fact; what is wrong stands last, with what mends it. */
export function cdcText(status: CdcStatus, troubles: readonly string[]): string {
  const { publication, slot, processes, request } = status;
  const isUnused = (slot === 'none' || slot === null) && (processes ?? []).length === 0 && troubles.length === 0;
  if (isUnused) return 'no copy for the data team: seckill up --cdc files, or seckill cdc run (docs/data-team.md)';
  const leader = processes?.find(({ state }) => state !== 'standing_by');
  const others = (processes ?? []).filter((each) => each !== leader).map(({ instance }) => instance);
  return [
    `publication  ${publication === null ? 'unknown' : publication.length > 0 ? 'not as it is read' : `${cdcNames.publication}: ${cdcTableNames.join(', ')}`}`,
    `slot         ${slotText(slot)}`,
    ...(leader === undefined ? [`leader       ${processes === null ? 'unknown' : 'none'}`] : leaderLines(leader)),
    ...(others.length === 0 ? [] : [`standing by  ${others.join(', ')}`]),
    ...(request === null
      ? []
      : [`snapshot     asked for at ${new Date(request.at).toISOString()}, ${askedText(leader, request.id)}`]),
    ...troubles.map((line) => `WRONG        ${line}`),
  ].join('\n');
}

function slotText(slot: CdcStatus['slot']): string {
  if (slot === null) return 'unknown';
  if (slot === 'none') return 'none';
  const { reader, isLost, behindBytes, keptBytes, leftBytes } = slot;
  if (isLost) return 'lost';
  return [
    reader === null ? 'read by no process' : `read by ${reader}`,
    `${bytes(behindBytes, 'unknown')} behind`,
    `keeps ${bytes(keptBytes, 'unknown')} of WAL`,
    leftBytes === null ? 'without a limit: it may fill the disk' : `${bytes(leftBytes, '')} more until it is lost`,
  ].join(', ');
}

function leaderLines(report: CdcReport): string[] {
  const { instance, state, sink, generation, position, lagSeconds, written, setAside } = report;
  return [
    `leader       ${instance}: ${state}, ${lagSeconds} s behind, into ${sink}`,
    `             generation ${generation ?? 'none'}, position ${position ?? 'none'}; ${written} changes since it leads, ${setAside} rows by their key alone`,
  ];
}

const askedText = (leader: CdcReport | undefined, id: string): string => {
  if (leader === undefined) return 'and no process says whether it is done';
  return leader.request === id ? 'done' : 'not done yet';
};
