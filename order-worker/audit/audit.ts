import { moneyText } from '#contract/money-text.ts';
import type { Reservation } from '#contract/reservation.ts';
import { counted } from '#runtime/counted.ts';
import type { Stock } from '#stock/stock.ts';
import type { StockCut } from '#stock/stock-sale.ts';
import { endedStates } from '../orders/order-state.ts';
import type { OrderStore, StoredOrder } from '../orders/order-store.ts';
import { auditMoney, type MoneyRow, type MoneySums } from './money.ts';

export type InvariantId = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6';
export type AuditCheck = { invariant: InvariantId; holds: boolean; says: string };
/** `mend`: the command that puts it right, where it is not `stock rebuild`. */
export type AuditDifference = { invariant: InvariantId; orderId: string; explains: string; mend?: string };
export type AuditReport = {
  saleId: string;
  balanced: boolean;
  /** Units by where they are; `total` = the sum of the others (I1). `withheld`: refunded, and not put back on sale. */
  units: {
    total: number;
    free: number;
    held: number;
    unpaid: number;
    paid: number;
    refunding: number;
    withheld: number;
  };
  /** Minor units; `taken` = the sum of the others (I6), here and at the shop. */
  money: MoneySums;
  orders: { reservations: number; rows: number };
  checks: AuditCheck[];
  differences: AuditDifference[];
  /** Why the system itself paused the sale, or null. */
  fault: string | null;
  /** When the order was accepted that has waited longest for its row, ISO 8601 UTC; null when none waits. */
  oldestHeldAt: string | null;
  /** Every unit's owner, when asked for: order by order, in the order in which they were granted. */
  owners?: UnitOwner[];
};
/** What the audit reads. `deadLetters`: ids of order jobs that were given up on. */
export type Books = {
  stock: Pick<Stock, 'cut' | 'reservation'>;
  store: Pick<OrderStore, 'ofSale'>;
  deadLetters: () => Promise<string[]>;
  /** The orders of a sale that have to do with money. */
  money: (saleId: string) => Promise<MoneyRow[]>;
};
export type UnitOwner = {
  orderId: string;
  userId: string;
  units: number;
  place: number;
  where: UnitPlace | 'free again' | 'withheld';
};
type UnitPlace = 'held' | 'unpaid' | 'paid' | 'refunding';

/**
 * Checks a sale's books, while it sells too. The cut of stock Redis is one instant; the rows are read after it, so
 * every committed reservation of the cut must have its row by then. A row that the cut does not know may be younger
 * than the cut: its reservation is looked up again before it counts as a difference.
 */
export async function auditSale(
  deps: Books,
  saleId: string,
  options: { owners?: boolean } = {},
): Promise<AuditReport | null> {
  // Read first: one that is retried in the meantime is held in the cut, and has its row or its job by then.
  const deadLetters = new Set(await deps.deadLetters());
  const cut = await deps.stock.cut(saleId);
  if (cut === null) return null;
  const rows = await deps.store.ofSale(saleId);
  const young = new Map<string, Reservation>();
  for (const row of rows) {
    if (cut.reservations.has(row.orderId)) continue;
    const reservation = await deps.stock.reservation(row.orderId);
    if (reservation !== null) young.set(row.orderId, reservation);
  }
  const report = compare({ saleId, cut, rows, young, deadLetters, money: await deps.money(saleId) });
  return options.owners === true ? { ...report, owners: ownersOf(cut, rows) } : report;
}

function ownersOf({ sale, reservations }: StockCut, rows: readonly StoredOrder[]): UnitOwner[] {
  const rowsById = new Map(rows.map((row) => [row.orderId, row]));
  return [...reservations]
    .map(([orderId, reservation]) => ({
      orderId,
      userId: reservation.userId,
      units: reservation.units,
      place: reservation.place,
      where: whereIs(reservation, rowsById.get(orderId), sale.withheld > 0),
    }))
    .sort((a, b) => a.place - b.place);
}

