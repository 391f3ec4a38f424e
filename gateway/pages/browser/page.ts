import { createCall } from './api.ts';
import { createServerClock } from './clock.ts';
import { createSession } from './session.ts';
import type { Visit } from './visit.ts';
import type { Words } from './words.ts';

/** What every page needs, built once. */
export function createPage(words: Words, { lasting, signIn, arrival }: Visit, onSignIn: () => void) {
  const request: typeof fetch = (input, init) => fetch(input, init);
  const call = createCall(request);
  const clock = createServerClock(() => performance.now(), Date.now());
  // By the visitor's own clock a token may have ended an hour ago: only the server's counts.
  const now = () => (clock.samples() === 0 ? 0 : clock.now());
  return {
    call,
    lasting,
    session: createSession(call, lasting, request, signIn && { signIn, now }, onSignIn),
    clock,
    /** What is to be told of a sign-in that has just ended. */
    arrival,
    words,
    sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
  };
}
export type Page = ReturnType<typeof createPage>;

/** The element that the markup of this page promises. */
export function byTestId<Found extends HTMLElement = HTMLElement>(id: string): Found {
  const element = document.querySelector<Found>(`[data-testid="${id}"]`);
  if (element === null) throw new Error(`the page has no ${id}`);
  return element;
}

/** Writes only what changed: a live region speaks on every write. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Runs `task` now, again after the time it answers (null: never), and at once when the tab is looked at again. */
export function repeat(task: () => Promise<number | null>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isRunning = false;
  async function run(): Promise<void> {
    clearTimeout(timer);
    if (isRunning || document.hidden) return;
    isRunning = true;
    const waitMs = await task().finally(() => {
      isRunning = false;
    });
    if (waitMs !== null) timer = setTimeout(run, waitMs);
  }
  document.addEventListener('visibilitychange', run);
  addEventListener('online', run);
  void run();
  return () => void run();
}

/** Calls `paint` on each of the server's seconds, so that all countdowns change together. */
export function everySecond(now: () => number, paint: () => void): void {
  paint();
  setTimeout(() => everySecond(now, paint), 1000 - (now() % 1000));
}
