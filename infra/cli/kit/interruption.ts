import { CliError } from './cli-error.ts';
import type { Interruption } from './run.ts';

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** One Ctrl-C may come twice, from the terminal and from npm, which hands it on (npm/cli#5021). */
const sameMs = 1000;

type Signals = { on: Listen; off: Listen };
type Listen = (name: NodeJS.Signals, listener: (name: NodeJS.Signals) => void) => unknown;

/**
 * SIGINT, SIGTERM and SIGHUP (the terminal is gone) of a process. A second one, a second later or more, does not want to
 * wait: `onImpatience` ends the process at once.
 */
export function interruptionBySignals(signals: Signals, onImpatience: () => void): Interruption {
  const controller = new AbortController();
  let firstAt = Number.POSITIVE_INFINITY;
  const onSignal = (name: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      firstAt = performance.now();
      controller.abort(new CliError(`${name}: interrupted`, 1));
    } else if (performance.now() - firstAt >= sameMs) onImpatience();
  };
  for (const name of names) signals.on(name, onSignal);
  return {
    ...interruptionBy(controller.signal),
    release: () => {
      for (const name of names) signals.off(name, onSignal);
    },
  };
}

/** The same by a signal of the caller's, whose reason must be an error. */
export function interruptionBy(signal: AbortSignal): Interruption {
  const happened = new Promise<string>((resolve) => {
    const tell = () => resolve((signal.reason as Error).message);
    if (signal.aborted) tell();
    else signal.addEventListener('abort', tell, { once: true });
  });
  return { signal, happened, release: () => {} };
}
