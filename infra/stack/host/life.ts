import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { CommandLine } from './launch.ts';
import { logSize } from './log-file.ts';

export type Exit = { code: number | null; signal: NodeJS.Signals | null; error: Error | null };
/** One life of a process: from its spawn to its exit. `logStart` is where its lines begin in the log. */
export type Life = { pid: number | null; startedAt: number; logStart: number; exit: Promise<Exit>; over: boolean };

/** Spawns the process, both its outputs at the end of its log, in a session of its own: a Ctrl-C is not for it. */
export function beginLife(
  line: CommandLine,
  options: { cwd: string; environment: Readonly<Record<string, string>>; log: string },
): Life {
  const { cwd, environment, log } = options;
  const logStart = logSize(log);
  const fd = openSync(log, 'a');
  let child: ChildProcess;
  try {
    child = spawn(line.command, [...line.args], { cwd, env: environment, stdio: ['ignore', fd, fd], detached: true });
  } finally {
    closeSync(fd);
  }
  const life: Life = {
    pid: child.pid ?? null,
    startedAt: Date.now(),
    logStart,
    over: false,
    exit: new Promise((resolve) => {
      const end = (exit: Exit) => {
        life.over = true;
        resolve(exit);
      };
      child.once('error', (error) => end({ code: null, signal: null, error }));
      child.once('exit', (code, signal) => end({ code, signal, error: null }));
    }),
  };
  return life;
}

export async function endsWithin(life: Life, ms: number): Promise<boolean> {
  const timeout = new AbortController();
  const late = wait(ms, undefined, { signal: timeout.signal }).catch(() => undefined);
  await Promise.race([life.exit, late]);
  timeout.abort();
  return life.over;
}

export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It went before the signal came.
  }
}

/** The group of a process that we spawned detached has its pid for a name. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  signalProcess(-pid, signal);
}
