import type { OrderState, OrderView } from '#contract/order.ts';
import { backoffMs } from './backoff.ts';
import { type Page, repeat } from './page.ts';
import { waitsOut } from './purchase.ts';
import { ordersPrefix } from './token.ts';

/** An order in one of these holds a unit: it counts against what one person may buy. */
const holding = new Set<OrderState>(['queued', 'awaiting_payment', 'paid', 'refunding']);

/** The last order of this shopper in this sale, whichever tab bought it. */
export function createMyOrder(page: Page, saleId: string, onChange: () => void) {
  const key = ordersPrefix + saleId;
  let seen: { orderId: string; units: number } | null = null;
  let failures = 0;
  const orderId = () => page.lasting.read<string>(key);

  /** Asks how it stands until it is told: an order that expired keeps nobody from buying again. */
  const look = repeat(async () => {
    const id = orderId();
    if (id === null || !page.session.isSignedIn()) return null;
    const reply = await page.session.call<OrderView>('GET', `/api/orders/${encodeURIComponent(id)}`);
    if (reply.kind === 'ok') {
      failures = 0;
      seen = { orderId: id, units: holding.has(reply.body.state) ? reply.body.quantity : 0 };
      onChange();
      return id === orderId() ? null : 0; // another tab bought meanwhile
    }
    if (reply.kind === 'refused' && !waitsOut.has(reply.code)) return null;
    failures += 1;
    return backoffMs(failures, reply.retryAfterMs, Math.random);
  });

  page.lasting.onChange(key, () => {
    onChange();
    look();
  });
  return {
    orderId,
    /** Units that it is known to hold. */
    units: () => (seen !== null && seen.orderId === orderId() ? seen.units : 0),
    keep: (id: string) => page.lasting.write(key, id),
    path: () => `/orders/${encodeURIComponent(orderId() ?? '')}`,
  };
}
export type MyOrder = ReturnType<typeof createMyOrder>;
