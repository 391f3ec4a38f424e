import { withDeadline } from './deadline.ts';
import type { Logger } from './logger.ts';

export type Closer = { name: string; close: () => Promise<unknown> | unknown };

/**
 * Runs the closers in order on SIGTERM or SIGINT, each with its deadline, then exits. What accepts work comes first in
 * the list, what it stands on last. A second signal exits at once.
 */
export function closeOnSignal(closers: readonly Closer[], logger: Logger, deadlineMs = 5000): void {
  let closing = false;
  const onSignal = async (signal: NodeJS.Signals) => {
    if (closing) process.exit(1);
    closing = true;
    logger.info({ signal }, 'closing');
    for (const { name, close } of closers) {
      try {
        await withDeadline(Promise.resolve(close()), deadlineMs, `closing ${name}`);
      } catch (error) {
        logger.warn({ err: error, part: name }, 'did not close in order');
      }
    }
    logger.info('closed');
    process.exit(0);
  };
  process.on('SIGTERM', (signal) => void onSignal(signal)); // ends in process.exit, nobody waits for it
  process.on('SIGINT', (signal) => void onSignal(signal));
}
