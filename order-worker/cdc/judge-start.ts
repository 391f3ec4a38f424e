import type { CdcFilled, CdcRequest } from '#contract/cdc.ts';
import { parseLsn } from './port/lsn.ts';
import type { SinkPosition } from './port/sink.ts';
import type { ServerState, SlotState } from './source/source.ts';

/** What a process does that begins to lead. */
export type Start =
  | { kind: 'snapshot'; generation: number; request: string | null; why: string }
  | { kind: 'stream'; position: SinkPosition }
  /** Changes are missing, or may be: `words` say what happened. A person asks for a snapshot. */
  | {
      kind: 'gap';
      words: string /** The database's log ends before this place, up to which the sink has changes: to be kept in mind. */;
      wentBackFrom?: string;
    }
  /** Another connection has the slot. */
  | { kind: 'held'; words: string };

export type Sights = {
  position: SinkPosition | null;
  /** What was noted of this very sink when it had all tables; null for one that never had. */
  filled: CdcFilled | null;
  slot: SlotState;
  server: ServerState;
  request: CdcRequest | null;
  /** Where the server left the timeline of the position; null where it is on that timeline still, or never was on it. */
  timelineEnd: string | null;
};

/** Compares what the sink has with what the slot and the server have. What does not fit is a gap, and never passed over. */
export function judgeStart({ position, filled, slot, server, request, timelineEnd }: Sights): Start {
  if (slot.kind === 'held') return { kind: 'held', words: `the slot is read by another connection: ${slot.holder}` };
  const generation = (position?.generation ?? filled?.generation ?? 0) + 1;
  const gap = (words: string): Start => ({ kind: 'gap', words });
  const done = position === null ? filled?.request : position.request;
  const asked = request !== null && request.id !== done ? request.id : null;
  if (asked !== null) return { kind: 'snapshot', generation, request: asked, why: 'it was asked for' };
  if (position === null && filled !== null)
    return gap(
      `the sink is empty, and had all tables before (generation ${filled.generation}): bring back what it held, or to fill it anew`,
    );
  if (position === null) return { kind: 'snapshot', generation, request: null, why: 'the sink is empty' };
  if (position.snapshot === 'running')
    return { kind: 'snapshot', generation, request: position.request, why: 'the one before was not finished' };
  const at = parseLsn(position.lsn);
  if (position.system !== server.system) return gap('the sink has the changes of another database server');
  if (position.timeline > server.timeline)
    return gap(`the database is on timeline ${server.timeline}, the sink has changes of timeline ${position.timeline}`);
  if (position.timeline < server.timeline && timelineEnd === null)
    return gap(
      `the database was never on timeline ${position.timeline}, of which the sink has changes: it was restored`,
    );
  const isBehind = parseLsn(server.end) < at || (timelineEnd !== null && parseLsn(timelineEnd) < at);
  if (isBehind || filled?.wentBackFrom === position.lsn)
    return {
      kind: 'gap',
      words:
        'the sink has changes that the database has not: it was restored, or a standby took over that did not have them',
      wentBackFrom: position.lsn,
    };
  if (slot.kind === 'missing')
    return gap('the slot is gone: it was dropped, or a standby took over that did not have it');
  if (slot.kind === 'lost') return gap('the slot was not read for too long, and PostgreSQL has removed its changes');
  if (slot.confirmed === null || parseLsn(slot.confirmed) > at)
    return gap(
      `the slot stands at ${slot.confirmed}, and the sink has all before ${position.lsn}: what is between was read by another`,
    );
  return { kind: 'stream', position };
}
