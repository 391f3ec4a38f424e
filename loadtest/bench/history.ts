import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { drawHistory } from './history/draw.ts';
import { figures, isReached, type Point, pointOf } from './history/figures.ts';
import { table } from './kit/statistics.ts';

export const summary =
  'keeps the figures of loadtest/results and draws how they moved (--at <commit>: those of then too)';

const folder = new URL('../results/', import.meta.url);
/** By the figure's name. */
type Kept = Record<string, Point[]>;

/** The results as they are now and, with `--at`, as they were in other commits go to history.json; history.svg shows all. */
export async function run(args: string[]): Promise<string> {
  const { values } = parseArgs({ args, options: { at: { type: 'string', multiple: true, default: [] } } });
  const kept: Kept = JSON.parse(await readFile(new URL('history.json', folder), 'utf8').catch(() => '{}'));
  const sources = [...values.at.map((commit) => fromCommit(commit)), fromFolder];
  const history = [];
  for (const figure of figures) {
    const byDate = new Map((kept[figure.name] ?? []).map((point) => [point.date, point]));
    for (const read of sources) {
      const text = await read(figure.file);
      const point = text === null ? null : pointOf(figure, text);
      if (point !== null) byDate.set(point.date, point);
    }
    const points = [...byDate.values()].sort((a, b) => Date.parse(a.date) - Date.parse(b.date));
    if (points.length > 0) history.push({ figure, points });
  }
  const document: Kept = Object.fromEntries(history.map(({ figure, points }) => [figure.name, points]));
  await writeFile(new URL('history.json', folder), `${JSON.stringify(document, null, 2)}\n`);
  await writeFile(new URL('history.svg', folder), drawHistory(history));
  const number = (value: number) => String(Math.round(value * 100) / 100);
  const rows = history.map(({ figure, points }) => {
    const last = points.at(-1);
    const wanted = `${figure.wanted.is} ${figure.wanted.value}`;
    const reached = last !== undefined && isReached(figure, last) ? 'yes' : 'no';
    return [figure.name, points.map(({ median }) => number(median)).join(' → '), wanted, reached];
  });
  return `${table([['', 'medians, oldest first', 'wanted', 'reached'], ...rows])}\n`;
}

const fromFolder = (file: string) => readFile(new URL(file, folder), 'utf8').catch(() => null);

/** A commit that git does not know is a wrong option; one that had no such result is passed over. */
function fromCommit(commit: string): (file: string) => Promise<string | null> {
  const git = async (...args: string[]) =>
    (await promisify(execFile)('git', args, { cwd: import.meta.dirname, maxBuffer: 64 * 1024 * 1024 })).stdout;
  return async (file) => {
    await git('cat-file', '-e', `${commit}^{commit}`).catch(() => {
      throw new TypeError(`--at ${commit}: git knows no such commit`);
    });
    return git('show', `${commit}:${join('loadtest/results', file)}`).catch(() => null);
  };
}
