import { setTimeout as wait } from 'node:timers/promises';
import { poll } from '#lab/poll.ts';
import { descendantsOf, living } from '#lab/servers/process-family.ts';
import { signalProcess } from '../../stack/host/life.ts';
import type { HaField } from './field.ts';

/** What a fault does to processes, and what is left to undo. */
export type Hand = {
  /** Kills a process as a machine goes: what the supervisor starts in its place stands still behind closed doors. */
  kill: (name: string, doors: 'cut' | 'lost') => void;
  /** Kills a process that is started again at once, and is reached again as soon as it listens. */
  killAlone: (name: string) => void;
  /** Processes stand still for that time, and go on, as what they were. */
  pause: (names: readonly string[], forMs: number) => Promise<void>;
  /** Heals every link, and lets go on what was started in the place of what was killed. */
  revive: () => Promise<void>;
};

export function createHand(field: HaField): Hand {
  let held: { isBack: boolean; pid: Promise<number | null> }[] = [];

  /** A PostgreSQL that Patroni keeps is no child of it. */
  function pidsOf(name: string): number[] {
    const pids = [field.pidOf(name), field.postmasterOf(name)].filter((pid) => pid !== null);
    if (pids.length === 0) throw new Error(`${name} does not run, so the fault cannot be done to it`);
    return pids;
  }

  function killAlone(name: string): void {
    const pids = pidsOf(name);
    field.killed(name);
    for (const pid of pids) signalProcess(pid, 'SIGKILL');
  }

  return {
    killAlone,
    kill(name, doors) {
      const before = field.pidOf(name);
      field.links.isolate([name], doors);
      killAlone(name);
      const one = { isBack: false, pid: Promise.resolve<number | null>(null) };
      const next = poll(`a new ${name}`, () => {
        const now = field.pidOf(name);
        return one.isBack || (now !== null && now !== before) ? { now } : null;
      });
      // It has not asked the sentinels yet: it will when it goes on, as one that was started then.
      one.pid = next.then(({ now }) => {
        if (now !== null) freeze(now);
        return now;
      });
      one.pid.catch(() => undefined); // told where it is awaited
      held.push(one);
    },
    async pause(names, forMs) {
      const pids = names.flatMap(pidsOf);
      try {
        pids.forEach(freeze);
        await wait(forMs);
      } finally {
        pids.forEach(thaw);
      }
    },
    async revive() {
      field.links.heal();
      const mine = held;
      held = [];
      for (const one of mine) one.isBack = true;
      // One that was not started again keeps none of the others frozen; the first error is told.
      const thawed = mine.map(async ({ pid }) => {
        const found = await pid;
        if (found !== null) thaw(found);
      });
      await Promise.allSettled(thawed);
      await Promise.all(thawed);
    },
  };
}

const familyOf = (pid: number) => living([pid, ...descendantsOf(pid)]);
function freeze(pid: number): void {
  for (const each of familyOf(pid)) signalProcess(each, 'SIGSTOP');
}
function thaw(pid: number): void {
  for (const each of familyOf(pid)) signalProcess(each, 'SIGCONT');
}
