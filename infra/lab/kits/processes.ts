import { onTestFinished } from 'vitest';
import { runDirectory } from '#infra/stack/host/run-directory.ts';
import { stackStatus } from '#infra/stack/running-stack.ts';
import { readState } from '#infra/stack/supervise/state-file.ts';
import { poll } from '../poll.ts';
import { descendantsOf, living } from '../servers/process-family.ts';
import { stackUnderTest } from '../servers/stack-under-test.ts';

/**
 * Processes of the stack that all share, by name: `edge-2`, `gateway-2`, `service-1`, `worker-1`, `zookeeper`, … Only tests of
 * the lane `alone` may stop or freeze one.
 */

/** Its pid as it runs now; null while it is down. */
export const pidOf = (name: string): number | null =>
  readState(runDirectory(stackUnderTest().dir))?.processes.find((each) => each.name === name)?.pid ?? null;

export function runningPid(name: string): number {
  const pid = pidOf(name);
  if (pid === null) throw new Error(`${name} does not run`);
  return pid;
}

/** Ends them with SIGKILL, all at once. The stack starts each again; the end of the test waits until all is well. */
export function kill(...names: readonly string[]): void {
  const pids = names.map(runningPid);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
}

/** Kills one, and waits until another process has taken its place. */
export async function replace(name: string): Promise<void> {
  const pid = runningPid(name);
  process.kill(pid, 'SIGKILL');
  await poll(`${name} to be another process`, () => ![pid, null].includes(pidOf(name)));
}

/** Stops a process with its children in its tracks while `work` runs. It goes on afterwards, however that ends. Inside a test. */
export async function whileFrozen<T>(name: string, work: () => Promise<T>): Promise<T> {
  const master = runningPid(name);
  const family = [master, ...descendantsOf(master)];
  const thaw = () => {
    for (const pid of living(family)) process.kill(pid, 'SIGCONT'); // it may have been killed meanwhile
  };
  onTestFinished(thaw); // a test that ran out of time ends before its work does
  for (const pid of family) process.kill(pid, 'SIGSTOP');
  try {
    return await work();
  } finally {
    thaw();
  }
}

/** Until every process of a stack is up; the shared one's unless another directory is given. */
export async function untilHealthy(dir = stackUnderTest().dir): Promise<void> {
  await poll(
    'every process to be well',
    async () => {
      const { processes } = await stackStatus(dir);
      const ill = processes.filter(({ health }) => health !== 'up');
      if (ill.length > 0) throw new Error(ill.map(({ name, problem }) => `${name}: ${problem}`).join('; '));
      return true;
    },
    90_000,
    150,
  );
}

/** Said at the beginning of a test that breaks something: its end waits until the stack is well, however it ends. */
export const leaveHealthy = (): void => onTestFinished(() => untilHealthy(), 120_000);
