import type { OrderState, OrderView } from '#contract/order.ts';
import type { Page } from './page.ts';

/** An order in one of these holds a unit: it counts against what one person may buy. */
const holding = new Set<OrderState>(['queued', 'awaiting_payment', 'paid', 'refunding']);

/** The last order of this shopper in this sale, whichever tab bought it. */
export function createMyOrder(page: Page, saleId: string, onChange: () => void) {
  const key = `order.${saleId}`;
  let seen: { orderId: string; units: number } | null = null;
  const orderId = () => page.lasting.read<string>(key);

  /** Asks once how it stands: an order that expired keeps nobody from buying again. */
  async function look(): Promise<void> {
    const id = orderId();
    if (id === null || !page.session.isSignedIn()) return;
    const reply = await page.session.call<OrderView>('GET', `/api/orders/${encodeURIComponent(id)}`);
    if (reply.kind !== 'ok') return;
    seen = { orderId: id, units: holding.has(reply.body.state) ? reply.body.quantity : 0 };
    onChange();
  }

  page.lasting.onChange(key, () => {
    onChange();
    void look();
  });
  return {
    orderId,
    look,
    /** Units that it is known to hold. */
    units: () => (seen !== null && seen.orderId === orderId() ? seen.units : 0),
    keep: (id: string) => page.lasting.write(key, id),
    path: () => `/orders/${encodeURIComponent(orderId() ?? '')}`,
  };
}
