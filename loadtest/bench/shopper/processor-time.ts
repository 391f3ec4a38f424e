import { readdirSync, readFileSync } from 'node:fs';

/** Microseconds of processor time by role; nginx is `nginx` here. */
export type ProcessorTime = Record<string, number>;
export type Watched = { role: string; pid: number };
/** By thread: whose it is, and the microseconds that it has run so far. */
export type Reading = ReadonlyMap<number, { name: string; micros: number }>;

/**
 * What the processes have used so far, with all their threads, workers and children. The kernel counts in nanoseconds here
 * (`schedstat`); `stat` has steps of 10 ms, longer than a whole crowd takes for one request.
 */
export function readProcessorTime(processes: readonly Watched[]): Reading {
  const reading = new Map<number, { name: string; micros: number }>();
  for (const { role, pid } of processes) readTree(role === 'edge' ? 'nginx' : role, pid, reading);
  return reading;
}

function readTree(name: string, pid: number, reading: Map<number, { name: string; micros: number }>): void {
  for (const task of listed(`/proc/${pid}/task`)) {
    const nanoseconds = Number.parseInt(read(`/proc/${pid}/task/${task}/schedstat`), 10);
    if (nanoseconds >= 0) reading.set(Number(task), { name, micros: nanoseconds / 1000 });
    for (const child of childrenOf(pid, task)) readTree(name, child, reading);
  }
}

/** The processes that a process, or one thread of it, has started. */
export function childrenOf(pid: number, task: number | string = pid): number[] {
  return read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number);
}

/** What was used between two readings. A thread that ended meanwhile takes what it used with it, and no more. */
export function usedBetween(before: Reading, after: Reading): ProcessorTime {
  const used: ProcessorTime = {};
  for (const [task, { name, micros }] of after)
    used[name] = (used[name] ?? 0) + micros - (before.get(task)?.micros ?? 0);
  return used;
}

// A thread, or a child, may end between two looks.
function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
