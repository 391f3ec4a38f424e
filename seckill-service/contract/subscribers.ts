import { z } from 'zod';

/** The name is in the queue's name, in metrics and in logs. */
export const subscriberNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be 1 to 40 of a-z, 0-9 and hyphen, and begin with a letter');

/** More queues than this are more than one queue Redis and one worker should watch. */
export const maxSubscribers = 100;

/**
 * How a subscriber is served. `ratePerSecond`: orders a second over all workers, null is as fast as it answers.
 * `concurrency`: requests at a time. `batchSize`: events a request; 1 is one event, one request. `retry`: how often an
 * event is tried, and the first and the longest wait between two tries, in ms.
 */
export const deliverySettingsSchema = z.object({
  ratePerSecond: z.int().min(1).max(100_000).nullable(),
  concurrency: z.int().min(1).max(200),
  batchSize: z.int().min(1).max(1000),
  retry: z
    .object({
      tries: z.int().min(1).max(100),
      firstMs: z.int().min(10).max(86_400_000),
      longestMs: z.int().min(10).max(86_400_000),
    })
    .refine(({ firstMs, longestMs }) => firstMs <= longestMs, 'the first wait must not be longer than the longest'),
});
export type DeliverySettings = z.infer<typeof deliverySettingsSchema>;

export const defaultDelivery: DeliverySettings = {
  ratePerSecond: null,
  concurrency: 10,
  batchSize: 1,
  retry: { tries: 16, firstMs: 10_000, longestMs: 7_200_000 },
};

/** `subscriber-<name>`: one queue a subscriber, dead letters included. */
export const subscriberQueueName = (name: string): string => `subscriber-${name}`;

/**
 * A job: what waits of one order, from this version on (a job of a replay: of these versions only). Its jobId is the id
 * of the first event that waits, so that a job which is just ending never swallows the next one of its order.
 */
export const deliveryJobSchema = z.object({
  orderId: z.string(),
  version: z.int().positive(),
  replay: z.object({ id: z.string(), lastVersion: z.int().positive() }).optional(),
});
export type DeliveryJob = z.infer<typeof deliveryJobSchema>;

/** In queue Redis: up to which event a replay's page was enqueued. Lost with its jobs. */
export const replayPageKey = (replayId: string): string => `seckill:subscriber-replay:${replayId}`;
