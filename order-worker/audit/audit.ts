import type { Reservation } from '#contract/reservation.ts';
import type { Stock, StockSale } from '#stock/stock.ts';
import type { OrderStore } from '../orders/order-store.ts';

export type InvariantId = 'I1' | 'I2' | 'I3' | 'I4' | 'I5';
export type AuditCheck = { invariant: InvariantId; holds: boolean; says: string };
export type AuditDifference = { invariant: InvariantId; orderId: string; explains: string };
export type AuditReport = {
  saleId: string;
  balanced: boolean;
  /** Units by where they are; `total` = the sum of the others (I1). */
  units: { total: number; free: number; held: number; unpaid: number; paid: number; refunding: number };
  orders: { reservations: number; rows: number };
  checks: AuditCheck[];
  differences: AuditDifference[];
};

type Row = Awaited<ReturnType<OrderStore['ofSale']>>[number];

/**
 * Checks a sale's books, while it sells too. The cut of stock Redis is one instant; the rows are read after it, so
 * every committed reservation of the cut must have its row by then. A row that the cut does not know may be younger
 * than the cut: its reservation is looked up again before it counts as a difference.
 */
export async function auditSale(
  deps: { stock: Pick<Stock, 'cut' | 'reservation'>; store: Pick<OrderStore, 'ofSale'> },
  saleId: string,
): Promise<AuditReport | null> {
  const cut = await deps.stock.cut(saleId);
  if (cut === null) return null;
  const rows = await deps.store.ofSale(saleId);
  const young = new Map<string, Reservation>();
  for (const row of rows) {
    if (cut.reservations.has(row.orderId)) continue;
    const reservation = await deps.stock.reservation(row.orderId);
    if (reservation !== null) young.set(row.orderId, reservation);
  }
  return compare(saleId, cut.sale, cut.reservations, rows, young);
}

function compare(
  saleId: string,
  sale: StockSale,
  reservations: ReadonlyMap<string, Reservation>,
  rows: readonly Row[],
  young: ReadonlyMap<string, Reservation>,
): AuditReport {
  const rowsById = new Map(rows.map((row) => [row.orderId, row]));
  const units = { total: sale.total, free: sale.free, held: 0, unpaid: 0, paid: 0, refunding: 0 };
  const perUser = new Map<string, number>();
  const differences: AuditDifference[] = [];

  for (const [orderId, reservation] of reservations) {
    const row = rowsById.get(orderId);
    if (reservation.state === 'released') {
      if (row !== undefined && !ended.has(row.state)) {
        differences.push({ invariant: 'I1', orderId, explains: `its units went back, but its row is ${row.state}` });
      }
      continue;
    }
    units[placeOf(reservation, row)] += reservation.units;
    perUser.set(reservation.userId, (perUser.get(reservation.userId) ?? 0) + reservation.units);
    if (reservation.state === 'committed' && row === undefined) {
      differences.push({ invariant: 'I3', orderId, explains: 'committed in stock Redis, but there is no row' });
    }
    if (row !== undefined && (row.userId !== reservation.userId || row.quantity !== reservation.units)) {
      differences.push({ invariant: 'I5', orderId, explains: 'user or units of row and reservation differ' });
    }
  }
  for (const row of rows) {
    if (reservations.has(row.orderId) || young.has(row.orderId)) continue;
    differences.push({ invariant: 'I4', orderId: row.orderId, explains: 'there is a row, but no reservation' });
  }
  for (const [userId, held] of perUser) {
    if (held <= sale.limitPerUser) continue;
    differences.push({
      invariant: 'I2',
      orderId: '',
      explains: `user ${userId} has ${held} units, the limit is ${sale.limitPerUser}`,
    });
  }

  const sum = units.free + units.held + units.unpaid + units.paid + units.refunding;
  const clean = (invariant: InvariantId) => !differences.some((difference) => difference.invariant === invariant);
  const checks: AuditCheck[] = [
    {
      invariant: 'I1',
      holds: sum === units.total && units.free >= 0 && clean('I1'),
      says: `total ${units.total} = free ${units.free} + held ${units.held} + unpaid ${units.unpaid} + paid ${units.paid} + refunding ${units.refunding}${sum === units.total ? '' : ` (the sum is ${sum})`}`,
    },
    { invariant: 'I2', holds: clean('I2'), says: `nobody has more than ${sale.limitPerUser}` },
    { invariant: 'I3', holds: clean('I3'), says: 'every committed order has its row' },
    { invariant: 'I4', holds: clean('I4'), says: 'every row has its reservation' },
    { invariant: 'I5', holds: clean('I5'), says: 'row and reservation of each order agree' },
  ];
  return {
    saleId,
    balanced: checks.every((check) => check.holds),
    units,
    orders: { reservations: reservations.size, rows: rows.length },
    checks,
    differences,
  };
}

const ended = new Set(['expired', 'cancelled', 'refunded', 'failed']);

function placeOf(reservation: Reservation, row: Row | undefined): 'held' | 'unpaid' | 'paid' | 'refunding' {
  if (reservation.state === 'held') return 'held';
  if (row?.state === 'paid') return 'paid';
  return row?.state === 'refunding' ? 'refunding' : 'unpaid';
}
