import { endsWithin, type Life, signalGroup, signalProcess } from '../host/life.ts';
import type { StopStep } from '../plan/roles.ts';

/** Ends a process by one signal after the other, then by SIGKILL; resolves when it is gone, and says what ended it. */
export async function endLife(life: Life, pid: number, steps: readonly StopStep[]): Promise<'itself' | 'SIGKILL'> {
  let by: 'itself' | 'SIGKILL' = 'SIGKILL';
  for (const { signal, withinMs } of steps) {
    signalProcess(pid, signal);
    if (await endsWithin(life, withinMs)) {
      by = 'itself';
      break;
    }
  }
  if (!life.over) {
    signalGroup(pid, 'SIGKILL');
    await life.exit;
  }
  return by;
}
