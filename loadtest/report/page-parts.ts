import { html, raw } from 'hono/html';
import type { Phase, Report, RouteRow, Threshold, Totals } from './report.ts';

type Html = ReturnType<typeof html>;
type Part =
  | { kind: 'heading' | 'line'; text: string }
  | { kind: 'verdict'; good: boolean; text: string }
  | { kind: 'facts'; facts: [string, string][] }
  | { kind: 'section'; title: string; html: Html }
  | { kind: 'notes'; notes: readonly string[] }
  | { kind: 'charts'; titles: readonly string[] };

const number = (value: number) =>
  (value >= 100 ? Math.round(value) : Number(value.toPrecision(3))).toLocaleString('en');

export function factsRow(totals: Totals): Part {
  return {
    kind: 'facts',
    facts: [
      ['requests', number(totals.requests)],
      ['a second, on average', number(totals.perSecondMean)],
      ['in the fullest second', number(totals.perSecondMost)],
      ['units', number(totals.units)],
      ['sold', number(totals.sold)],
      ['orders stored', number(totals.stored)],
    ],
  };
}

export function thresholdsTable(thresholds: readonly Threshold[]): Html {
  return html`<table>${thresholds.map(
    ({ name, holds, says }) =>
      html`<tr><td class="${holds ? 'good' : 'bad'}">${holds ? 'ok' : 'FAIL'}</td><td>${name}</td><td>${says}</td></tr>`,
  )}</table>`;
}

export function auditTable(audit: Report['audit']): Html {
  if (audit === null) return html`<p class="bad">There was no audit.</p>`;
  return html`<p class="${audit.balanced ? 'good' : 'bad'}">${audit.balanced ? 'balanced' : 'NOT BALANCED'}</p>
<table>${audit.checks.map(
    ({ invariant, holds, says }) =>
      html`<tr><td class="${holds ? 'good' : 'bad'}">${holds ? 'ok' : 'FAIL'}</td><td>${invariant}</td><td>${says}</td></tr>`,
  )}</table>`;
}

export function phasesTable(phases: readonly Phase[]): Html {
  const cell = (value: number) => html`<td class="number">${number(value)}</td>`;
  const names = [
    'phase',
    'from s',
    'to s',
    'requests',
    'a second',
    'fullest',
    'p50 ms',
    'p90 ms',
    'p99 ms',
    'longest ms',
  ];
  return html`<div class="wide"><table><tr>${names.map((name) => html`<th${raw(name === 'phase' ? '' : ' class="number"')}>${name}</th>`)}<th>refused</th></tr>${phases.map(
    (phase) =>
      html`<tr><td>${phase.name}</td>${cell(phase.fromSeconds)}${cell(phase.toSeconds)}<td class="number">${phase.requests.toLocaleString('en')}</td>${cell(phase.perSecondMean)}${cell(phase.perSecondMost)}${cell(phase.p50)}${cell(phase.p90)}${cell(phase.p99)}${cell(phase.max)}<td>${countsText(phase.refused)}</td></tr>`,
  )}</table></div>${phases.map(({ shoppers }) =>
    shoppers === null
      ? ''
      : html`<p>${shoppers.got.toLocaleString('en')} of ${shoppers.asked.toLocaleString('en')} shoppers who asked for a ticket got one; ${shoppers.planned.toLocaleString('en')} were planned. From the first question to the ticket, waits included: p50 ${number(shoppers.way.p50)} ms, p99 ${number(shoppers.way.p99)} ms, longest ${number(shoppers.way.max)} ms.</p>`,
  )}`;
}

const countsText = (counts: Record<string, number>) =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `${outcome} ${count.toLocaleString('en')}`)
    .join(', ');

export function routesTable(routes: readonly RouteRow[]): Html {
  const ms = (value: number) => html`<td class="number">${number(value)}</td>`;
  return html`<div class="wide"><table><tr><th>route</th><th class="number">requests</th><th class="number">p50 ms</th><th class="number">p90 ms</th><th class="number">p99 ms</th><th class="number">longest ms</th><th>outcomes</th></tr>${routes.map(
    (row) =>
      html`<tr><td>${row.route}</td><td class="number">${row.count.toLocaleString('en')}</td>${ms(row.p50)}${ms(row.p90)}${ms(row.p99)}${ms(row.max)}<td>${countsText(row.outcomes)}</td></tr>`,
  )}</table></div>`;
}

export function list(values: Record<string, string | number>): Html {
  return html`<dl>${Object.entries(values).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

function render(part: Part): Html {
  switch (part.kind) {
    case 'heading':
      return html`<h1>${part.text}</h1>`;
    case 'line':
      return html`<p class="soft">${part.text}</p>`;
    case 'verdict':
      return html`<p class="${part.good ? 'good' : 'bad'}"><b>${part.text}</b></p>`;
    case 'facts':
      return html`<div class="facts">${part.facts.map(([name, value]) => html`<div><b>${value}</b>${name}</div>`)}</div>`;
    case 'section':
      return html`<h2>${part.title}</h2>${part.html}`;
    case 'notes':
      return html`<h2>To read this right</h2><ul>${part.notes.map((note) => html`<li>${note}</li>`)}</ul>`;
    case 'charts':
      return html`<h2>Over time</h2><div class="charts">${part.titles.map(
        (title, index) => html`<div><h3>${title}</h3><div data-chart="${index}"></div></div>`,
      )}</div>`;
  }
}

/** `data` and `script` must be safe inside a script element. */
export function page(parts: { title: string; style: string; body: Part[]; data: string; script: string }): string {
  const { title, style, body, data, script } = parts;
  return String(html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${raw(style)}</style></head><body>
${body.map(render)}
<script type="application/json" id="report">${raw(data)}</script>
<script>${raw(script)}</script></body></html>
`);
}
