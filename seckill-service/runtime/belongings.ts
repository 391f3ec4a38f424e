import { withDeadline } from './deadline.ts';
import type { Logger } from './logger.ts';

/**
 * Registers what was just opened, and gives it back. It is closed by its own `close`, or by the one given here. What is
 * opened later stands on what was opened earlier, so that the reverse order is the right one.
 */
export type Own = {
  <T extends { close: () => unknown }>(name: string, thing: T): T;
  <T>(name: string, thing: T, close: (thing: T) => unknown): T;
};

export type Belongings = {
  own: Own;
  /** Closes everything, the last that was opened first. A second call waits for the first. Never rejects. */
  close: () => Promise<void>;
  isClosing: () => boolean;
};

/** Something was opened while the process was closing already. It has been closed again. */
export class ClosingError extends Error {}

type Belonging = { name: string; close: () => unknown };

/**
 * What a process has opened. Each close has its deadline (5 s); one that fails or is late is logged and does not keep the
 * others from closing.
 */
export function createBelongings(logger: Logger, deadlineMs = 5000): Belongings {
  const open: Belonging[] = [];
  let closing: Promise<void> | null = null;

  async function closeOne({ name, close }: Belonging): Promise<void> {
    try {
      await withDeadline(Promise.resolve(close()), deadlineMs, `closing ${name}`);
    } catch (error) {
      logger.warn({ err: error, part: name }, 'did not close in order');
    }
  }

  async function closeAll(): Promise<void> {
    for (let last = open.pop(); last !== undefined; last = open.pop()) await closeOne(last);
  }

  const own = <T>(name: string, thing: T, close?: (thing: T) => unknown): T => {
    // Without a `close` of its own a thing cannot come without one given: the two forms of `Own` say so.
    const closeIt = close ?? ((it: T) => (it as { close: () => unknown }).close());
    const belonging: Belonging = { name, close: () => closeIt(thing) };
    if (closing !== null) {
      void closeOne(belonging); // it never rejects, and the process ends by its own deadline
      throw new ClosingError(`${name} was opened while the process was closing`);
    }
    open.push(belonging);
    return thing;
  };

  return {
    own,
    close: () => {
      closing ??= closeAll();
      return closing;
    },
    isClosing: () => closing !== null,
  };
}
