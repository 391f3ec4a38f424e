import { backoffMs, nextFailures } from './backoff.ts';

/** When a process is started again: soon after a long life, later each time that it ends soon or cannot be spawned. */
export type Restarts = {
  /** The wait before the next start, ms, by the length of the life that ended. */
  waitAfter: (livedMs: number) => number;
  /** Spawns it after that time; again and again while that is not possible. */
  spawnIn: (ms: number) => void;
  cancel: () => void;
};

export function createRestarts(deps: {
  spawn: () => void;
  /** It could not be spawned; the next attempt is in `againInMs`. */
  onNotSpawned: (error: unknown, againInMs: number) => void;
}): Restarts {
  const { spawn, onNotSpawned } = deps;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;

  function spawnIn(ms: number): void {
    timer = setTimeout(() => {
      try {
        spawn();
      } catch (error) {
        // The disk is full, or there are too many processes or files: that may pass, and ends no other process.
        failures += 1;
        const againInMs = backoffMs(failures);
        onNotSpawned(error, againInMs);
        spawnIn(againInMs);
      }
    }, ms);
  }

  return {
    waitAfter: (livedMs) => {
      failures = nextFailures(failures, livedMs);
      return backoffMs(failures);
    },
    spawnIn,
    cancel: () => clearTimeout(timer),
  };
}
