import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tied } from '#infra/stack/host/launch.ts';

export type TiedProcess = {
  child: ChildProcess;
  pid: number;
  /** Sends the signal, and resolves when the process is gone; at once where it is already. */
  end(signal?: NodeJS.Signals): Promise<void>;
};

/**
 * A process of a test's that does not outlive it: with this process' death, SIGKILL included, the kernel sends it
 * `deathSignal`. A server that has children of its own needs one that it can hear, or they outlive it.
 */
export function spawnTied(
  command: string,
  args: readonly string[],
  { deathSignal = 'SIGKILL', ...options }: SpawnOptions & { deathSignal?: NodeJS.Signals } = {},
): TiedProcess {
  const line = tied({ command, args }, deathSignal, process.env.PATH ?? '');
  const child = spawn(line.command, line.args, options);
  // Where the kernel has no such signal, an orderly end of this process at least.
  const atExit = () => child.kill(deathSignal);
  process.on('exit', atExit);
  const ended = once(child, 'exit').finally(() => process.off('exit', atExit));
  ended.catch(() => undefined); // `end` tells
  return {
    child,
    pid: child.pid ?? 0,
    end: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await ended;
    },
  };
}
