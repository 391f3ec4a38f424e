import type { StoredOrderState } from './order-events.ts';
import { type DeclineReason, declineReasons, type ShownPaymentState } from './payment.ts';

export type ShownPayment = {
  paymentId: string;
  state: ShownPaymentState;
  /** Why it was declined, where that is known. */
  declined?: DeclineReason;
};

/**
 * The value of one field of `seckill:{<saleId>}:orders`: `<version>:<state letter>:<payByMs>:<amount>:<currency>`, and
 * `:<step>:<o, d or n>:<paymentId>:<why it was declined>:<y or nothing>` after that once a payment of it was begun that has not
 * paid it, or its shopper has said whom it is for (`y`). `n`: there is no such payment, and no id. What is empty at its end is left
 * out with its colons, so a picture that says no more than one of before looks the same.
 * A stored order as shoppers are shown it: written after each change of the row and of its payments (show.lua), so that
 * asking for an order costs the database nothing. PostgreSQL is the truth, this is its picture; a lower version never
 * overwrites a higher, nor a lower step a higher of the same version.
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
  /** Grows, within a version, with each payment that begins or is declined, and with the shopper's details. */
  step?: number;
  payment?: ShownPayment;
  /** The shopper has given what the sale collects (contact, address). */
  hasDetails?: true;
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

const paymentLetters = { open: 'o', declined: 'd' } as const satisfies Record<ShownPayment['state'], string>;
const noPayment = 'n';
const isDeclineReason = (text: string): text is DeclineReason => declineReasons.some((reason) => reason === text);

export function formatShownOrder(shown: ShownOrder): string {
  const { version, state, payByMs, amount, currency, step, payment, hasDetails } = shown;
  const order = `${version}:${letters[state]}:${payByMs}:${amount}:${currency}`;
  if (payment === undefined && hasDetails === undefined) return order;
  const letter = payment === undefined ? noPayment : paymentLetters[payment.state];
  const since = `${order}:${step ?? 0}:${letter}:${payment?.paymentId ?? ''}`;
  const why = payment?.declined ?? '';
  if (hasDetails !== undefined) return `${since}:${why}:y`;
  return why === '' ? since : `${since}:${why}`;
}

/** Throws on anything that {@link formatShownOrder} did not write. */
export function parseShownOrder(text: string): ShownOrder {
  const [version, letter = '', payByMs, amount, currency = '', step, ...more] = text.split(':');
  const [paymentLetter, paymentId, declined = '', details] = more;
  const state = stateOfLetter.get(letter as (typeof letters)[StoredOrderState]);
  if (state === undefined) throw new Error(`not a shown order: ${JSON.stringify(text.slice(0, 80))}`);
  const order = { version: Number(version), state, payByMs: Number(payByMs), amount: Number(amount), currency };
  if (paymentId === undefined) return order;
  const since = { step: Number(step), ...(details === 'y' ? { hasDetails: true as const } : {}) };
  if (paymentLetter === noPayment) return { ...order, ...since };
  const paymentState = paymentLetter === paymentLetters.declined ? 'declined' : 'open';
  const why = isDeclineReason(declined) ? { declined } : {};
  return { ...order, ...since, payment: { paymentId, state: paymentState, ...why } };
}

/** Whether one picture of an order is younger than another; show.lua decides by the same. */
export function isYounger(one: ShownOrder, other: ShownOrder): boolean {
  if (one.version !== other.version) return one.version > other.version;
  return (one.step ?? 0) > (other.step ?? 0);
}

/**
 * Redis channel that says which pictures changed: `<orderId> <shown order>` of one (show.lua), or
 * `<shown order> <orderId> <orderId> …` of orders that look alike (commit.lua). See {@link eachShownOrder}.
 */
export const shownOrdersChannel = 'seckill:shown-orders';

/**
 * Calls `onShown` for each order of a message on {@link shownOrdersChannel} that `follows` says yes to. Throws on a picture of
 * such an order that {@link formatShownOrder} did not write.
 */
export function eachShownOrder(
  message: string,
  follows: (orderId: string) => boolean,
  onShown: (orderId: string, shown: ShownOrder) => void,
): void {
  const [first = '', ...others] = message.split(' ');
  // An order id has no colon.
  const [orderIds, picture] = first.includes(':') ? [others, first] : [[first], others[0] ?? ''];
  const followed = orderIds.filter(follows);
  if (followed.length === 0) return;
  const shown = parseShownOrder(picture);
  for (const orderId of followed) onShown(orderId, shown);
}
