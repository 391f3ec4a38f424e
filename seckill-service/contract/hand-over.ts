import { z } from 'zod';
import { givenDetailsSchema } from './order-details.ts';
import { moneySchema } from './sale.ts';

/**
 * The hand-over: a sale whose money the shop's own checkout takes. What the shopper brings there, and what the shop's server
 * says of the order afterwards. docs/hand-over.md
 */

/** What the shop's server says: the last part of `POST /api/hand-over/orders/<orderId>/<word>`. */
export const handOverWords = ['paid', 'cancelled', 'refunded'] as const;
export type HandOverWord = (typeof handOverWords)[number];

/** All that it calls for: what it says, and what it asks, which moves nothing. */
export const handOverCalls = [...handOverWords, 'details'] as const;
export type HandOverCall = (typeof handOverCalls)[number];

/** Calls are small; a longer body is refused unread. */
export const longestHandOverBody = 16 * 1024;

/**
 * The body of a signed call about an order (Standard Webhooks). The signature covers the body and not the path, so the body
 * says both: which call it is, and of which order.
 */
export const handOverCall = <const W extends string, S extends z.ZodRawShape>(word: W, data: S) =>
  z.object({
    type: z.literal(`order.${word}`, { error: `must be "order.${word}", as the path says` }),
    timestamp: z.iso.datetime({ offset: true, error: 'must be an ISO 8601 time with a zone' }),
    data: z.object({ orderId: z.string(), ...data }),
  });

/** The shop's own id of the payment. */
const referenceSchema = z.string().regex(/^[\x21-\x7e]{1,64}$/, 'must be 1 to 64 visible ASCII characters, no spaces');

/** `amount` in minor units: with `currency` it must be the order's own. */
const { amount, currency } = moneySchema.shape;
export const handOverCallSchemas = {
  paid: handOverCall('paid', { amount, currency, reference: referenceSchema }),
  cancelled: handOverCall('cancelled', { amount, currency }),
  refunded: handOverCall('refunded', { amount, currency, reference: referenceSchema }),
  details: handOverCall('details', {}),
} as const satisfies Record<HandOverCall, z.ZodType>;

/** 200: what is on record, and since when. The same call again has the same answer. `reference` is null of a cancelled order. */
export const handOverAnswerSchema = z.object({
  orderId: z.string(),
  recorded: z.enum(handOverWords),
  reference: z.string().nullable(),
  at: z.iso.datetime(),
});
export type HandOverAnswer = z.infer<typeof handOverAnswerSchema>;

/** Contact and address of an order (I10). Null: its sale asks for none, its shopper has not given them, or they were erased. */
export const handOverDetailsSchema = z.object({ orderId: z.string(), details: givenDetailsSchema.nullable() });
export type HandOverDetails = z.infer<typeof handOverDetailsSchema>;

/**
 * What the token says beside `iss`, `aud`, `sub` (the user), `iat`, `exp` and `jti`. Its names are part of what shops build on.
 */
export type HandOverClaims = {
  order: string;
  sale: string;
  quantity: number;
  /** Minor units. */
  amount: { amount: number; currency: string };
  /** ISO 8601, UTC: the shop's `paid` must be here before. */
  payBy: string;
};
