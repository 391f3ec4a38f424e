import type { OrderView } from '#contract/order.ts';
import type { SaleNode } from '#contract/sale.ts';
import type { ShownOrder } from '#contract/shown-order.ts';
import type { OrderRecord } from './read-orders.ts';
import type { SaleProgress } from './sale-progress.ts';

/** True while an order waits to be stored: only then does its sale's progress matter. */
export const isQueued = ({ reservation, shown }: OrderRecord) => shown === null && reservation.state === 'held';

/** What a sale says of its orders' way to be paid. */
export type OrderTerms = Pick<SaleNode, 'checkout' | 'collect'>;
/** Of a sale that is not known (any more): null. */
export type FindTerms = (saleId: string) => OrderTerms | null;

/** What the owner is shown. `progress` is needed for queued orders only; without it nothing is said about the line. */
export function orderView(
  record: OrderRecord,
  progress: SaleProgress | null,
  terms: OrderTerms | null,
  nowMs: number,
): OrderView {
  const { orderId, saleId, reservation, shown } = record;
  const { place, units, acceptedAt } = reservation;
  const queued = isQueued(record);
  const ahead = queued && progress !== null ? Math.max(0, place - units - progress.behind) : 0;
  const perSecond = queued && progress !== null ? progress.unitsPerSecond : null;
  return {
    orderId,
    saleId,
    version: shown?.version ?? 0,
    // Given back, and never stored: there was no way to make an order of it.
    state: shown?.state ?? (reservation.state === 'released' ? 'failed' : 'queued'),
    quantity: units,
    place,
    ahead,
    etaSeconds: perSecond === null || perSecond <= 0 ? null : Math.ceil((ahead + units) / perSecond),
    acceptedAt: new Date(acceptedAt).toISOString(),
    payBy: shown === null ? null : new Date(shown.payByMs).toISOString(),
    amount: shown === null ? null : { amount: shown.amount, currency: shown.currency },
    payment: paymentOf(shown),
    checkout: terms?.checkout ?? 'here',
    collect: terms?.collect ?? [],
    hasDetails: shown?.hasDetails ?? false,
    now: new Date(nowMs).toISOString(),
  };
}

function paymentOf(shown: ShownOrder | null): OrderView['payment'] {
  if (shown?.payment === undefined) return null;
  const { paymentId, state, declined } = shown.payment;
  return { paymentId, state, declined: declined ?? null };
}
