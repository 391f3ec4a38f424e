import { setTimeout as wait } from 'node:timers/promises';
import { messageOf } from '../host/errors.ts';
import { tied } from '../host/launch.ts';
import { beginLife, type Exit, type Life, signalGroup, signalProcess } from '../host/life.ts';
import { identityOf } from '../host/process-identity.ts';
import { endings } from '../plan/roles.ts';
import { endLife } from './end-life.ts';
import type { OnEvent } from './events.ts';
import { makeReady } from './make-ready.ts';
import type { ProcessSpec } from './process-spec.ts';
import { createRestarts } from './restarts.ts';
import type { ProcessState } from './state-file.ts';
import { reasonOf } from './why-it-ended.ts';

/** Between two looks whether a process that was started again is ready. */
const lookMs = 200;

export type SupervisedProcess = {
  spec: ProcessSpec;
  /**
   * Spawns, and resolves when it is ready and prepared for those after it. Throws a StackError when it dies or the
   * deadline passes first.
   */
  start: (signal: AbortSignal) => Promise<void>;
  /** Ends it by the signals of its role, then by SIGKILL; resolves when it is gone. Never restarts it again. */
  stop: () => Promise<void>;
  state: () => ProcessState;
};

export function superviseProcess(options: {
  spec: ProcessSpec;
  log: string;
  searchPath: string;
  onEvent: OnEvent;
  onChange: () => void;
  /** Counts the processes of the stack as each is ready for the first time. */
  count: () => { nth: number; all: number };
}): SupervisedProcess {
  const { spec, log, searchPath, onEvent, onChange, count } = options;
  const who = { role: spec.role, name: spec.name };
  const line = tied(spec.line, endings[spec.role].onSupervisorDeath, searchPath);
  let life: Life | null = null;
  let identity: string | null = null;
  let phase: ProcessState['phase'] = 'waiting';
  let restarts = 0;
  let isSupervised = false;
  let isStopping = false;
  const restarting = createRestarts({
    spawn: () => {
      const next = launch();
      restarts += 1;
      void announceWhenReady(next); // it ends with that life, and does not throw
    },
    onNotSpawned: (error, againInMs) => onEvent({ type: 'not-started', ...who, problem: messageOf(error), againInMs }),
  });

  function launch(): Life {
    const next = beginLife(line, { cwd: spec.cwd, environment: spec.environment, log });
    life = next;
    phase = 'starting';
    void next.exit.then((exit) => onExit(next, exit)); // onExit does not throw
    void recordIdentity(next); // reads /proc only
    onChange();
    return next;
  }

  async function recordIdentity(of: Life): Promise<void> {
    const found = of.pid === null ? null : await identityOf(of.pid);
    if (life !== of || of.over) return;
    identity = found;
    onChange();
  }

  function onExit(of: Life, exit: Exit): void {
    identity = null;
    // What a server left behind in its group (nginx workers) holds its port: nothing of a dead life goes on.
    if (of.pid !== null) signalGroup(of.pid, 'SIGKILL');
    const other = spec.outlivedBy?.() ?? null;
    if (other !== null) signalProcess(other, 'SIGKILL');
    phase = 'down';
    if (isSupervised && !isStopping) scheduleRestart(of, exit);
    onChange();
  }

  function scheduleRestart(of: Life, exit: Exit): void {
    const restartInMs = restarting.waitAfter(Date.now() - of.startedAt);
    const problem = reasonOf(of, exit, log);
    onEvent({ type: 'died', ...who, pid: of.pid ?? 0, code: exit.code, signal: exit.signal, restartInMs, problem });
    restarting.spawnIn(restartInMs);
  }

  async function announceWhenReady(of: Life): Promise<void> {
    while (!of.over && !isStopping) {
      if ((await spec.check(of.pid)) === null && !of.over) {
        becomeReady(of);
        return;
      }
      await wait(lookMs);
    }
  }

  function becomeReady(of: Life): void {
    phase = 'up';
    onChange();
    const tookMs = Date.now() - of.startedAt;
    const place = restarts === 0 ? count() : { nth: 0, all: 0 };
    onEvent({ type: 'ready', ...who, address: spec.address, pid: of.pid ?? 0, tookMs, restarts, ...place });
  }

  async function start(signal: AbortSignal): Promise<void> {
    onEvent({ type: 'starting', ...who, address: spec.address });
    const mine = launch();
    await makeReady({ spec, log, life: mine }, signal);
    isSupervised = true;
    becomeReady(mine);
  }

  async function stop(): Promise<void> {
    isStopping = true;
    restarting.cancel();
    const mine = life;
    const pid = mine?.pid ?? null;
    if (mine === null || mine.over || pid === null) {
      phase = 'down';
      onChange();
      return;
    }
    const by = await endLife(mine, pid, endings[spec.role].steps);
    onEvent({ type: 'stopped', ...who, by });
  }

  return {
    spec,
    start,
    stop,
    state: () => ({
      ...who,
      pid: life === null || life.over ? null : life.pid,
      identity,
      address: spec.address,
      innerUrl: spec.innerUrl ?? null,
      phase,
      restarts,
      startedAt: life === null || life.over ? null : new Date(life.startedAt).toISOString(),
    }),
  };
}