function compare(read: {
  saleId: string;
  cut: StockCut;
  rows: readonly StoredOrder[];
  young: ReadonlyMap<string, Reservation>;
  deadLetters: ReadonlySet<string>;
  money: readonly MoneyRow[];
}): AuditReport {
  const { saleId, rows, young, deadLetters } = read;
  const { sale, reservations, buyers } = read.cut;
  const rowsById = new Map(rows.map((row) => [row.orderId, row]));
  const { total, free, withheld } = sale;
  const units = { total, free, held: 0, unpaid: 0, paid: 0, refunding: 0, withheld };
  const perUser = new Map<string, number>();
  const differences: AuditDifference[] = [];
  let returned = 0;
  let committed = 0;
  let oldestHeldAt: number | null = null;

  for (const [orderId, reservation] of reservations) {
    const row = rowsById.get(orderId);
    if (reservation.state === 'released') {
      returned += reservation.units;
      if (row?.state === 'paid') {
        differences.push({ invariant: 'I6', orderId, explains: 'it is paid, but its units went back' });
      } else if (row !== undefined && !endedStates.has(row.state)) {
        differences.push({ invariant: 'I1', orderId, explains: `its units went back, but its row is ${row.state}` });
      }
      continue;
    }
    units[placeOf(reservation, row)] += reservation.units;
    if (reservation.state === 'held') oldestHeldAt = Math.min(oldestHeldAt ?? Infinity, reservation.acceptedAt);
    perUser.set(reservation.userId, (perUser.get(reservation.userId) ?? 0) + reservation.units);
    if (reservation.state === 'committed') committed += reservation.units;
    if (reservation.state === 'held' && row === undefined && deadLetters.has(orderId)) {
      const explains = 'accepted, but its job is a dead letter: no row';
      differences.push({ invariant: 'I3', orderId, explains, mend: 'seckill dlq list --queue orders' });
    }
    if (reservation.state === 'committed' && row === undefined) {
      const explains = 'committed in stock Redis, but there is no row: the database has forgotten it';
      differences.push({ invariant: 'I3', orderId, explains, mend: `seckill orders rebuild ${saleId}` });
    }
    if (row !== undefined && !agree(row, reservation)) {
      differences.push({ invariant: 'I5', orderId, explains: 'user, units or place of row and reservation differ' });
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

  for (const userId of new Set([...perUser.keys(), ...buyers.keys()])) {
    const [held, noted] = [perUser.get(userId) ?? 0, buyers.get(userId) ?? 0];
    if (held === noted) continue;
    differences.push({
      invariant: 'I2',
      orderId: '',
      explains: `user ${userId} holds ${counted(held, 'unit')}, but ${counted(noted, 'is', 'are')} noted`,
    });
  }
  if (returned !== sale.returned + withheld) {
    differences.push({
      invariant: 'I6',
      orderId: '',
      explains: `${counted(returned, 'unit')} of ended orders, but ${counted(sale.returned, 'was', 'were')} counted back and ${withheld} withheld`,
    });
  }
  const { sums, findings } = auditMoney(read.money);
  for (const finding of findings) differences.push({ invariant: 'I6', ...finding });

  // Orders that were committed and came back later are counted there for ever.
  if (sale.committed < committed || sale.committed > committed + returned) {
    differences.push({
      invariant: 'I3',
      orderId: '',
      explains: `${counted(committed, 'unit is', 'units are')} committed, but ${counted(sale.committed, 'was', 'were')} counted`,
    });
  }

  const sum = units.free + units.held + units.unpaid + units.paid + units.refunding + withheld;
  const clean = (invariant: InvariantId) => !differences.some((difference) => difference.invariant === invariant);
  const checks: AuditCheck[] = [
    {
      invariant: 'I1',
      holds: sum === units.total && units.free >= 0 && clean('I1'),
      says: `total ${units.total} = free ${units.free} + held ${units.held} + unpaid ${units.unpaid} + paid ${units.paid} + refunding ${units.refunding}${withheld === 0 ? '' : ` + withheld ${withheld}`}${sum === units.total ? '' : ` (the sum is ${sum})`}`,
    },
    { invariant: 'I2', holds: clean('I2'), says: `nobody has more than ${sale.limitPerUser}` },
    { invariant: 'I3', holds: clean('I3'), says: 'every committed order has its row' },
    { invariant: 'I4', holds: clean('I4'), says: 'every row has its reservation' },
    { invariant: 'I5', holds: clean('I5'), says: 'row and reservation of each order agree' },
    {
      invariant: 'I6',
      holds: clean('I6'),
      says: `${cameBack(sale.returned)}; ${moneyLine(sums, read.money)}`,
    },
  ];
  return {
    saleId,
    balanced: checks.every((check) => check.holds),
    units,
    money: sums,
    orders: { reservations: reservations.size, rows: rows.length },
    checks,
    differences,
    fault: sale.fault,
    oldestHeldAt: oldestHeldAt === null ? null : new Date(oldestHeldAt).toISOString(),
  };
}

/** I6 in words: what came back, and the money, in the currency's own digits. */
function cameBack(returned: number): string {
  if (returned === 0) return 'no unit came back';
  if (returned === 1) return 'the unit that came back came back once';
  return `each of the ${returned} units that came back came back once`;
}

function moneyLine({ taken, kept, goingBack, back, atTheShop }: MoneySums, rows: readonly MoneyRow[]): string {
  const [currency, ...others] = new Set(rows.map(({ order }) => order.currency));
  if (currency === undefined || taken + atTheShop.taken === 0) return 'no money was taken';
  if (others.length > 0)
    return `money was taken in ${[currency, ...others].join(', ')}: --json has the sums, in minor units`;
  const shown = (amount: number) => moneyText({ amount, currency }).replace(` ${currency}`, '');
  const parts = `kept ${shown(kept)} + going back ${shown(goingBack)} + back ${shown(back)}`;
  const ours = `money taken ${shown(taken)} = ${parts} ${currency}`;
  if (atTheShop.taken === 0) return ours;
  const shops = `kept ${shown(atTheShop.kept)} + back ${shown(atTheShop.back)}`;
  const theirs = `money taken at the shop ${shown(atTheShop.taken)} = ${shops} ${currency}`;
  return taken === 0 ? theirs : `${ours}; ${theirs}`;
}

function agree(row: StoredOrder, { userId, units, place }: Reservation): boolean {
  return row.userId === userId && row.quantity === units && row.place === place;
}

/** A sale withholds all of its refunded units, or none. */
function whereIs(reservation: Reservation, row: StoredOrder | undefined, isWithholding: boolean): UnitOwner['where'] {
  if (reservation.state !== 'released') return placeOf(reservation, row);
  return isWithholding && row?.state === 'refunded' ? 'withheld' : 'free again';
}

function placeOf(reservation: Reservation, row: StoredOrder | undefined): UnitPlace {
  if (reservation.state === 'held') return 'held';
  if (row?.state === 'paid') return 'paid';
  return row?.state === 'refunding' ? 'refunding' : 'unpaid';
}
