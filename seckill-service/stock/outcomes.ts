import type { StoredSaleState } from '#contract/sale.ts';
import { StockFault } from './fault.ts';
import { replies } from './replies.ts';
import { toStoredState } from './stock-sale.ts';

export type ReserveOutcome =
  /** `soldOutEpoch` is the sale's new epoch when this order took the last unit, else null. */
  | { kind: 'accepted'; place: number; soldOutEpoch: number | null }
  /** The order was granted before; `place` is what it was then. */
  | { kind: 'replay'; place: number }
  /** The same, and the order has ended since: it holds no units any more. */
  | { kind: 'ended'; place: number }
  | { kind: 'sale_unknown' }
  /** `opensInMs` is null while the sale is a draft. */
  | { kind: 'not_open'; opensInMs: number | null }
  | { kind: 'paused' }
  | { kind: 'sold_out'; epoch: number }
  | { kind: 'closed' }
  | { kind: 'limit_reached'; limit: number }
  /** Some units are free, but fewer than were asked for. */
  | { kind: 'not_enough'; free: number }
  /** Not a whole number of at least 1: the caller should have known. */
  | { kind: 'quantity_invalid' };

/** A yes: the order was granted, now or before. */
export type Granted = Extract<ReserveOutcome, { kind: 'accepted' | 'replay' | 'ended' }>;
export function isGranted(outcome: ReserveOutcome): outcome is Granted {
  return outcome.kind === 'accepted' || outcome.kind === 'replay' || outcome.kind === 'ended';
}

export type CommitOutcome = 'committed' | 'already' | 'unknown' | 'released';

export type ReleaseOutcome =
  /** `openEpoch` is the sale's new epoch when it was sold out and is open again, else null. */
  { kind: 'released'; openEpoch: number | null } | { kind: 'withheld' } | { kind: 'already' } | { kind: 'unknown' };

/** What ops may do with a sale. */
export type SaleAction = 'open' | 'pause' | 'resume' | 'close';
export type SetStateOutcome =
  | { kind: 'done' | 'already' | 'not_allowed' | 'faulty'; state: StoredSaleState; epoch: number }
  | { kind: 'sale_unknown' };

export type RestoreOutcome = 'restored' | 'already' | 'not_standing' | 'no_units';

/** A count, or the units noted for a user; `from` is what stood there, word for word, empty when nothing did. */
export type Correction = { name: string; from: string; to: number };
export type RecountOutcome =
  | { kind: 'not_standing' }
  /** What was corrected, or would be; `oversold`: more units are held than there are (`-free` more), nothing was changed. */
  | { kind: 'done' | 'oversold'; free: number; counts: Correction[]; buyers: Correction[] };

/** A script and this table have drifted apart: never to be taken for a refusal. */
export function unexpected(script: string, code: number): never {
  throw new Error(`the script ${script} returned an unknown code: ${code}`);
}

/** A script's reply as the numbers that its header says. */
export function numbers(reply: unknown): [number, number, number, ...number[]] {
  if (!Array.isArray(reply)) throw new Error(`a stock script returned ${JSON.stringify(reply)}`);
  return reply.map(Number) as [number, number, number, ...number[]]; // as many as the script's header says
}

export const commitOutcomes = new Map<number, CommitOutcome>([
  [replies.commit.COMMITTED, 'committed'],
  [replies.commit.ALREADY, 'already'],
  [replies.commit.UNKNOWN, 'unknown'],
  [replies.commit.RELEASED, 'released'],
]);

export const restoreOutcomes = new Map<number, RestoreOutcome>([
  [replies.restore.RESTORED, 'restored'],
  [replies.restore.ALREADY, 'already'],
  [replies.restore.NOT_STANDING, 'not_standing'],
  [replies.restore.NO_UNITS, 'no_units'],
]);

export function recountOutcome(reply: unknown): RecountOutcome {
  const [code, free, counts, buyers] = reply as [number, number, string[], string[]]; // the four fields, see its header
  if (code === replies.recount.NOT_STANDING) return { kind: 'not_standing' };
  if (code !== replies.recount.DONE && code !== replies.recount.OVERSOLD) return unexpected('recount', code);
  const kind = code === replies.recount.DONE ? 'done' : 'oversold';
  return { kind, free, counts: corrections(counts), buyers: corrections(buyers) };
}

function corrections(flat: readonly string[]): Correction[] {
  const list: Correction[] = [];
  for (let index = 0; index + 2 < flat.length; index += 3) {
    list.push({ name: flat[index] ?? '', from: flat[index + 1] ?? '', to: Number(flat[index + 2]) });
  }
  return list;
}

const setStateKinds = new Map<number, 'done' | 'already' | 'not_allowed' | 'faulty'>([
  [replies['set-state'].DONE, 'done'],
  [replies['set-state'].ALREADY, 'already'],
  [replies['set-state'].NOT_ALLOWED, 'not_allowed'],
  [replies['set-state'].FAULTY, 'faulty'],
]);

export function setStateOutcome(reply: unknown): SetStateOutcome {
  const [code, epoch, state] = reply as [number, number, string]; // the script's three fields, see its header
  if (code === replies['set-state'].SALE_UNKNOWN) return { kind: 'sale_unknown' };
  const kind = setStateKinds.get(code) ?? unexpected('set-state', code);
  return { kind, state: toStoredState(state), epoch };
}

export function reserveOutcome([code, value, epoch]: readonly [number, number, number, ...number[]]): ReserveOutcome {
  const reply = replies.reserve;
  switch (code) {
    case reply.ACCEPTED:
      return { kind: 'accepted', place: value, soldOutEpoch: epoch === 0 ? null : epoch };
    case reply.REPLAY:
      return { kind: 'replay', place: value };
    case reply.ENDED:
      return { kind: 'ended', place: value };
    case reply.SALE_UNKNOWN:
      return { kind: 'sale_unknown' };
    case reply.NOT_OPEN:
      return { kind: 'not_open', opensInMs: value === 0 ? null : value };
    case reply.PAUSED:
      return { kind: 'paused' };
    case reply.SOLD_OUT:
      return { kind: 'sold_out', epoch };
    case reply.CLOSED:
      return { kind: 'closed' };
    case reply.LIMIT_REACHED:
      return { kind: 'limit_reached', limit: value };
    case reply.QUANTITY_INVALID:
      return { kind: 'quantity_invalid' };
    case reply.NOT_ENOUGH:
      return { kind: 'not_enough', free: value };
    case reply.LATE:
      throw new StockFault('unavailable', 'the question was on its way for too long');
    default:
      return unexpected('reserve', code);
  }
}
