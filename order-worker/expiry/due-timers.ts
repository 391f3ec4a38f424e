import type { Queue } from 'bullmq';
import { parseTimerId } from '#contract/expiry-timer.ts';

/** Looked at together. What is beyond them is not known to be in hand: the sweep may take of it, which does no harm. */
const most = 1000;

/** The seconds of the timers that are due and that no worker has finished. */
export async function dueTimers(queue: Queue): Promise<number[]> {
  const ids = await queue.getRanges(['waiting', 'active'], 0, most - 1);
  return ids.flatMap((id) => parseTimerId(id) ?? []);
}
