import type { OrderView } from '#contract/order.ts';
import type { ListedOrder, OrderList } from '#contract/order-list.ts';
import type { PublicSale } from '#contract/sale.ts';

/** One row: an order of the list, or one that is not stored yet. */
export type OwnOrder = Omit<ListedOrder, 'state' | 'amount' | 'acceptedAt' | 'payBy'> & {
  state: OrderView['state'];
  amount: OrderView['amount'];
  /** Null: not stored yet, so newer than every order that is. */
  acceptedAt: string | null;
};

/** The ULID at the end of an order's id grows with time. */
const ulidOf = (orderId: string) => orderId.slice(-26);

/** Orders that are not in the list and are asked for one by one, at most. */
const maxUnlisted = 3;

/** What is known of the orders of one shopper: pages of the list, and orders of this browser that are in none yet. */
export function createOwnOrders() {
  const listed = new Map<string, OwnOrder>();
  let waiting: OwnOrder[] = [];
  let next: string | null = null;
  let hasOlder = false;

  return {
    /** The newest page; asked for again, it changes what it names, and the way to older ones stays. */
    learnNewest(page: OrderList): void {
      for (const order of page.orders) listed.set(order.orderId, order);
      if (!hasOlder) next = page.next;
    },
    learnOlder(page: OrderList): void {
      for (const order of page.orders) listed.set(order.orderId, order);
      hasOlder = true;
      next = page.next;
    },
    /** Of the orders that this browser knows, those which may be too young for the list; the newest first. */
    unlisted(known: readonly string[]): string[] {
      const young = known.filter((orderId) => !listed.has(orderId));
      return young.sort((a, b) => (ulidOf(a) < ulidOf(b) ? 1 : -1)).slice(0, maxUnlisted);
    },
    learnWaiting(orders: readonly { view: OrderView; sale: PublicSale | null }[]): void {
      waiting = orders
        .filter(({ view }) => view.state === 'queued')
        .map(({ view, sale }) => {
          const { orderId, saleId, quantity, place, state, amount } = view;
          const { title = saleId, translations } = sale ?? {};
          return { orderId, saleId, quantity, place, state, amount, title, translations, acceptedAt: null };
        });
    },
    /** The newest first. */
    all(): OwnOrder[] {
      const stored = [...listed.values()].sort((a, b) => ((a.acceptedAt ?? '') < (b.acceptedAt ?? '') ? 1 : -1));
      return [...waiting.filter(({ orderId }) => !listed.has(orderId)), ...stored];
    },
    isAnyWaiting: () => waiting.some(({ orderId }) => !listed.has(orderId)),
    /** Where older ones begin; null when all are known. */
    next: () => next,
  };
}
