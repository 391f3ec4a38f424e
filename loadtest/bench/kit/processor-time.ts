import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/** Microseconds of processor time by role; nginx is `nginx` here. */
export type ProcessorTime = Record<string, number>;
export type Watched = { role: string; pid: number };
/** By thread: whose it is, its process, and the microseconds that it has run so far. */
export type Reading = ReadonlyMap<number, Entry>;
type Entry = { name: string; pid: number; micros: number };

/**
 * What the processes have used so far, with all their threads, workers and children. The kernel counts in nanoseconds here
 * (`schedstat`); `stat` has steps of 10 ms, longer than a whole crowd takes for one request.
 */
export function readProcessorTime(processes: readonly Watched[]): Reading {
  const reading = new Map<number, Entry>();
  for (const { role, pid } of processes) readTree(role === 'edge' ? 'nginx' : role, pid, reading);
  return reading;
}

function readTree(name: string, pid: number, reading: Map<number, Entry>): void {
  for (const task of listed(`/proc/${pid}/task`)) {
    const nanoseconds = Number.parseInt(read(`/proc/${pid}/task/${task}/schedstat`), 10);
    if (nanoseconds >= 0) reading.set(Number(task), { name, pid, micros: nanoseconds / 1000 });
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

/**
 * Microseconds that the children of `pid` used which have ended and were waited for. The kernel counts these in steps of 10 ms
 * (proc(5): cutime and cstime are the 16th and 17th field, and the name of the second may hold spaces).
 */
export function endedChildrenMicros(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[13]) + Number(fields[14])) * 10_000 || 0;
}

/**
 * What a server that has a process for each connection used between two readings, with those that ended meanwhile. `endedMicros`:
 * by how much `endedChildrenMicros` of it grew. What such a process had used before the first reading is not counted again.
 */
export function usedWithEnded(name: string, before: Reading, after: Reading, endedMicros: number): number {
  const lived = [...before.values()].filter((entry) => entry.name === name && !after.has(entry.pid));
  const earlier = lived.reduce((sum, { micros }) => sum + micros, 0);
  return (usedBetween(before, after)[name] ?? 0) + Math.max(0, endedMicros - earlier);
}

/** The share of a processor that each process takes while no shopper is there: gauges, beats, looks at the queue. */
export async function measureRest(processes: readonly Watched[], ms: number): Promise<ProcessorTime> {
  const [before, startedAt] = [readProcessorTime(processes), performance.now()];
  await wait(ms);
  const [after, tookMs] = [readProcessorTime(processes), performance.now() - startedAt];
  return mapOf(usedBetween(before, after), (_, micros) => micros / 1000 / tookMs);
}

export function mapOf(times: ProcessorTime, value: (name: string, micros: number) => number): ProcessorTime {
  return Object.fromEntries(Object.entries(times).map(([name, micros]) => [name, value(name, micros)]));
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
