import {
  formatCursor,
  type ListedOrder,
  type OrderList,
  type OrderListPlace,
  ordersOfPage,
} from '#contract/order-list.ts';
import { publicSaleSchema } from '#contract/sale.ts';
import type { Pool } from '#runtime/postgres/connect.ts';

/** Orders of one user, newest first: those before `before`, the newest of all without. */
export type ListOrders = (userId: string, before: OrderListPlace | null) => Promise<OrderList>;

type Row = {
  id: string;
  sale_id: string;
  title: string;
  translations: unknown;
  state: ListedOrder['state'];
  quantity: number;
  place: number;
  amount: number;
  currency: string;
  pay_by: Date;
  accepted_at: Date;
};

// Along the index orders_user_newest: as many rows as a page has, however many orders the user or the sale has.
const select = `
  SELECT o.id, o.sale_id, s.title, s.translations, o.state, o.quantity, o.place, o.amount, o.currency, o.pay_by, o.accepted_at
    FROM orders o JOIN sales s ON s.id = o.sale_id
   WHERE o.user_id = $1`;
const newest = `ORDER BY o.accepted_at DESC, o.id DESC LIMIT ${ordersOfPage + 1}`;

/** Out of PostgreSQL, one question a page. Rejects when it does not answer. */
export function createListOrders(pool: Pick<Pool, 'query'>): ListOrders {
  return async (userId, before) => {
    const { rows } = await pool.query<Row>(
      before === null
        ? { name: 'newest-orders-of-user', text: `${select} ${newest}`, values: [userId] }
        : {
            name: 'older-orders-of-user',
            text: `${select} AND (o.accepted_at, o.id) < ($2, $3) ${newest}`,
            values: [userId, new Date(before.acceptedAtMs), before.orderId],
          },
    );
    const page = rows.slice(0, ordersOfPage);
    const last = page.at(-1);
    const hasMore = rows.length > page.length && last !== undefined;
    return {
      orders: page.map(listed),
      next: hasMore ? formatCursor({ acceptedAtMs: last.accepted_at.getTime(), orderId: last.id }) : null,
    };
  };
}

function listed(row: Row): ListedOrder {
  const translations = publicSaleSchema.shape.translations.parse(row.translations ?? undefined);
  return {
    orderId: row.id,
    saleId: row.sale_id,
    title: row.title,
    ...(translations === undefined ? {} : { translations }),
    state: row.state,
    quantity: row.quantity,
    place: row.place,
    amount: { amount: row.amount, currency: row.currency },
    payBy: row.pay_by.toISOString(),
    acceptedAt: row.accepted_at.toISOString(),
  };
}
