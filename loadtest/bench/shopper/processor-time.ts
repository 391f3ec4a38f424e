import { readdirSync, readFileSync } from 'node:fs';

/** Microseconds of processor time by role; nginx is `nginx` here. */
export type ProcessorTime = Record<string, number>;
export type Watched = { role: string; pid: number };

/**
 * What each of the processes has used so far, with all its threads, workers and children. The kernel counts in nanoseconds
 * here (`schedstat`); `stat` has steps of 10 ms, longer than a whole crowd takes for one request.
 */
export function readProcessorTime(processes: readonly Watched[]): ProcessorTime {
  const used: ProcessorTime = {};
  for (const { role, pid } of processes) {
    const name = role === 'edge' ? 'nginx' : role;
    used[name] = (used[name] ?? 0) + microsOf(pid);
  }
  return used;
}

function microsOf(pid: number): number {
  let micros = 0;
  for (const task of listed(`/proc/${pid}/task`)) {
    micros += Number.parseInt(read(`/proc/${pid}/task/${task}/schedstat`), 10) / 1000 || 0;
    for (const child of read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean))
      micros += microsOf(Number(child));
  }
  return micros;
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
