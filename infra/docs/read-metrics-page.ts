import { readFileSync } from 'node:fs';

/** A metric as docs/metrics.md tells of it; `labels` is null where the table has no such column. */
export type DocumentedMetric = { name: string; type: string; labels: string[] | null };

const page = new URL('../../docs/metrics.md', import.meta.url);

/** The tables of docs/metrics.md, by the heading that they stand under. */
export function readMetricsPage(): Map<string, DocumentedMetric[]> {
  const [, ...sections] = readFileSync(page, 'utf8').split(/^## /m);
  return new Map(
    sections.map((section) => {
      const [heading = '', ...lines] = section.split('\n');
      return [heading, lines.flatMap(readRow)];
    }),
  );
}

function readRow(line: string): DocumentedMetric[] {
  const cells = line.split('|').map((cell) => cell.trim());
  const name = /^`([a-z][a-z0-9_]+)`$/.exec(cells[1] ?? '')?.[1];
  if (name === undefined) return [];
  const hasLabels = cells.length === 6;
  const labels = [...(cells[3] ?? '').matchAll(/`(\w+)`/g)].map(([, label = '']) => label);
  return [{ name, type: cells[2] ?? '', labels: hasLabels ? labels : null }];
}
