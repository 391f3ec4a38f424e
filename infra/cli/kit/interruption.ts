import { CliError } from './cli-error.ts';

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** One Ctrl-C may come twice, from the terminal and from npm, which hands it on (npm/cli#5021). */
const sameMs = 1000;

/**
 * SIGINT, SIGTERM and SIGHUP (the terminal is gone) as an abort signal and as a promise, until `release`. Whoever
 * interrupts again, a second later or more, does not want to wait: this process ends at once, after `onImpatience`.
 */
export function interruption(options: { onImpatience?: () => void } = {}) {
  const controller = new AbortController();
  let firstAt = Number.POSITIVE_INFINITY;
  const onSignal = (name: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      firstAt = performance.now();
      controller.abort(new CliError(`${name}: interrupted`, 1));
    } else if (performance.now() - firstAt >= sameMs) {
      options.onImpatience?.();
      process.exit(130);
    }
  };
  for (const name of names) process.on(name, onSignal);
  const happened = new Promise<string>((resolve) => {
    controller.signal.addEventListener('abort', () => resolve((controller.signal.reason as Error).message), {
      once: true,
    });
  });
  return {
    signal: controller.signal,
    happened,
    release: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}
