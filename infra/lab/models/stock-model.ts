import { isDeepStrictEqual } from 'node:util';
import type { Reservation } from '#contract/reservation.ts';
import type { StoredSaleState } from '#contract/sale.ts';
import type {
  CommitOutcome,
  RecountOutcome,
  ReleaseOutcome,
  ReserveOutcome,
  RestoreOutcome,
  SaleAction,
  SetStateOutcome,
} from '#stock/outcomes.ts';
import type { Random } from '../random.ts';

/**
 * What the stock is meant to do, said a second time and in another way than the scripts say it: a sale is a list of
 * orders, and every number follows from them. stock-simulation.ts drives both with the same random steps.
 */

/** When the sale may sell, by the clock. The borders are an hour away, so a run never meets one. */
export type Window = 'now' | 'ahead' | 'over';

/** One call. Orders and users go by number; `isLost`: its answer gets lost, and the call is made again. */
export type Step = { isLost: boolean } & (
  | { do: 'preload'; total: number; limit: number; window: Window; lowestEpoch: number }
  | { do: 'reserve'; order: number; user: number; units: number }
  | { do: 'commit'; orders: number[] }
  | { do: 'release'; order: number; where: 'shelf' | 'withheld' }
  | { do: 'set-state'; action: SaleAction; openNow: boolean }
  | { do: 'pause-for-fault'; lowestEpoch: number }
  | { do: 'mend' }
  | { do: 'recount' }
  | { do: 'restore'; order: number; user: number; units: number; place: number; state: 'held' | 'committed' }
);

export type PreloadOutcome = { kind: 'done'; epoch: number } | { kind: 'live' };
/** `opensInMs` is null for a draft, else {@link waiting}: the clock's own figure cannot be foreseen. */
export type Outcome =
  | PreloadOutcome
  | ReserveOutcome
  | CommitOutcome[]
  | ReleaseOutcome
  | SetStateOutcome
  | RestoreOutcome
  | RecountOutcome;
export const waiting = -1;

/** Everything that stock Redis holds of a sale, orders and users by number, in the order of their numbers. */
export type Snapshot = {
  sale: {
    state: StoredSaleState;
    epoch: number;
    window: Window;
    limit: number;
    total: number;
    free: number;
    returned: number;
    committed: number;
    skipped: number;
    withheld: number;
    isFaulty: boolean;
  } | null;
  orders: { order: number; state: Reservation['state']; units: number; place: number; user: number }[];
  buyers: { user: number; units: number }[];
  outbox: { order: number; user: number; units: number; place: number }[];
};
type SaleNumbers = NonNullable<Snapshot['sale']>;

export type Model = { apply: (step: Step) => Outcome; snapshot: () => Snapshot };

