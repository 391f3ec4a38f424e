import type { Queue } from 'bullmq';
import { createExpirySchedule } from '#order-worker/expiry/schedule.ts';
import { createLogger } from '#runtime/logger.ts';

/** What makes the timers of unpaid orders in an order-worker, for a queue of one's own. */
export const startExpirySchedule = (queue: Queue, now: () => number) =>
  createExpirySchedule({ queue, now, logger: createLogger({ service: 'lab', instance: 'lab', level: 'warn' }) });
