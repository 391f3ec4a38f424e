import type { StoredOrderState } from './order-events.ts';

/**
 * The value of one field of `seckill:{<saleId>}:orders`: `<version>:<state letter>:<payByMs>:<amount>:<currency>`.
 * A stored order as shoppers are shown it: written after each change of the row (show.lua), so that asking for an order
 * costs the database nothing. PostgreSQL is the truth, this is its picture; a lower version never overwrites a higher.
 */
export type ShownOrder = {
  /** The row's version: grows by one with each change of state. */
  version: number;
  state: StoredOrderState;
  /** Unix ms. */
  payByMs: number;
  /** Minor units. */
  amount: number;
  currency: string;
};

const letters = {
  awaiting_payment: 'a',
  paid: 'p',
  expired: 'x',
  cancelled: 'c',
  refunding: 'r',
  refunded: 'b',
  failed: 'f',
} as const satisfies Record<StoredOrderState, string>;
const stateOfLetter = new Map(Object.entries(letters).map(([state, letter]) => [letter, state as StoredOrderState])); // the table's own keys

export function formatShownOrder({ version, state, payByMs, amount, currency }: ShownOrder): string {
  return `${version}:${letters[state]}:${payByMs}:${amount}:${currency}`;
}

/** Throws on anything that {@link formatShownOrder} did not write. */
export function parseShownOrder(text: string): ShownOrder {
  const [version, letter = '', payByMs, amount, currency = ''] = text.split(':');
  const state = stateOfLetter.get(letter as (typeof letters)[StoredOrderState]);
  if (state === undefined) throw new Error(`not a shown order: ${JSON.stringify(text.slice(0, 80))}`);
  return { version: Number(version), state, payByMs: Number(payByMs), amount: Number(amount), currency };
}

/** Redis channel on which show.lua says `<orderId> <shown order>` for each picture that it changed. */
export const shownOrdersChannel = 'seckill:shown-orders';