/** `ignoresLimit` breaks it on purpose: the proof that a difference is seen. */
export function createModel(broken: { ignoresLimit?: boolean } = {}): Model {
  let sale: Pick<SaleNumbers, 'state' | 'epoch' | 'window' | 'limit' | 'total' | 'isFaulty'> | null = null;
  const orders = new Map<number, Snapshot['orders'][number]>();
  const outbox: Snapshot['outbox'] = [];
  /** Highest place that was told, and units ever returned, committed, passed over, withheld. */
  let granted = 0;
  let returned = 0;
  let committed = 0;
  let skipped = 0;
  let withheld = 0;

  const sum = (list: { units: number }[]) => list.reduce((units, order) => units + order.units, 0);
  const live = () => [...orders.values()].filter((order) => order.state !== 'released');
  const unitsOf = (user: number) => sum(live().filter((order) => order.user === user));
  const freeOf = (total: number) => total - sum(live()) - withheld;

  function preload(step: Step & { do: 'preload' }): Outcome {
    if (orders.size > 0 || (sale !== null && sale.state !== 'draft')) return { kind: 'live' };
    const { total, limit, window, lowestEpoch } = step;
    const epoch = Math.max(sale?.epoch ?? 0, lowestEpoch) + 1;
    sale = { state: 'draft', epoch, window, limit, total, isFaulty: false };
    return { kind: 'done', epoch };
  }

  function reserve({ order, user, units }: Step & { do: 'reserve' }): Outcome {
    if (sale === null) return { kind: 'sale_unknown' };
    const known = orders.get(order);
    if (known !== undefined) return { kind: known.state === 'released' ? 'ended' : 'replay', place: known.place };
    if (sale.state === 'closed' || sale.window === 'over') return { kind: 'closed' };
    if (sale.state === 'draft') return { kind: 'not_open', opensInMs: null };
    if (sale.state === 'paused') return { kind: 'paused' };
    if (sale.window === 'ahead') return { kind: 'not_open', opensInMs: waiting };
    if (sale.state === 'sold_out') return { kind: 'sold_out', epoch: sale.epoch };
    if (!Number.isInteger(units) || units < 1) return { kind: 'quantity_invalid' };
    if (unitsOf(user) + units > sale.limit && broken.ignoresLimit !== true) {
      return { kind: 'limit_reached', limit: sale.limit };
    }
    const free = freeOf(sale.total);
    if (units > free) return { kind: 'not_enough', free };
    granted += units;
    orders.set(order, { order, state: 'held', units, place: granted, user });
    outbox.push({ order, user, units, place: granted });
    if (units < free) return { kind: 'accepted', place: granted, soldOutEpoch: null };
    Object.assign(sale, { state: 'sold_out', epoch: sale.epoch + 1 });
    return { kind: 'accepted', place: granted, soldOutEpoch: sale.epoch };
  }

  function commitOne(id: number): CommitOutcome {
    const order = orders.get(id);
    if (order === undefined) return 'unknown';
    if (order.state !== 'held') return order.state === 'committed' ? 'already' : 'released';
    order.state = 'committed';
    committed += order.units;
    return 'committed';
  }

  function release(id: number, where: 'shelf' | 'withheld'): Outcome {
    const order = orders.get(id);
    if (order === undefined) return { kind: 'unknown' };
    if (order.state === 'released') return { kind: 'already' };
    if (order.state === 'held') committed += order.units;
    order.state = 'released';
    if (where === 'withheld') {
      withheld += order.units;
      return { kind: 'withheld' };
    }
    returned += order.units;
    if (sale?.state !== 'sold_out') return { kind: 'released', openEpoch: null };
    Object.assign(sale, { state: 'open', epoch: sale.epoch + 1 });
    return { kind: 'released', openEpoch: sale.epoch };
  }

  /** Where an action leads; a name of an outcome when nowhere. */
  function targetOf(now: SaleNumbers, action: SaleAction | 'fault' | 'mend', openNow: boolean) {
    const isOnSale = now.state === 'open' || now.state === 'sold_out';
    const stock = now.free > 0 ? 'open' : 'sold_out';
    switch (action) {
      case 'open':
        if (now.state === 'draft') return stock;
        if (isOnSale && !openNow) return 'already';
        return now.state === 'open' ? 'open' : 'not_allowed';
      case 'pause':
        if (now.state === 'paused') return 'already';
        return isOnSale ? 'paused' : 'not_allowed';
      case 'fault':
        if (now.state === 'closed') return 'not_allowed';
        return now.state === 'paused' && now.isFaulty ? 'already' : 'paused';
      case 'resume':
        if (isOnSale) return 'already';
        if (now.state !== 'paused') return 'not_allowed';
        return now.isFaulty ? 'faulty' : stock;
      case 'mend':
        if (!now.isFaulty) return 'already';
        return now.state === 'paused' ? 'paused' : 'not_allowed';
      case 'close':
        return now.state === 'closed' ? 'already' : 'closed';
    }
  }

  function setState(action: SaleAction | 'fault' | 'mend', openNow = false, lowestEpoch = 0): Outcome {
    const numbers = snapshot().sale;
    if (sale === null || numbers === null) return { kind: 'sale_unknown' };
    const target = targetOf(numbers, action, openNow);
    if (target === 'already' || target === 'not_allowed' || target === 'faulty') {
      return { kind: target, state: sale.state, epoch: sale.epoch };
    }
    sale.state = target;
    sale.epoch = Math.max(sale.epoch, lowestEpoch) + 1;
    if (action === 'fault') sale.isFaulty = true;
    if (action === 'mend') sale.isFaulty = false;
    if (openNow && sale.window === 'ahead') sale.window = 'now';
    return { kind: 'done', state: sale.state, epoch: sale.epoch };
  }

  function restore({ order, user, units, place, state }: Step & { do: 'restore' }): Outcome {
    if (sale?.state !== 'paused' && sale?.state !== 'draft') return 'not_standing';
    if (orders.has(order)) return 'already';
    if (units < 1 || units > freeOf(sale.total)) return 'no_units';
    orders.set(order, { order, state, units, place, user });
    if (state === 'committed') committed += units;
    granted += units;
    skipped += Math.max(0, place - granted);
    granted = Math.max(granted, place);
    return 'restored';
  }

  /** What the scripts left behind is right, so there is never anything to correct. */
  function recount(): Outcome {
    if (sale === null || sale.state === 'open' || sale.state === 'sold_out') return { kind: 'not_standing' };
    return { kind: 'done', free: freeOf(sale.total), counts: [], buyers: [] };
  }

  function apply(step: Step): Outcome {
    switch (step.do) {
      case 'preload':
        return preload(step);
      case 'reserve':
        return reserve(step);
      case 'commit':
        return step.orders.map(commitOne);
      case 'release':
        return release(step.order, step.where);
      case 'set-state':
        return setState(step.action, step.openNow);
      case 'pause-for-fault':
        return setState('fault', false, step.lowestEpoch);
      case 'mend':
        return setState('mend');
      case 'recount':
        return recount();
      case 'restore':
        return restore(step);
    }
  }

  function snapshot(): Snapshot {
    const users = [...new Set(live().map((order) => order.user))].sort((a, b) => a - b);
    return {
      sale: sale === null ? null : { ...sale, free: freeOf(sale.total), returned, committed, skipped, withheld },
      orders: [...orders.values()].map((order) => ({ ...order })).sort((a, b) => a.order - b.order),
      buyers: users.map((user) => ({ user, units: unitsOf(user) })),
      outbox: outbox.map((entry) => ({ ...entry })),
    };
  }
  return { apply, snapshot };
}

