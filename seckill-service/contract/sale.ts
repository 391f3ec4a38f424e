import { z } from 'zod';
import { checkoutUrlSchema } from './checkout.ts';
import { currencySchema } from './currencies.ts';
import { epochSchema } from './epoch.ts';
import { byOtherLanguages } from './language-tag.ts';
import { plainLine, plainText } from './plain-text.ts';
import { quizSchema, sealedQuestionSchema } from './sale-quiz.ts';

/** Ids go into URLs, Redis hash tags, ZooKeeper paths and file names: lower case, digits and inner hyphens, 1–48. */
export const saleIdPattern = /^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$/;

export const saleIdSchema = z
  .string()
  .regex(saleIdPattern, 'must be 1 to 48 characters of a-z, 0-9 and inner hyphens, for example "autumn-phone"');

/** Highest number of units that one order, and one user, may have. */
export const maxUnitsPerUser = 100;
export const maxUnits = 10_000_000;

/** The states as the public sees them. `upcoming`, and `closed` by the clock, follow from the window. */
export const saleStates = ['draft', 'upcoming', 'open', 'sold_out', 'paused', 'closed'] as const;
export type SaleState = (typeof saleStates)[number];

/** The states that are stored (stock Redis, ZooKeeper, PostgreSQL). Time turns `open` into upcoming, open or closed. */
export const storedSaleStates = ['draft', 'open', 'sold_out', 'paused', 'closed'] as const;
export type StoredSaleState = (typeof storedSaleStates)[number];

/**
 * Money in minor units (cents, fen; their digits: `minorDigits`), as it is stored and travels. Whether the currency is one
 * was asked when the sale was written: one that ISO withdraws later stays readable.
 * Source of the minor-unit rule: ISO 4217, as in every payment provider's API.
 */
export const moneySchema = z.strictObject({
  amount: z
    .int('must be a whole number of minor units: 19.99 is 1999')
    .positive('must be above 0')
    .max(1_000_000_000_000, 'is too large'),
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters such as "CNY"'),
});
export type Money = z.infer<typeof moneySchema>;

/** The price of a new sale. */
export const priceSchema = moneySchema.extend({ currency: currencySchema });

const instantSchema = z.iso
  .datetime({ offset: true, error: 'must be an ISO 8601 time with a zone, for example "2026-11-11T00:00:00Z"' })
  .transform((text) => new Date(text).toISOString());

/** What stands before a ticket: a question for a person, work for a machine, or nothing. */
export const challengeKinds = ['quiz', 'pow', 'none'] as const;

/** How long before the opening a sale's own questions are shown first: earlier, they could be collected at leisure. */
const defaultQuizLeadSeconds = 600;

const titleSchema = plainLine(120);
const descriptionSchema = plainText(2000);

/** The sale in other languages than English, by language tag; what is left out is shown in English. */
const translationsSchema = z
  .record(z.string(), z.strictObject({ title: titleSchema, description: descriptionSchema.optional() }))
  .superRefine(byOtherLanguages);
export type Translations = z.infer<typeof translationsSchema>;

/** Who takes the money: the sale's own order page, or the checkout that the shop has. */
export const checkoutModes = ['here', 'shop'] as const;
export type CheckoutMode = (typeof checkoutModes)[number];

export const checkoutSchema = z.discriminatedUnion(
  'mode',
  [z.strictObject({ mode: z.literal('here') }), z.strictObject({ mode: z.literal('shop'), url: checkoutUrlSchema })],
  { error: ({ code }) => (code === 'invalid_union' ? 'must be "here" or "shop"' : undefined) },
);
export type Checkout = z.infer<typeof checkoutSchema>;

/** What a sale may ask of its shoppers before they pay. */
export const collectedDetails = ['name', 'email', 'phone', 'address'] as const;
export type CollectedDetail = (typeof collectedDetails)[number];
const collectSchema = z
  .array(
    z.enum(collectedDetails, {
      error: `must be some of ${collectedDetails.map((detail) => `"${detail}"`).join(', ')}`,
    }),
  )
  .refine((details) => new Set(details).size === details.length, 'must name each only once');

