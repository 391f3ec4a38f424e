import { setTimeout as pause } from 'node:timers/promises';

/** For what takes a second or two where nothing else runs: here whole stacks share two slow cores. */
export const soonMs = 45_000;

/** Thrown by a check that knows that what it waits for cannot come any more: the poll ends with it at once. */
export class Hopeless extends Error {}

/**
 * Asks until the answer is a value, and gives it: null and false mean "not yet". A check that throws is asked again,
 * because what it talks to may be just coming back. After `withinMs` it throws, with what was waited for and the last
 * trouble.
 */
export async function poll<T>(
  what: string,
  check: () => Promise<T | null | false> | T | null | false,
  withinMs = soonMs,
  everyMs = 10,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    let trouble = '';
    try {
      const value = await check();
      if (value !== null && value !== false) return value;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      trouble = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() > deadline) throw new Error(`waited ${withinMs / 1000} s in vain for ${what}${trouble}`);
    await pause(everyMs);
  }
}