/** The outcomes of one call after which nothing may have changed. */
const refusals = new Set([
  ...[
    'live',
    'replay',
    'ended',
    'sale_unknown',
    'not_open',
    'paused',
    'sold_out',
    'closed',
    'limit_reached',
    'not_enough',
    'quantity_invalid',
  ],
  ...['already', 'unknown', 'released', 'not_allowed', 'faulty', 'not_standing', 'no_units'],
]);

function changesNothing(step: Step, outcome: Outcome): boolean {
  if (Array.isArray(outcome)) return outcome.every((each) => each !== 'committed');
  const kind = typeof outcome === 'string' ? outcome : outcome.kind;
  return step.do === 'recount' || (refusals.has(kind) && !(step.do === 'release' && kind === 'released'));
}

/**
 * What must hold of any state that follows another by one call, whatever the model thinks (DESIGN 3). Returns what
 * does not, in words. `restored` are the orders that came from elsewhere: no outbox entry, a place as it was told.
 */
export function brokenInvariants(
  call: { before: Snapshot; step: Step; outcome: Outcome; after: Snapshot },
  restored: ReadonlySet<number>,
): string[] {
  const { before, step, outcome, after } = call;
  if (changesNothing(step, outcome) && !isDeepStrictEqual(before, after)) return ['a refusal changed something'];
  const { sale, orders, buyers, outbox } = after;
  if (sale === null) return orders.length + buyers.length + outbox.length > 0 ? ['orders without a sale'] : [];
  const was = before.sale;
  const live = orders.filter((order) => order.state !== 'released');
  const unitsOf = (user: number) => live.reduce((sum, it) => sum + (it.user === user ? it.units : 0), 0);
  const liveUnits = live.reduce((sum, order) => sum + order.units, 0);
  const grantedOrders = orders.filter((order) => !restored.has(order.order));
  const usersRestored = new Set(orders.filter((it) => restored.has(it.order)).map((it) => it.user));
  const places = grantedOrders.map((order) => order.place);
  const highestBefore = Math.max(0, ...before.orders.map((order) => order.place));
  const known = new Map(before.orders.map((order) => [order.order, order]));
  const moves = new Set(['held>held', 'held>committed', 'held>released', 'committed>committed', 'committed>released']);
  const edgeChanged = was?.state !== sale.state || was.window !== sale.window;

  const rules: [string, boolean][] = [
    [
      'I1: total = free + held + committed + withheld',
      sale.total === sale.free + liveUnits + sale.withheld && sale.free >= 0,
    ],
    ['I2: a user has at most the limit', buyers.every((it) => usersRestored.has(it.user) || it.units <= sale.limit)],
    [
      'buyers = sum of live reservations',
      buyers.every((it) => it.units > 0 && it.units === unitsOf(it.user)) &&
        new Set(live.map((it) => it.user)).size === buyers.length,
    ],
    [
      'I3, I4: exactly one outbox entry per granted order',
      outbox.length === grantedOrders.length &&
        grantedOrders.every((it) =>
          outbox.some(
            (entry) =>
              entry.order === it.order &&
              entry.user === it.user &&
              entry.units === it.units &&
              entry.place === it.place,
          ),
        ),
    ],
    ['places are unique', new Set(places).size === places.length],
    [
      'a new place lies its units above all before',
      grantedOrders.every((it) => known.has(it.order) || it.place >= highestBefore + it.units),
    ],
    [
      'an order keeps place, units and user',
      before.orders.every((old) =>
        orders.some(
          (it) => it.order === old.order && it.place === old.place && it.units === old.units && it.user === old.user,
        ),
      ),
    ],
    [
      'I6: an order only goes forward',
      orders.every((it) => {
        const old = known.get(it.order);
        return old === undefined
          ? it.state !== 'released'
          : old.state === it.state || moves.has(`${old.state}>${it.state}`);
      }),
    ],
    ['the epoch never falls', sale.epoch >= (was?.epoch ?? 0)],
    ['I7: a change for the edge has a new epoch', !edgeChanged || sale.epoch > (was?.epoch ?? 0)],
    ['I7: open means that a unit is free', sale.state !== 'open' || sale.free > 0],
    ['I7: sold out means that none is', sale.state !== 'sold_out' || sale.free === 0],
    ['a fault keeps a sale off sale', !sale.isFaulty || sale.state === 'paused' || sale.state === 'closed'],
    [
      'counts only grow',
      sale.returned >= (was?.returned ?? 0) &&
        sale.committed >= (was?.committed ?? 0) &&
        sale.withheld >= (was?.withheld ?? 0) &&
        sale.skipped >= (was?.skipped ?? 0),
    ],
  ];
  return rules.filter(([, holds]) => !holds).map(([rule]) => rule);
}