/** What ops write: `seckill sale create <file.json>`. Unknown fields are refused, so a misspelling is never ignored. */
export const saleFileSchema = z
  .strictObject({
    saleId: saleIdSchema,
    title: titleSchema,
    description: descriptionSchema.default(''),
    translations: translationsSchema.optional(),
    /** A PNG, JPEG, WebP or AVIF file, beside the sale file unless the path is absolute. */
    picture: z.string().min(1, 'must name a file').optional(),
    price: priceSchema,
    units: z.int('must be a whole number').min(1, 'must be at least 1').max(maxUnits, `must be at most ${maxUnits}`),
    limitPerUser: z
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(maxUnitsPerUser, `must be at most ${maxUnitsPerUser}`)
      .default(1),
    opensAt: instantSchema,
    closesAt: instantSchema,
    payWithinSeconds: z.int('must be whole seconds').min(10, 'must be at least 10').max(86_400).default(900),
    challenge: z
      .enum(challengeKinds, { error: `must be one of ${challengeKinds.map((kind) => `"${kind}"`).join(', ')}` })
      .default('quiz'),
    /** Whether a refunded unit goes back on sale; else it is withheld: it was returned, and nobody gets it. */
    restock: z.boolean('must be true or false').default(true),
    quiz: quizSchema.optional(),
    challengeLeadSeconds: z.int('must be whole seconds').min(60, 'must be at least 60').max(86_400).optional(),
    checkout: checkoutSchema.default({ mode: 'here' }),
    collect: collectSchema.default([]),
    /** Contact and address are erased so many days after they were given. */
    keepDetailsDays: z
      .int('must be whole days')
      .min(1, 'must be at least 1')
      .max(3650, 'must be at most 3650')
      .default(180),
  })
  .refine((sale) => Date.parse(sale.closesAt) > Date.parse(sale.opensAt), {
    path: ['closesAt'],
    error: 'must be after opensAt',
  })
  .refine((sale) => sale.limitPerUser <= sale.units, { path: ['limitPerUser'], error: 'must not exceed units' })
  .refine((sale) => sale.quiz === undefined || sale.challenge === 'quiz', {
    path: ['quiz'],
    error: 'needs "challenge": "quiz"',
  })
  .transform((sale) =>
    sale.quiz === undefined
      ? sale
      : { ...sale, challengeLeadSeconds: sale.challengeLeadSeconds ?? defaultQuizLeadSeconds },
  );
export type SaleFile = z.infer<typeof saleFileSchema>;

/**
 * `/seckill/sales/<saleId>` in ZooKeeper: all that the edge, the pages and the ticket office need to know of a sale. Its
 * words were judged when the sale was written, by the rules of then.
 */
export const saleNodeSchema = z.object({
  saleId: saleIdSchema,
  title: z.string(),
  price: moneySchema,
  translations: z.record(z.string(), z.object({ title: z.string(), description: z.string().optional() })).optional(),
  challenge: z.enum(challengeKinds),
  quiz: z.array(sealedQuestionSchema).optional(),
  /** Challenges are given from so long before the opening; left out: at any time before. */
  challengeLeadSeconds: z.int().positive().optional(),
  state: z.enum(storedSaleStates),
  epoch: epochSchema,
  window: z.object({ opensAt: z.iso.datetime(), closesAt: z.iso.datetime() }),
  limits: z.object({ perUser: z.int().positive() }),
  /** Left out: `here`. */
  checkout: z.enum(checkoutModes).optional(),
  collect: z.array(z.enum(collectedDetails)).optional(),
});
export type SaleNode = z.infer<typeof saleNodeSchema>;

/** The node of a sale, out of its data in ZooKeeper. Throws when that is something else, or another sale. */
export function parseSaleNode(data: { toString: () => string }, saleId: string): SaleNode {
  const node = saleNodeSchema.parse(JSON.parse(data.toString()));
  if (node.saleId !== saleId) throw new Error(`the node of ${saleId} is about another sale`);
  return node;
}

/** `GET /api/sales/<saleId>`. Times are ISO 8601 UTC, `price.amount` is in minor units. */
export const publicSaleSchema = z.object({
  saleId: z.string(),
  title: z.string(),
  translations: z.record(z.string(), z.object({ title: z.string() })).optional(),
  price: moneySchema,
  state: z.enum(saleStates),
  opensAt: z.iso.datetime(),
  closesAt: z.iso.datetime(),
  now: z.iso.datetime(),
  limitPerUser: z.int(),
  epoch: z.int(),
});
export type PublicSale = z.infer<typeof publicSaleSchema>;

/** `GET /api/sales`: every sale but the drafts and those of load tests. */
export const publicSalesSchema = z.object({ sales: z.array(publicSaleSchema), now: z.iso.datetime() });

/**
 * The state that the public sees. Order matters: what ops said comes before the clock, the clock before the stock.
 * The Lua twin is `effective` in nginx-lua/lua/seckill/state.lua. Times are Unix milliseconds.
 */
export function effectiveState(
  stored: StoredSaleState,
  opensAtMs: number,
  closesAtMs: number,
  nowMs: number,
): SaleState {
  if (stored === 'draft' || stored === 'closed') return stored;
  if (nowMs >= closesAtMs) return 'closed';
  if (stored === 'paused') return 'paused';
  if (nowMs < opensAtMs) return 'upcoming';
  return stored;
}
