import { withDeadline } from '#runtime/deadline.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';

const silenceMs = 5000;

/** Asks queue Redis a question; resolves with `otherwise` when it gives no answer. */
export type AskQueue = <T>(question: () => Promise<T>, otherwise: T) => Promise<T>;

/**
 * Questions that expiry can do without: each waits a second at most, unless set. After one without an answer none is asked for 5 s, and while
 * there is no connection none is asked at all (it would wait in our memory).
 */
export function createAskQueue(deps: { isConnected: () => boolean; logger: Logger; deadlineMs?: number }): AskQueue {
  const { isConnected, logger, deadlineMs = 1000 } = deps;
  const warn = createThrottledWarn(logger);
  let silentUntil = Number.NEGATIVE_INFINITY;
  return async (question, otherwise) => {
    if (!isConnected() || performance.now() < silentUntil) return otherwise;
    try {
      return await withDeadline(question(), deadlineMs, 'asking queue Redis');
    } catch (error) {
      silentUntil = performance.now() + silenceMs;
      warn(error, 'expiry goes on without queue Redis');
      return otherwise;
    }
  };
}
