import { setTimeout as wait } from 'node:timers/promises';
import { messageOf, PortTakenError, StackError } from '../host/errors.ts';
import { tied } from '../host/launch.ts';
import { beginLife, type Exit, endsWithin, type Life, signalGroup, signalProcess } from '../host/life.ts';
import { logTail, tellingLine } from '../host/log-file.ts';
import { identityOf } from '../host/process-identity.ts';
import { endings } from '../plan/roles.ts';
import { backoffMs, nextFailures } from './backoff.ts';
import type { OnEvent } from './events.ts';
import type { ProcessSpec } from './process-spec.ts';
import type { ProcessState } from './state-file.ts';

const readyDeadlineMs = 60_000;
const pollMs = 40;
/** Of a log that are shown when its process fails. */
const tailLines = 20;

export type SupervisedProcess = {
  spec: ProcessSpec;
  /**
   * Spawns, and resolves when it is ready and prepared for those after it. Throws {@link StackError} when it dies or the
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
  let failures = 0;
  let isSupervised = false;
  let isStopping = false;
  let restartTimer: NodeJS.Timeout | undefined;

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
    phase = 'down';
    if (isSupervised && !isStopping) scheduleRestart(of, exit);
    onChange();
  }

  function scheduleRestart(of: Life, exit: Exit): void {
    failures = nextFailures(failures, Date.now() - of.startedAt);
    const restartInMs = backoffMs(failures);
    const problem = reasonOf(of, exit);
    onEvent({ type: 'died', ...who, pid: of.pid ?? 0, code: exit.code, signal: exit.signal, restartInMs, problem });
    restartIn(restartInMs);
  }

  /** A process that was killed said nothing about it; one that gave up said why at the end of its log. */
  function reasonOf(of: Life, exit: Exit): string | null {
    if (exit.error !== null) return messageOf(exit.error);
    const line = exit.signal === null ? tellingLine(logTail(log, of.logStart, tailLines)) : null;
    return line === null ? null : `its log ends with: ${line}`;
  }

  function restartIn(ms: number): void {
    restartTimer = setTimeout(() => {
      let next: Life;
      try {
        next = launch();
      } catch (error) {
        // The disk is full, or there are too many processes or files: that may pass, and ends no other process.
        failures += 1;
        const againMs = backoffMs(failures);
        onEvent({ type: 'not-started', ...who, problem: messageOf(error), againInMs: againMs });
        restartIn(againMs);
        return;
      }
      restarts += 1;
      void announceWhenReady(next); // it ends with that life, and does not throw
    }, ms);
  }

  async function announceWhenReady(of: Life): Promise<void> {
    while (!of.over && !isStopping) {
      if ((await spec.check(of.pid)) === null && !of.over) {
        becomeReady(of);
        return;
      }
      await wait(pollMs * 5);
    }
  }

  function becomeReady(of: Life): void {
    phase = 'up';
    onChange();
    const tookMs = Date.now() - of.startedAt;
    const place = restarts === 0 ? count() : { nth: 0, all: 0 };
    onEvent({ type: 'ready', ...who, address: spec.address, pid: of.pid ?? 0, tookMs, restarts, ...place });
  }

  /** The reason first; the end of the log below it. */
  function failure(of: Life, what: string): StackError {
    const tail = logTail(log, of.logStart, tailLines);
    const reason = tellingLine(tail);
    const head = `${spec.name} ${what}${reason === null ? '' : `; its log ends with: ${reason}`}`;
    const shown = tail.length === 0 ? 'its log is empty' : tail.map((text) => `  ${text}`).join('\n');
    const message = `${head}\n${log}:\n${shown}`;
    return /address (is )?already in use|EADDRINUSE|BindException/i.test(tail.join('\n'))
      ? new PortTakenError(spec.name, message)
      : new StackError('failed', message);
  }

  async function failureOf(of: Life, when: string): Promise<StackError> {
    const exit = await of.exit;
    const how = exit.error?.message ?? (exit.signal === null ? `exit code ${exit.code}` : exit.signal);
    return failure(of, `died ${when} (${how})`);
  }

  async function start(signal: AbortSignal): Promise<void> {
    onEvent({ type: 'starting', ...who, address: spec.address });
    const mine = launch();
    const deadline = Date.now() + readyDeadlineMs;
    let trouble: string | null = 'not asked yet';
    while (trouble !== null) {
      signal.throwIfAborted();
      trouble = await Promise.race([spec.check(mine.pid), mine.exit.then(() => 'it died')]);
      if (mine.over) throw await failureOf(mine, 'before it was ready');
      if (trouble !== null && Date.now() > deadline) {
        throw failure(mine, `was not ready on ${spec.address} within ${readyDeadlineMs / 1000} s (${trouble})`);
      }
      if (trouble !== null) await Promise.race([wait(pollMs), mine.exit]);
    }
    await prepareForOthers(mine);
    isSupervised = true;
    becomeReady(mine);
  }

  async function prepareForOthers(of: Life): Promise<void> {
    try {
      await spec.afterReady?.();
    } catch (error) {
      // A client of it often hears of its end before we do.
      if (await endsWithin(of, 1_000)) throw await failureOf(of, 'while it was made ready for the others');
      if (error instanceof StackError) throw error;
      throw failure(of, `could not be made ready for the others: ${messageOf(error)}`);
    }
    if (of.over) throw await failureOf(of, 'while it was made ready for the others');
  }

  async function stop(): Promise<void> {
    isStopping = true;
    clearTimeout(restartTimer);
    const mine = life;
    if (mine === null || mine.over || mine.pid === null) {
      phase = 'down';
      onChange();
      return;
    }
    let by: 'itself' | 'SIGKILL' = 'SIGKILL';
    for (const { signal, withinMs } of endings[spec.role].steps) {
      signalProcess(mine.pid, signal);
      if (await endsWithin(mine, withinMs)) {
        by = 'itself';
        break;
      }
    }
    if (!mine.over) {
      signalGroup(mine.pid, 'SIGKILL');
      await mine.exit;
    }
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
