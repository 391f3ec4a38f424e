import { epochSchema } from '#contract/epoch.ts';
import type { Reservation } from '#contract/reservation.ts';
import { type StoredSaleState, storedSaleStates } from '#contract/sale.ts';
import { UnreadableTerm } from './fault.ts';

/** The sale as stock Redis has it. Times are Unix ms, the rest units. */
export type StockSale = {
  state: StoredSaleState;
  epoch: number;
  opensAtMs: number;
  closesAtMs: number;
  limitPerUser: number;
  total: number;
  free: number;
  /** Units that were granted and came back on sale, and units whose order the database has (both ever growing). */
  returned: number;
  committed: number;
  /** Places that a rebuild passed over, in units. */
  skipped: number;
  /** Units that were granted, given up, and not put back on sale: the sale's file said so. */
  withheld: number;
  /** Why the system itself paused the sale, or which of its counts or its epoch is no number (read as 0 then), or null. */
  fault: string | null;
};

/** A sale's books at one instant. `buyers`: units held or bought by user. */
export type StockCut = {
  sale: StockSale;
  reservations: Map<string, Reservation>;
  buyers: Map<string, number>;
};

/** Units granted so far, whatever came back in between: the place of the newest order. It never falls. */
export function unitsGranted(sale: Pick<StockSale, 'total' | 'returned' | 'skipped' | 'free'>): number {
  return sale.total + sale.returned + sale.skipped - sale.free;
}

export function toStoredState(text: string | undefined): StoredSaleState {
  const state = storedSaleStates.find((known) => known === text);
  if (state === undefined) throw new Error(`stock Redis holds an unknown sale state: ${JSON.stringify(text)}`);
  return state;
}

/** A number that a script wrote; anything else (null then) means that the books themselves are in doubt. */
function toWholeNumber(value: unknown): number | null {
  const number = value === null || value === undefined ? Number.NaN : Number(value);
  return Number.isSafeInteger(number) ? number : null;
}

function term(field: string, value: unknown): number {
  const number = toWholeNumber(value);
  if (number === null) throw new UnreadableTerm(field, value);
  return number;
}

/** From the fields of `read-sale.lua`, in its order: free, state, epoch, … Throws {@link UnreadableTerm}. */
export function toStockSale(free: unknown, fields: readonly unknown[]): StockSale {
  const [state, epoch, opensAt, closesAt, limit, total, returned, committed, skipped, fault, withheld] = fields;
  const unreadable: string[] = [];
  // What a rebuild can count anew does not keep anyone from looking at the sale, or from pausing it.
  const count = (name: string, value: unknown): number => {
    const number = toWholeNumber(value);
    if (number === null) unreadable.push(`its count of ${name} units is no number: ${JSON.stringify(value ?? null)}`);
    return number ?? 0;
  };
  const counts = {
    free: count('free', free),
    returned: count('returned', returned),
    committed: count('committed', committed),
    skipped: count('skipped', skipped ?? 0),
    withheld: count('withheld', withheld ?? 0),
  };
  // The scripts count such an epoch as 0 too: the next change of state sets it above all that was published.
  const readEpoch = epochSchema.safeParse(toWholeNumber(epoch));
  if (!readEpoch.success) unreadable.push(`its epoch is none: ${JSON.stringify(epoch ?? null)}`);
  return {
    state: toStoredState(typeof state === 'string' ? state : undefined),
    epoch: readEpoch.data ?? 0,
    opensAtMs: term('opensAt', opensAt),
    closesAtMs: term('closesAt', closesAt),
    limitPerUser: term('limit', limit),
    total: term('total', total),
    ...counts,
    fault: typeof fault === 'string' ? fault : (unreadable[0] ?? null),
  };
}
