import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { hasPassed } from './build-report.ts';
import { auditTable, factsRow, list, page, phasesTable, routesTable, thresholdsTable } from './page-parts.ts';
import type { Report } from './report.ts';

/**
 * The report as one file that opens from disk and asks nobody for anything: tables are text, charts are drawn by uPlot,
 * which stands in the file with the figures.
 */
export async function renderHtml(report: Report): Promise<string> {
  const [script, ownStyle, plotStyle] = await Promise.all([
    bundled(),
    readFile(new URL('browser/page.css', import.meta.url), 'utf8'),
    readFile(createRequire(import.meta.url).resolve('uplot/dist/uPlot.min.css'), 'utf8'),
  ]);
  const { time, charts, marks } = report;
  // Inside a script element only `</` could end it; `<` is the same character in JSON.
  const data = JSON.stringify({ time, charts, marks }).replaceAll('<', '\\u003c');
  const verdict = hasPassed(report);
  return page({
    title: `${report.kind} of ${report.saleId}`,
    style: `${plotStyle}${ownStyle}`,
    body: [
      { kind: 'heading', text: `seckill loadtest ${report.kind}` },
      { kind: 'line', text: `${report.saleId}, ${report.startedAt}, ${report.loadSeconds} s of load` },
      { kind: 'verdict', good: verdict, text: verdict ? 'passed' : 'NOT passed: see the thresholds' },
      factsRow(report.totals),
      { kind: 'section', title: 'Thresholds', html: thresholdsTable(report.thresholds) },
      { kind: 'section', title: 'Audit', html: auditTable(report.audit) },
      ...(report.phases.length === 0
        ? []
        : [{ kind: 'section' as const, title: 'Tickets, and the press', html: phasesTable(report.phases) }]),
      { kind: 'section', title: 'Routes, as the shoppers saw them', html: routesTable(report.routes) },
      ...(report.notes.length === 0 ? [] : [{ kind: 'notes' as const, notes: report.notes }]),
      { kind: 'charts', titles: charts.map(({ title, unit }) => `${title}, ${unit}`) },
      { kind: 'section', title: 'Parameters', html: list(report.parameters) },
      { kind: 'section', title: 'Machine', html: list({ ...report.machine, commit: report.commit }) },
    ],
    data,
    script,
  });
}

async function bundled(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('browser/draw.ts', import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: ['chrome100', 'firefox100', 'safari15.4'],
    legalComments: 'inline',
    logLevel: 'silent', // a mistake rejects, with the same words
  });
  return (outputFiles[0]?.text ?? '').replaceAll('</script', '<\\/script');
}
