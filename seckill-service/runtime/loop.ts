import { createThrottledWarn, type Logger } from './logger.ts';

export type Loop = { nudge: () => void; close: () => Promise<void> };

/**
 * Runs `pass` again and again: at once when the pass says there is more, when nudged but not within `restMs` of the last
 * pass (0 unless set: so much more is done by one pass), else after `everyMs`. A pass that throws is logged (throttled) and retried after `everyMs`. `close` waits for the pass under way.
 */
export function startLoop(options: {
  name: string;
  everyMs: number;
  restMs?: number;
  pass: () => Promise<'more' | 'idle'>;
  logger: Logger;
}): Loop {
  const { name, everyMs, restMs = 0, pass, logger } = options;
  const warn = createThrottledWarn(logger);
  let closed = false;
  let nudged = false;
  let wake: (() => void) | null = null;

  const rest = (ms: number, until: 'nudged' | 'closed') =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms);
      wake = () => {
        if (closed || until === 'nudged') done();
      };
      function done() {
        clearTimeout(timer);
        wake = null;
        resolve();
      }
    });

  const run = async () => {
    while (!closed) {
      nudged = false;
      let outcome: 'more' | 'idle' = 'idle';
      let failed = false;
      try {
        outcome = await pass();
      } catch (error) {
        failed = true;
        warn(error, `${name} failed, trying again`);
      }
      if (closed) return;
      if (!failed && outcome === 'more') continue;
      if (restMs > 0) await rest(restMs, 'closed');
      if (!closed && (failed || !nudged)) await rest(everyMs - restMs, 'nudged');
    }
  };
  const running = run();

  return {
    nudge: () => {
      nudged = true;
      wake?.();
    },
    close: async () => {
      closed = true;
      wake?.();
      await running;
    },
  };
}

/** Does `work` for one after another; one that fails is told and does not keep the others waiting. */
export async function eachSafely<T>(
  items: Iterable<T>,
  work: (item: T) => Promise<unknown>,
  onError: (error: unknown, item: T) => void,
): Promise<void> {
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      onError(error, item);
    }
  }
}
