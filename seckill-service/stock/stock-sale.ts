import type { Reservation } from '#contract/reservation.ts';
import { type StoredSaleState, storedSaleStates } from '#contract/sale.ts';

/** The sale as stock Redis has it. Times are Unix ms, the rest units. */
export type StockSale = {
  state: StoredSaleState;
  epoch: number;
  opensAtMs: number;
  closesAtMs: number;
  limitPerUser: number;
  total: number;
  free: number;
  /** Units that were granted and came back, and units whose order the database has (both ever growing). */
  returned: number;
  committed: number;
  /** Places that a rebuild passed over, in units. */
  skipped: number;
  /** Why the system itself paused the sale, or null. */
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

/** From the sale's hash and its stock; null when there is no such sale here. */
export function toStockSale(hash: unknown, free: unknown): StockSale | null {
  const fields = hash as Record<string, string>; // HGETALL's reply in ioredis' legacy shape
  if (fields.state === undefined) return null;
  return {
    state: toStoredState(fields.state),
    epoch: Number(fields.epoch),
    opensAtMs: Number(fields.opensAt),
    closesAtMs: Number(fields.closesAt),
    limitPerUser: Number(fields.limit),
    total: Number(fields.total),
    free: Number(free),
    returned: Number(fields.returned),
    committed: Number(fields.committed),
    skipped: Number(fields.skipped),
    fault: fields.fault ?? null,
  };
}
