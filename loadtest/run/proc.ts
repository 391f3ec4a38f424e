import { readdir, readFile } from 'node:fs/promises';
import type { Reading } from './sampler.ts';

/** One name in the report, and its processes: their children count with them, unless `alone`. */
export type Watched = { name: string; pids: readonly number[]; alone?: boolean };

/** USER_HZ, which is 100 wherever Linux runs Node. */
const ticksPerSecond = 100;
const pageBytes = 4096;

type Stat = { parent: number; cpuSeconds: number; residentBytes: number };

/** proc(5): the fields after the command's closing parenthesis. Null when the process is gone. */
async function readStat(pid: number): Promise<Stat | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (text === null) return null;
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return {
    parent: fields[1] ?? 0,
    cpuSeconds: ((fields[11] ?? 0) + (fields[12] ?? 0)) / ticksPerSecond,
    residentBytes: (fields[21] ?? 0) * pageBytes,
  };
}

const countFiles = (pid: number) =>
  readdir(`/proc/${pid}/fd`).then(
    (files) => files.length,
    () => 0,
  );

/** The processes and all that descends from them. */
async function childrenOf(pids: readonly number[]): Promise<number[]> {
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map(await Promise.all(all.map(async (pid) => [pid, (await readStat(pid))?.parent] as const)));
  const family = new Set(pids);
  for (let before = -1; before !== family.size; ) {
    before = family.size;
    for (const [pid, parent] of parents) if (parent !== undefined && family.has(parent)) family.add(pid);
  }
  return [...family];
}

/**
 * Reads processor seconds (counter `cpu.<name>`), resident bytes (`rss.<name>`) and open files (`files.<name>`) of each,
 * processor seconds of the machine (`cpu.machine`), and bytes through its interfaces (`net.<interface>`). Linux only.
 */
export async function watchProcesses(watched: readonly Watched[]): Promise<() => Promise<Reading>> {
  const lookUp = () =>
    Promise.all(
      watched.map(async ({ name, pids, alone }) => ({ name, pids: alone === true ? pids : await childrenOf(pids) })),
    );
  let families = await lookUp();
  let readings = 0;
  return async () => {
    readings += 1;
    if (readings % 5 === 0) families = await lookUp(); // PostgreSQL starts a process a connection
    const reading: Reading = { counters: {}, gauges: {} };
    await Promise.all(
      families.map(async ({ name, pids }) => {
        const stats = (await Promise.all(pids.map(readStat))).filter((stat) => stat !== null);
        if (stats.length === 0) return;
        const files = await Promise.all(pids.map(countFiles));
        reading.counters[`cpu.${name}`] = sum(stats.map(({ cpuSeconds }) => cpuSeconds));
        reading.gauges[`rss.${name}`] = sum(stats.map(({ residentBytes }) => residentBytes));
        reading.gauges[`files.${name}`] = sum(files);
      }),
    );
    const [machine, devices] = await Promise.all([readFile('/proc/stat', 'utf8'), readFile('/proc/net/dev', 'utf8')]);
    reading.counters['cpu.machine'] = busySeconds(machine);
    Object.assign(reading.counters, networkBytes(devices));
    return reading;
  };
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** The first line of /proc/stat: all columns but idle and waiting for a disk; guests are counted among user and nice. */
export function busySeconds(text: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (/^cpu +(.*)$/m.exec(text)?.[1] ?? '')
    .split(' ')
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

/** Bytes received and sent, by interface that had any. What loopback sends it also receives: once is enough. */
export function networkBytes(text: string): Record<string, number> {
  const bytes: Record<string, number> = {};
  for (const [, name = '', numbers = ''] of text.matchAll(/^\s*(\S+):\s*(.*)$/gm)) {
    const columns = numbers.split(/\s+/).map(Number);
    const total = (columns[0] ?? 0) + (name === 'lo' ? 0 : (columns[8] ?? 0));
    if (total > 0) bytes[`net.${name}`] = total;
  }
  return bytes;
}
