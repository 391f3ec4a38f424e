import type { HandOverDetails } from '#contract/hand-over.ts';
import type { OrderState } from '#contract/order.ts';
import type { OrderDetails } from '#contract/order-details.ts';
import type { Pool } from '#runtime/postgres/connect.ts';

/** `told`: contact and address are in it. `none`: there are none. `ended`: the order ended unpaid, and nothing is shipped. */
export type TellOutcome =
  | { kind: 'told' | 'none'; answer: HandOverDetails }
  | { kind: 'ended'; why: string }
  | { kind: 'unknown' };

/** Opens contact and address of these orders; rejects when one does not open. */
export type DetailsOf = (orderIds: readonly string[]) => Promise<ReadonlyMap<string, OrderDetails>>;

const unpaidEnds: readonly string[] = ['expired', 'cancelled', 'failed'] satisfies OrderState[];

/** Contact and address of an order, for the shop whose checkout takes its money: while it may be paid, and once it was. */
export async function tellDetails(
  deps: { pool: Pick<Pool, 'query'>; detailsOf: DetailsOf },
  orderId: string,
): Promise<TellOutcome> {
  const { rows } = await deps.pool.query<{ state: string }>({
    name: 'state-of-order',
    text: 'SELECT state FROM orders WHERE id = $1',
    values: [orderId],
  });
  const [order] = rows;
  if (order === undefined) return { kind: 'unknown' };
  if (unpaidEnds.includes(order.state))
    return { kind: 'ended', why: `the order is ${order.state}: there is nothing to ship` };
  const details = (await deps.detailsOf([orderId])).get(orderId) ?? null;
  return { kind: details === null ? 'none' : 'told', answer: { orderId, details } };
}
