import type { Queue } from 'bullmq';

const most = 10_000;

/** Ids of orders whose job was given up on, newest first, at most 10,000. */
export async function failedOrderIds(queue: Queue): Promise<string[]> {
  const jobs = await queue.getJobs(['failed'], 0, most - 1);
  return jobs.flatMap((job) => job.id ?? []);
}
