import { z } from 'zod';
import { orderStates, saleIdOfOrder } from './order.ts';
import { moneySchema, publicSaleSchema } from './sale.ts';

/** Orders in one answer of `GET /api/orders`. */
export const ordersOfPage = 20;

/**
 * One order of `GET /api/orders`. `title` and `translations` are the sale's, also after it was over. `acceptedAt`: when the shop
 * said yes. An order is in the list once it is stored, so it is never `queued`.
 */
export const listedOrderSchema = z.object({
  orderId: z.string(),
  saleId: z.string(),
  title: z.string(),
  translations: publicSaleSchema.shape.translations,
  state: z.enum(orderStates).exclude(['queued']),
  quantity: z.int(),
  place: z.int(),
  amount: moneySchema,
  payBy: z.iso.datetime(),
  acceptedAt: z.iso.datetime(),
});
export type ListedOrder = z.infer<typeof listedOrderSchema>;

/** `GET /api/orders`: newest first. `next`: asked for as `before`, it leads to older ones; null when there are none. */
export const orderListSchema = z.object({ orders: z.array(listedOrderSchema), next: z.string().nullable() });
export type OrderList = z.infer<typeof orderListSchema>;

/** Where a page of the list ends: at this order. `acceptedAtMs` is Unix ms. */
export type OrderListPlace = { acceptedAtMs: number; orderId: string };

/** Clients take it as it is: it is a text of letters, digits, `-` and `_`. */
export function formatCursor({ acceptedAtMs, orderId }: OrderListPlace): string {
  return Buffer.from(`${acceptedAtMs}.${orderId}`).toString('base64url');
}

/** Null for a text that {@link formatCursor} did not write. */
export function parseCursor(text: string): OrderListPlace | null {
  if (!/^[\w-]{1,160}$/.test(text)) return null;
  const [, time = '', orderId = ''] = /^(\d{13})\.([a-z0-9-]+)$/.exec(Buffer.from(text, 'base64url').toString()) ?? [];
  return saleIdOfOrder(orderId) === null ? null : { acceptedAtMs: Number(time), orderId };
}
