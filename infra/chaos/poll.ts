import { setTimeout as wait } from 'node:timers/promises';

/** For what takes a second or two where nothing else runs: here a whole stack and a storm share two slow cores. */
export const soonMs = 45_000;

/**
 * Asks until the answer is not null, and gives it. A check that throws is asked again: what it talks to may be just
 * coming back. After `withinMs` it throws, with what was waited for and the last trouble.
 */
export async function poll<T>(
  what: string,
  withinMs: number,
  check: () => Promise<T | null> | T | null,
  everyMs = 50,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    let trouble = '';
    try {
      const value = await check();
      if (value !== null) return value;
    } catch (error) {
      trouble = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() > deadline) throw new Error(`waited ${withinMs / 1000} s in vain for ${what}${trouble}`);
    await wait(everyMs);
  }
}
