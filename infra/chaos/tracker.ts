import type { OrderState } from '#contract/order.ts';
import { endedStates } from '#order-worker/orders/order-state.ts';

/** What one request told its shopper. An `unknown` says nothing: no answer, a broken one, or "not available now". */
export type Told = { kind: 'yes'; place: number } | { kind: 'no'; code: string } | { kind: 'unknown'; why: string };

/** How a ticket stands after the storm, as far as its shopper can know. */
export type Verdict = { kind: 'bought'; place: number } | { kind: 'not-bought' };

export type TrackedTicket = { orderId: string; userId: string; quantity: number };
export type TrackedRow = TrackedTicket & { place: number; state: OrderState };

/**
 * The two counts that a failover is judged by. `lost`: tickets whose first yes does not stand in the database at its
 * place, or of which stock Redis knows nothing any more. `toldTwice`: places of the sale that were told to shoppers of two tickets.
 */
export type Tally = { lost: number; toldTwice: number };

type Record = TrackedTicket & { places: Set<number>; refusals: Set<string>; unknowns: number; verdict: Verdict | null };

/**
 * Refusals that a fault may lead to. Any other is a lie in these rounds: the sale is open from before the storm until
 * after it, nobody pauses it, and every ticket is good.
 */
const honest = new Set(['SOLD_OUT', 'LIMIT_REACHED', 'QUANTITY_INVALID', 'RATE_LIMITED', 'BUSY']);
/** The stock's own refusals. Where no unit comes back, a ticket that got one never had, and never gets, a yes. */
const final = new Set(['LIMIT_REACHED', 'QUANTITY_INVALID']);

export type Tracker = ReturnType<typeof createTracker>;

/**
 * Keeps every answer that a shopper was given in one round, and holds the database's rows against them. Pure: it
 * neither asks nor waits. A problem is a sentence that names the order. `unitsComeBack`: orders expire, are cancelled or
 * refunded in this round, so what was refused may be granted later.
 */
