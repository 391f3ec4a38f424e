import { setTimeout as pause } from 'node:timers/promises';

/** Asks again every 10 ms until the answer is true; throws with `what` when the deadline passes. */
export async function poll(what: string, isTrue: () => Promise<boolean> | boolean, deadlineMs = 30_000): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await pause(10);
  }
}