const ids = { orders: 12, users: 4 };

/** A random sequence of `length` steps; small worlds meet more corners. */
export function randomSteps(random: Random, length: number): Step[] {
  const below = (n: number) => random.int(0, n - 1);
  const pick = <T>(...choices: readonly T[]): T => random.pick(choices);
  const order = () => below(ids.orders);
  const user = () => below(ids.users);
  const units = () => pick(1, 1, 1, 2, 3, 5, 0);
  const quantity = () => (below(25) === 0 ? pick(-1, 1.5, 2 ** 53, -(2 ** 53)) : units());
  const lowestEpoch = () => pick(0, 0, 0, below(20));
  const preload = () =>
    ({
      do: 'preload',
      total: 1 + below(8),
      limit: 1 + below(3),
      window: pick('now', 'now', 'now', 'ahead', 'over'),
      lowestEpoch: lowestEpoch(),
    }) as const;
  const setState = (action: SaleAction) =>
    ({ do: 'set-state', action, openNow: action === 'open' && below(2) === 0 }) as const;

  function step(index: number) {
    if (index === 0 && below(10) > 0) return preload();
    if (index === 1 && below(10) > 1) return setState('open');
    const die = below(100);
    if (die < 52) return { do: 'reserve', order: order(), user: user(), units: quantity() } as const;
    if (die < 64) return { do: 'release', order: order(), where: pick('shelf', 'shelf', 'withheld') } as const;
    if (die < 73) return { do: 'commit', orders: Array.from({ length: 1 + below(4) }, order) } as const;
    if (die < 88)
      return setState(pick<SaleAction>('open', 'open', 'pause', 'pause', 'resume', 'resume', 'resume', 'close'));
    if (die < 91) return { do: 'pause-for-fault', lowestEpoch: lowestEpoch() } as const;
    if (die < 93) return { do: 'mend' } as const;
    if (die < 94) return { do: 'recount' } as const;
    if (die < 97) return preload();
    const state = pick('held', 'committed');
    return { do: 'restore', order: order(), user: user(), units: units(), place: 1 + below(15), state } as const;
  }
  return Array.from({ length }, (_, index) => ({ ...step(index), isLost: below(7) === 0 }));
}

/**
 * Drops steps as long as the rest still `fails`: first halves, then ever smaller runs, at last single steps; then the
 * losses of answers that do not matter.
 */
export async function shrink(steps: readonly Step[], fails: (steps: Step[]) => Promise<boolean>): Promise<Step[]> {
  let kept = [...steps];
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < kept.length; ) {
      const fewer = kept.toSpliced(start, size);
      if (await fails(fewer)) kept = fewer;
      else start += size;
    }
  }
  for (const [index, step] of kept.entries()) {
    const heard = kept.with(index, { ...step, isLost: false });
    if (step.isLost && (await fails(heard))) kept = heard;
  }
  return kept;
}

/** A sequence as a list to read, one step a line. */
export function describeSteps(steps: readonly Step[]): string {
  const lines = steps.map(({ isLost, do: name, ...details }, index) => {
    const words = Object.entries(details).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
    return `${index + 1}. ${[name, ...words].join(', ')}${isLost ? ' (answer lost, asked again)' : ''}`;
  });
  return lines.join('\n');
}
