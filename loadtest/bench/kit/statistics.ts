import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { promisify } from 'node:util';

export type Spread = { median: number; min: number; max: number };

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** The geometric mean of ratios, and what lies two standard errors below and above it: about 95 %. */
export function meanRatio(ratios: readonly number[]): { mean: number; low: number; high: number } {
  const logs = ratios.map(Math.log);
  const middle = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const variance = logs.reduce((sum, log) => sum + (log - middle) ** 2, 0) / (logs.length - 1);
  const off = 2 * Math.sqrt(variance / logs.length);
  return { mean: Math.exp(middle), low: Math.exp(middle - off), high: Math.exp(middle + off) };
}

/** What a figure is worth nothing without: where, when and of which commit. `dirty`: the tree held more than it. */
export async function circumstances() {
  const git = async (...args: string[]) =>
    (await promisify(execFile)('git', args, { cwd: import.meta.dirname })).stdout.trim();
  return {
    commit: await git('rev-parse', 'HEAD').catch(() => 'unknown'),
    dirty: await git('status', '--porcelain').then(
      (text) => text !== '',
      () => true,
    ),
    date: new Date().toISOString(),
    machine: { model: cpus()[0]?.model ?? 'unknown', cores: cpus().length },
    node: process.version,
  };
}

/** Rows of equal length as columns, the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const cell = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}