export function createTracker({ unitsComeBack = false }: { unitsComeBack?: boolean } = {}) {
  const tickets = new Map<string, Record>();
  const problems: string[] = [];
  const counts = { yes: 0, no: 0, unknown: 0 };

  function recordOf(orderId: string): Record {
    const record = tickets.get(orderId);
    if (record === undefined) throw new Error(`no such ticket: ${orderId}`);
    return record;
  }

  function notePlace(record: Record, place: number): void {
    record.places.add(place);
    if (record.places.size === 2)
      problems.push(`${record.orderId} was told two places: ${[...record.places].join(', ')}`);
  }

  function standing(record: Record): 'bought' | 'not-bought' | 'unresolved' {
    if (record.places.size > 0) return 'bought';
    if (record.verdict !== null) return record.verdict.kind;
    return record.unknowns > 0 ? 'unresolved' : 'not-bought';
  }

  return {
    add(ticket: TrackedTicket): void {
      tickets.set(ticket.orderId, { ...ticket, places: new Set(), refusals: new Set(), unknowns: 0, verdict: null });
    },

    /** One answer to a purchase. */
    told(orderId: string, told: Told): void {
      const record = recordOf(orderId);
      counts[told.kind] += 1;
      if (told.kind === 'yes') notePlace(record, told.place);
      else if (told.kind === 'unknown') record.unknowns += 1;
      else {
        record.refusals.add(told.code);
        if (!honest.has(told.code)) problems.push(`${orderId} was told ${told.code}, which is not so`);
      }
    },

    /** What somebody who looked at the order saw: its place, or null when it was said to be unknown. */
    saw(orderId: string, place: number | null): void {
      const record = recordOf(orderId);
      if (place !== null) notePlace(record, place);
      else if (record.places.size > 0) problems.push(`${orderId} was told yes, and then that there is no such order`);
    },

    /** The last word on a ticket whose answers left it open. */
    settle(orderId: string, verdict: Verdict): void {
      const record = recordOf(orderId);
      record.verdict = verdict;
      if (verdict.kind === 'bought') notePlace(record, verdict.place);
    },

    /** Tickets that got no definite answer yet: a yes, or refusals only. */
    open: (): TrackedTicket[] => [...tickets.values()].filter((record) => standing(record) === 'unresolved'),

    /** Tickets whose shopper knows that they are bought. */
    bought: (): TrackedTicket[] => [...tickets.values()].filter((record) => standing(record) === 'bought'),

    counts: () => ({ tickets: tickets.size, ...counts }),

    /** What shoppers were told against what is stored: whether it was promised twice, or in vain. */
    tally(rows: readonly TrackedRow[], reserved: ReadonlySet<string>): Tally {
      const stored = new Map(rows.map(({ orderId, place }) => [orderId, place]));
      const holders = new Map<number, Set<string>>();
      let lost = 0;
      for (const { orderId, quantity, places } of tickets.values()) {
        const [first] = places;
        if (first !== undefined && (stored.get(orderId) !== first || !reserved.has(orderId))) lost += 1;
        for (const place of places) {
          for (let unit = place - quantity + 1; unit <= place; unit += 1)
            holders.set(unit, (holders.get(unit) ?? new Set()).add(orderId));
        }
      }
      return { lost, toldTwice: [...holders.values()].filter(({ size }) => size > 1).length };
    },

    /** What is wrong with the answers alone, and with `rows` against them. Empty when all is well. */
    problems(rows: readonly TrackedRow[], sale: { units: number; limitPerUser: number }): string[] {
      const found = [...problems];
      const counted = new Map<string, number>();
      for (const row of rows) counted.set(row.orderId, (counted.get(row.orderId) ?? 0) + 1);

      for (const record of tickets.values()) {
        const { orderId } = record;
        const rowCount = counted.get(orderId) ?? 0;
        const stands = standing(record);
        if (stands === 'unresolved') found.push(`${orderId} is unresolved: nobody could say whether it was bought`);
        if (stands === 'bought' && rowCount !== 1) found.push(`${orderId} was told yes and has ${rowCount} rows (I3)`);
        if (stands === 'not-bought' && rowCount > 0) {
          const said = [...record.refusals, ...(record.verdict === null ? [] : ['a replay: not bought'])];
          found.push(`${orderId} has a row and was told no (${said.join(', ')}) (I4)`);
        }
        const refused = [...record.refusals].filter((code) => final.has(code) && !unitsComeBack);
        if (stands === 'bought' && refused.length > 0) {
          found.push(`${orderId} was told yes, and ${refused.join(', ')} as well (I5)`);
        }
      }
      for (const row of rows) found.push(...problemsOfRow(row, tickets.get(row.orderId)));
      found.push(...sharedPlaces(rows));

      const kept = rows.filter((row) => !endedStates.has(row.state));
      const sold = kept.reduce((sum, row) => sum + row.quantity, 0);
      if (sold > sale.units) found.push(`${sold} units are sold of ${sale.units}`);
      const perUser = new Map<string, number>();
      for (const row of kept) perUser.set(row.userId, (perUser.get(row.userId) ?? 0) + row.quantity);
      for (const [userId, units] of perUser) {
        if (units > sale.limitPerUser)
          found.push(`${userId} has ${units} units, the limit is ${sale.limitPerUser} (I2)`);
      }
      const wasSoldOut = [...tickets.values()].some((record) => record.refusals.has('SOLD_OUT'));
      if (wasSoldOut && sold < sale.units && !unitsComeBack) {
        found.push(`somebody was told SOLD_OUT, and ${sale.units - sold} units are left`);
      }
      return found;
    },
  };
}

function problemsOfRow(row: TrackedRow, record: Record | undefined): string[] {
  if (record === undefined) return [`${row.orderId} has a row, and nobody asked for it (I4)`];
  const wrong: string[] = [];
  if (row.userId !== record.userId) wrong.push(`user ${row.userId} instead of ${record.userId}`);
  if (row.quantity !== record.quantity) wrong.push(`${row.quantity} units instead of ${record.quantity}`);
  for (const place of record.places) {
    if (place !== row.place) wrong.push(`place ${row.place}, its shopper was told ${place}`);
  }
  return wrong.map((what) => `${row.orderId} has a row with ${what} (I5)`);
}

/** An order of n units at place p has the places p−n+1 to p: no two orders may share one. */
function sharedPlaces(rows: readonly TrackedRow[]): string[] {
  const found: string[] = [];
  let before: TrackedRow | null = null;
  for (const row of [...rows].sort((a, b) => a.place - b.place)) {
    if (before !== null && row.place - row.quantity < before.place) {
      found.push(`${before.orderId} and ${row.orderId} share place ${before.place}`);
    }
    before = row;
  }
  return found;
}
