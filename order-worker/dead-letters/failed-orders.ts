import type { Queue } from 'bullmq';
import { parseChunkId } from '#contract/order-chunk.ts';

const most = 10_000;

/** Ids of orders whose job was given up on, newest first, at most 10,000. Chunks are not among them: they run again. */
export async function failedOrderIds(queue: Pick<Queue, 'getRanges'>): Promise<string[]> {
  const ids = await queue.getRanges(['failed'], 0, most - 1);
  return ids.filter((id) => parseChunkId(id) === null);
}
