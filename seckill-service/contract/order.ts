import { ulid } from 'ulid';
import { z } from 'zod';
import { saleIdPattern } from './sale.ts';

export const orderStates = [
  'queued',
  'awaiting_payment',
  'paid',
  'expired',
  'cancelled',
  'refunding',
  'refunded',
  'failed',
] as const;
export type OrderState = (typeof orderStates)[number];

const suffixLength = 26;
const orderIdPattern = /^[a-z0-9-]{1,48}-[0-9a-hjkmnp-tv-z]{26}$/;

/**
 * A new order id: `<saleId>-<ulid>`, lower case. The sale is in it, so that whoever holds only an order id (status,
 * payment, sweeper) finds its Redis slot without a look-up. It is the ticket's id and the BullMQ jobId (no colon).
 */
export function newOrderId(saleId: string, nowMs: number): string {
  return `${saleId}-${ulid(nowMs).toLowerCase()}`;
}

/** The sale an order id belongs to, or null when it is not the shape of an order id. */
export function saleIdOfOrder(orderId: string): string | null {
  if (!orderIdPattern.test(orderId)) return null;
  const saleId = orderId.slice(0, -suffixLength - 1);
  return saleIdPattern.test(saleId) ? saleId : null;
}

export const orderIdSchema = z.string().refine((id) => saleIdOfOrder(id) !== null, 'is not an order id');

/** User ids come from the shop's sign-in: any printable text of at most 128 bytes in UTF-8. */
export const maxUserIdBytes = 128;
export const userIdSchema = z
  .string()
  .min(1, 'must not be empty')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not contain control characters')
  .refine((id) => Buffer.byteLength(id) <= maxUserIdBytes, `must be at most ${maxUserIdBytes} bytes`);

/** One accepted order on its way: the outbox entry and the BullMQ job's data. `acceptedAt` is Unix ms by Redis' clock. */
export const acceptedOrderSchema = z.object({
  orderId: orderIdSchema,
  saleId: z.string().regex(saleIdPattern),
  userId: userIdSchema,
  quantity: z.int().positive(),
  place: z.int().positive(),
  acceptedAt: z.int().positive(),
});
export type AcceptedOrder = z.infer<typeof acceptedOrderSchema>;

/** `POST /api/sales/<saleId>/orders`, success. */
export type PurchaseAnswer = { orderId: string; state: 'queued'; place: number };

/** `GET /api/orders/<orderId>`. `ahead`: units that were accepted earlier and are not stored yet. */
export const orderViewSchema = z.object({
  orderId: z.string(),
  saleId: z.string(),
  state: z.enum(orderStates),
  quantity: z.int(),
  place: z.int(),
  ahead: z.int(),
  payBy: z.iso.datetime().nullable(),
  amount: z.object({ amount: z.int(), currency: z.string() }).nullable(),
});
export type OrderView = z.infer<typeof orderViewSchema>;
