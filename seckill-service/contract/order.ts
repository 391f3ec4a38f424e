import { ulid } from 'ulid';
import { z } from 'zod';
import { originSchema } from './origin.ts';
import { declineReasons, shownPaymentStates } from './payment.ts';
import { checkoutModes, collectedDetails, maxUnitsPerUser, saleIdPattern } from './sale.ts';
import { seenOnOneLine } from './seen-text.ts';

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

/** States of orders that hold no unit any more, and that nothing leads out of. */
export const endedOrderStates: ReadonlySet<OrderState> = new Set(['expired', 'cancelled', 'refunded', 'failed']);

const suffixLength = 26;
const orderIdPattern = /^[a-z0-9-]{1,48}-[0-9a-hjkmnp-tv-z]{26}$/;

/**
 * A new order id: `<saleId>-<ulid>`, lower case. The sale is in it, so that whoever holds only an order id (status,
 * payment, sweeper) finds its Redis slot without a look-up. It is the ticket's id and the BullMQ jobId (no colon).
 */
export function newOrderId(saleId: string, nowMs: number): string {
  return `${saleId}-${ulid(nowMs).toLowerCase()}`;
}

const randomDigits = 16;

/**
 * The order id that belongs to `seed`, at least 16 bytes that nobody can guess: the same for the same three arguments.
 * A ULID of `timeMs` (Unix ms) whose random part, 16 digits of 5 bits, comes from the seed.
 * Source: https://github.com/ulid/spec.
 */
export function derivedOrderId(saleId: string, timeMs: number, seed: Uint8Array): string {
  let at = 0;
  const prng = () => ((seed[at++ % randomDigits] ?? 0) % 32) / 32;
  return `${saleId}-${ulid(timeMs, prng).toLowerCase()}`;
}

/** The sale an order id belongs to, or null when it is not the shape of an order id. */
export function saleIdOfOrder(orderId: string): string | null {
  if (!orderIdPattern.test(orderId)) return null;
  const saleId = orderId.slice(0, -suffixLength - 1);
  return saleIdPattern.test(saleId) ? saleId : null;
}

export const orderIdSchema = z.string().refine((id) => saleIdOfOrder(id) !== null, 'is not an order id');

/** User ids come from the shop's sign-in: text that is seen, on one line, of at most 128 bytes in UTF-8. */
export const maxUserIdBytes = 128;
export const userIdSchema = z
  .string()
  .min(1, 'must not be empty')
  .superRefine(seenOnOneLine)
  .refine((id) => Buffer.byteLength(id) <= maxUserIdBytes, `must be at most ${maxUserIdBytes} bytes`);

/**
 * One accepted order on its way: the outbox entry and the BullMQ job's data. `acceptedAt` is Unix ms by Redis' clock. The
 * user was judged when he signed in, by the rules of then: an order that was accepted is never unreadable.
 */
export const acceptedOrderSchema = z.object({
  orderId: orderIdSchema,
  saleId: z.string().regex(saleIdPattern),
  userId: z.string().min(1),
  quantity: z.int().positive(),
  place: z.int().positive(),
  acceptedAt: z.int().positive(),
  ...originSchema.shape,
});
export type AcceptedOrder = z.infer<typeof acceptedOrderSchema>;

/** What finds an order in the logs: each process that has orders in its hands logs this much of every one. */
export function tracks({ orderId, requestId }: AcceptedOrder): { orderId: string; requestId?: string } {
  return requestId === undefined ? { orderId } : { orderId, requestId };
}

/** `POST /api/sales/<saleId>/orders`. */
export const purchaseRequestSchema = z.object({ quantity: z.int().min(1).max(maxUnitsPerUser) });

/** What comes back, 202. `place`: how many units of this sale were accepted, this order's last one included. */
export const purchaseAnswerSchema = z.object({ orderId: z.string(), state: z.literal('queued'), place: z.int() });
export type PurchaseAnswer = z.infer<typeof purchaseAnswerSchema>;

/**
 * `GET /api/orders/<orderId>`, and the data of each of its server-sent events ({@link orderStreamEvent}). `version` grows
 * by one with each change of state, 0 while `queued`. `ahead`: units that were accepted earlier and are not stored yet.
 * `etaSeconds`: about how long until this one is stored; null when nobody can say (the drain stands still), or when it
 * is. `acceptedAt`: when the shop said yes. `payment`: how its last payment stands while it awaits payment, `declined` in the provider's word, and why, where that
 * is known; null when none was begun, or none is known of. `checkout`: who takes the money, this page or the shop's own checkout.
 * `collect`: what the sale asks of its shopper before paying; `hasDetails`: it was given. `now`: the server's clock, for counting down to `payBy`.
 */
export const orderViewSchema = z.object({
  orderId: z.string(),
  saleId: z.string(),
  version: z.int(),
  state: z.enum(orderStates),
  quantity: z.int(),
  place: z.int(),
  ahead: z.int(),
  etaSeconds: z.int().nullable(),
  acceptedAt: z.iso.datetime(),
  payBy: z.iso.datetime().nullable(),
  amount: z.object({ amount: z.int(), currency: z.string() }).nullable(),
  payment: z
    .object({
      paymentId: z.string(),
      state: z.enum(shownPaymentStates),
      declined: z.enum(declineReasons).nullable(),
    })
    .nullable(),
  checkout: z.enum(checkoutModes),
  collect: z.array(z.enum(collectedDetails)),
  hasDetails: z.boolean(),
  now: z.iso.datetime(),
});
export type OrderView = z.infer<typeof orderViewSchema>;

/** Event name on `GET /api/orders/<orderId>/events`; an event's id is the view's version. */
export const orderStreamEvent = 'order';
