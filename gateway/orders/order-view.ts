import type { OrderView } from '#contract/order.ts';
import type { OrderRecord } from './read-orders.ts';
import type { SaleProgress } from './sale-progress.ts';

/** True while an order waits to be stored: only then does its sale's progress matter. */
export const isQueued = ({ reservation, shown }: OrderRecord) => shown === null && reservation.state === 'held';

/** What the owner is shown. `progress` is needed for queued orders only; without it nothing is said about the line. */
export function orderView(record: OrderRecord, progress: SaleProgress | null, nowMs: number): OrderView {
  const { orderId, saleId, reservation, shown } = record;
  const { place, units } = reservation;
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
    payBy: shown === null ? null : new Date(shown.payByMs).toISOString(),
    amount: shown === null ? null : { amount: shown.amount, currency: shown.currency },
    payment: shown?.payment === undefined ? null : { paymentId: shown.payment.paymentId, state: shown.payment.state },
    now: new Date(nowMs).toISOString(),
  };
}
