import { z } from 'zod';

export const maxDrainRate = 1_000_000;

/**
 * `/seckill/drain`, what ops set for all workers together. `ratePerSecond`: stored orders per second at most, null is
 * uncapped. `paused`: nothing is taken off the queue.
 */
export const drainSettingsSchema = z.object({
  ratePerSecond: z.int().positive().max(maxDrainRate).nullable(),
  paused: z.boolean().default(false),
});
export type DrainSettings = z.infer<typeof drainSettingsSchema>;
export const defaultDrainSettings: DrainSettings = { ratePerSecond: 500, paused: false };

/** In queue Redis, beside the queues. May be lost with it: the workers put both back. */
export const drainKeys = {
  /** Hash: how much of the rate is used up (`tat`), and the settings that workers without ZooKeeper go by. */
  bucket: 'seckill:drain:bucket',
  /** Hash: worker instance → JSON {@link DrainReport}, written once a second. */
  reports: 'seckill:drain:reports',
} as const;

/** Why a worker takes less than ops allow. `errors`: what the orders are stored in fails; `slow`: it answers slowly. */
export const slowdownSchema = z.object({ kind: z.enum(['slow', 'errors']), says: z.string() });
export type Slowdown = z.infer<typeof slowdownSchema>;

/** How one worker's drain is doing. */
export const drainReportSchema = z.object({
  worker: z.string(),
  /** Unix ms. */
  at: z.int(),
  /** Orders this worker stored in the last seconds, per second. */
  storedPerSecond: z.number(),
  /** What it allows itself, orders/s; null: as much as ops do. */
  limitPerSecond: z.number().nullable(),
  slowdown: slowdownSchema.nullable(),
  /** Orders that it has taken off the queue and not finished. */
  inFlight: z.int(),
  /** It has a key to seal contact and address with; left out by a worker that knows of none. */
  canSealDetails: z.boolean().optional(),
});
export type DrainReport = z.infer<typeof drainReportSchema>;

/** A worker that has not reported for this long is not counted. */
export const drainReportValidMs = 5000;

/** The workers' reports out of the fields of {@link drainKeys.reports}; old and unreadable ones are left out. */
export function readDrainReports(fields: Readonly<Record<string, string>>, nowMs: number): DrainReport[] {
  return Object.values(fields).flatMap((text) => {
    const report = drainReportSchema.safeParse(parseJson(text));
    return report.success && nowMs - report.data.at < drainReportValidMs ? [report.data] : [];
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
