import { z } from 'zod';
import { drainReportSchema, drainSettingsSchema, maxDrainRate } from './drain.ts';
import { orderStates } from './order.ts';
import { saleIdSchema } from './sale.ts';

/**
 * What order-worker offers to the console on its inner port. Each request carries the console's token as its bearer;
 * without it the answer is 401.
 */
export const opsPaths = {
  /** GET, `?sale=<saleId>` for each sale whose orders are to be counted: {@link OpsOverview}. */
  overview: '/ops/overview',
  /** GET: {@link AuditAnswer}, 404 for a sale without stock. */
  audit: (saleId: string) => `/ops/sales/${saleId}/audit`,
  /** POST {@link drainChangeSchema}: the drain's settings as they are in force then. */
  drain: '/ops/drain',
  /** GET: {@link DeadLetterAnswer}s, newest first, at most 50 of each queue. */
  deadLetters: '/ops/dead-letters',
  /** POST {@link retryRequestSchema}: {@link RetryAnswer}. */
  retry: '/ops/dead-letters/retry',
} as const;

/** Most sales that one overview counts the orders of. */
export const maxSalesCounted = 20;

/**
 * The consoles' last hour, in queue Redis; may be lost with it. A stream: an entry's id is the second that it tells of, its
 * one field JSON of a moment for each sale, deflated (RFC 1951). At most an hour of entries, at most 8 KB each.
 */
export const consoleHistory = {
  key: 'seckill:console:history',
  field: 'z',
  maxSeconds: 3600,
  maxBytes: 8192,
  /** After the last entry. */
  forgottenAfterSeconds: 3600,
} as const;

/** Most ended sessions that are remembered; each needs the token to begin, and is forgotten when it would have ended. */
export const maxEndedSessions = 500;
/** Sessions of the console that were ended before their time: id, and when each ends by itself, Unix seconds. */
export const consoleSessionsSchema = z.object({ ended: z.record(z.string(), z.int()).default({}) });
export type ConsoleSessions = z.infer<typeof consoleSessionsSchema>;

/** `seckill drain show --json`. Rates in orders per second; null: no limit. */
export const drainStatusSchema = drainSettingsSchema.extend({
  paused: z.boolean(),
  /** What is stored at most now, over all workers. */
  limitPerSecond: z.number().nullable(),
  /** Why that is less than what is set; empty when it is not. */
  because: z.array(z.string()),
  storedPerSecond: z.number(),
  /** Accepted orders without a row, and where they are. */
  backlog: z.int(),
  waiting: z.int(),
  active: z.int(),
  delayed: z.int(),
  inOutbox: z.int(),
  /** Dead letters. */
  failed: z.int(),
  oldestSeconds: z.number().nullable(),
  workers: z.array(drainReportSchema),
});
export type DrainStatus = z.infer<typeof drainStatusSchema>;

/** Units of a sale's stored orders, by the state of the order; a state that none is in is left out. */
export const unitsByStateSchema = z.partialRecord(z.enum(orderStates), z.int());
export type UnitsByState = z.infer<typeof unitsByStateSchema>;

/** A part is null while what it is read from does not answer. */
export const opsOverviewSchema = z.object({
  drain: drainStatusSchema.nullable(),
  deadLetters: z.array(z.object({ queue: z.string(), deadLetters: z.int() })).nullable(),
  orders: z.record(saleIdSchema, unitsByStateSchema).nullable(),
});
export type OpsOverview = z.infer<typeof opsOverviewSchema>;

export const drainChangeSchema = z
  .strictObject({
    ratePerSecond: z
      .int('must be a whole number of orders per second')
      .min(1, 'must be at least 1: to stop, pause the drain')
      .max(maxDrainRate, `must be at most ${maxDrainRate}`)
      .nullable()
      .optional(),
    paused: z.boolean('must be true or false').optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'names nothing to change: ratePerSecond or paused');

export const deadLetterSchema = z.object({
  queue: z.string(),
  id: z.string(),
  orderId: z.string().nullable(),
  reason: z.string(),
  attempts: z.int(),
  failedAt: z.iso.datetime(),
  mend: z.string(),
});
export type DeadLetterAnswer = z.infer<typeof deadLetterSchema>;
export const deadLettersSchema = z.object({ deadLetters: z.array(deadLetterSchema) });

/** One by its queue and id, every one of a queue, or every one there is. */
export const retryRequestSchema = z.union(
  [
    z.strictObject({ queue: z.string(), id: z.string() }),
    z.strictObject({ queue: z.string() }),
    z.strictObject({ all: z.literal(true) }),
  ],
  { error: 'must be {"queue", "id"}, {"queue"} or {"all": true}' },
);
export type RetryRequest = z.infer<typeof retryRequestSchema>;
export const retryAnswerSchema = z.object({ retried: z.int() });

/** `seckill audit <saleId> --json`, as far as the console shows it. */
export const auditAnswerSchema = z.object({
  saleId: z.string(),
  balanced: z.boolean(),
  orders: z.object({ reservations: z.int(), rows: z.int() }),
  checks: z.array(z.object({ invariant: z.string(), holds: z.boolean(), says: z.string() })),
  differences: z.array(
    z.object({ invariant: z.string(), orderId: z.string(), explains: z.string(), mend: z.string().optional() }),
  ),
  fault: z.string().nullable(),
  oldestHeldAt: z.iso.datetime().nullable(),
});
export type AuditAnswer = z.infer<typeof auditAnswerSchema>;
