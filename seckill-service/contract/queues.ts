import { z } from 'zod';

/** BullMQ queue names and their key prefix in queue Redis. */
export const queueNames = { orders: 'orders' } as const;
export const queuePrefix = 'seckill';

/** Options of every order job. A job that fails for good stays as a dead letter until ops decide. */
export const orderJobOptions = {
  attempts: 10,
  backoff: { type: 'exponential', delay: 500 },
  removeOnComplete: true,
  removeOnFail: false,
} as const;

/** `/seckill/drain`: stored orders per second over all workers; null is uncapped. */
export const drainSettingsSchema = z.object({ ratePerSecond: z.int().positive().nullable() });
export type DrainSettings = z.infer<typeof drainSettingsSchema>;
export const defaultDrainSettings: DrainSettings = { ratePerSecond: 500 };
