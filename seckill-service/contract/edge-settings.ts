import { z } from 'zod';
import { highestEpoch } from './epoch.ts';

/**
 * What every edge limits. Rates are requests a second, bursts are requests that may come at once, each of one user or one
 * address; `server…` is of an address on the routes that servers call (webhooks); `inFlight` is the purchases that may be
 * with the service at a time, of one edge.
 */
export const edgeLimitNames = [
  'userPerSecond',
  'userBurst',
  'addressPerSecond',
  'addressBurst',
  'serverPerSecond',
  'serverBurst',
  'inFlight',
] as const;
export type EdgeLimitName = (typeof edgeLimitNames)[number];

/** Above it a limit limits nothing; the edge's arithmetic is exact up to there. */
export const highestEdgeLimit = 1_000_000;
export const longestRetryAfterSeconds = 3600;

const limitSchema = z
  .int('must be a whole number')
  .min(1, 'must be at least 1')
  .max(highestEdgeLimit, `must be at most ${highestEdgeLimit}`)
  .optional();

const parts = {
  version: z.int().positive().max(highestEpoch),
  limits: {
    userPerSecond: limitSchema,
    userBurst: limitSchema,
    addressPerSecond: limitSchema,
    addressBurst: limitSchema,
    serverPerSecond: limitSchema,
    serverBurst: limitSchema,
    inFlight: limitSchema,
  } satisfies Record<EdgeLimitName, z.ZodType>,
  maintenance: {
    retryAfterSeconds: z
      .int('must be whole seconds')
      .min(1, 'must be at least 1 second')
      .max(longestRetryAfterSeconds, `must be at most ${longestRetryAfterSeconds} seconds`),
  },
};

/**
 * `/seckill/settings/edge` in ZooKeeper: what ops changed on every edge while it runs. A limit that is not named is what
 * the edge's own configuration says. `maintenance`: every route that does work answers 503 UNAVAILABLE with this
 * Retry-After, in seconds. `version` grows with each change; an edge never goes back to a lower one.
 */
export const edgeSettingsSchema = z.strictObject({
  version: parts.version,
  limits: z.strictObject(parts.limits),
  maintenance: z.strictObject(parts.maintenance).nullable(),
});
export type EdgeSettings = z.infer<typeof edgeSettingsSchema>;

/**
 * The same as it is read: a name that only a newer version knows is left out. While versions are mixed, everything else
 * must reach the older processes.
 */
export const foundEdgeSettingsSchema = z.object({
  version: parts.version,
  limits: z.object(parts.limits),
  maintenance: z.object(parts.maintenance).nullable(),
});
