import stringWidth from 'string-width';
import { counted } from '#runtime/counted.ts';
import { shorten, table } from '../../text/table.ts';
import type { Funnel } from './funnel.ts';

/** A funnel and when it was read, Unix ms. */
export type Sample = { funnel: Funnel; atMs: number };

const countWidth = 12;
const barWidth = 40;
/** Rates are over so much time, or over what there is of it. */
export const rateOverMs = 3000;

/**
 * The whole view as lines of at most `columns`, and `rows` of them. `earlier`: the sample that rates are counted from, null
 * before there is one.
 */
export function funnelView(options: {
  now: Sample;
  earlier: Sample | null;
  columns: number;
  rows: number;
  problem?: string | null;
}): string[] {
  const { now, earlier, columns, rows, problem = null } = options;
  const { funnel } = now;
  const { saleId, state, epoch, units, edge, queue } = funnel;
  const head = `${saleId}   ${state.toUpperCase()}   epoch ${epoch}`;
  const clock = `${new Date(now.atMs).toISOString().slice(11, 19)} UTC   q quits`;
  const shed = Object.entries(edge?.shed ?? {})
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a);
  const line = (name: string, pick: (of: Funnel) => number | null | undefined) =>
    countLine(name, pick(funnel), rateOf(now, earlier, pick));
  const lines = [
    spread(head, clock, columns),
    ...(problem === null ? [''] : [`PROBLEM  ${problem}`]),
    stockLine(units, columns),
    '',
    line('arrived', (it) => it.edge?.arrived),
    ...(edge === null || edge.since === null ? [] : [sinceLine(edge.since)]),
    line('shed', (it) => (it.edge === null ? null : it.edge.arrived - it.edge.passed)),
    ...shed.map(([reason]) => line(`  ${reason}`, (it) => it.edge?.shed[reason])),
    line('passed on', (it) => it.edge?.passed),
    line('accepted', (it) => it.accepted),
    line('in the outbox', (it) => it.outbox),
    line('queued', (it) => (it.queue === null ? null : it.queue.waiting + it.queue.active)),
    line('stored', (it) => it.stored),
    ...(queue !== null && queue.failed > 0 ? [`dead letters${String(queue.failed).padStart(countWidth + 4)}`] : []),
    '',
    ...edgesPart(funnel, columns),
  ].map((each) => shorten(each, columns));
  if (lines.length <= rows) return lines;
  return [
    ...lines.slice(0, Math.max(0, rows - 1)),
    shorten(`… and ${counted(lines.length - rows + 1, 'more line')}`, columns),
  ];
}

/** In the place of a number: an edge that restarted in mid-sale counts anew, what is accepted does not. */
const sinceLine = (since: string) => `  since ${since.slice(11, 19)} UTC: an edge began to count anew`;

function countLine(name: string, count: number | null | undefined, rate: number | null): string {
  const shown = count === null || count === undefined ? '?' : count.toLocaleString('en');
  const speed =
    rate === null || rate === 0 ? '' : `   ${rate > 0 ? '+' : ''}${Math.round(rate).toLocaleString('en')}/s`;
  return `${name.padEnd(16)}${shown.padStart(countWidth)}${speed}`;
}

function rateOf(now: Sample, earlier: Sample | null, pick: (of: Funnel) => number | null | undefined): number | null {
  if (earlier === null || now.atMs <= earlier.atMs) return null;
  const [is, was] = [pick(now.funnel), pick(earlier.funnel)];
  if (typeof is !== 'number' || typeof was !== 'number') return null;
  return ((is - was) * 1000) / (now.atMs - earlier.atMs);
}

function stockLine({ total, free }: Funnel['units'], columns: number): string {
  const words = `${free.toLocaleString('en')} free of ${total.toLocaleString('en')}`;
  const width = Math.min(barWidth, columns - words.length - 11);
  if (width < 5 || total === 0) return `stock   ${words}`;
  const filled = Math.round((width * Math.max(0, free)) / total);
  return `stock   [${'█'.repeat(filled)}${'░'.repeat(width - filled)}] ${words}`;
}

function edgesPart({ edges, epoch }: Funnel, columns: number): string[] {
  if (edges === null) return ['edges: ZooKeeper does not answer'];
  if (edges.length === 0) return ['edges: none is connected'];
  const rows = edges.map((edge) => [
    edge.edgeId,
    edge.epoch,
    edge.silentSince !== null ? `silent since ${edge.silentSince}` : edge.epoch < epoch ? 'BEHIND' : 'in step',
    [
      ...(edge.silentSince === null && !edge.hasOffice ? ['makes no tickets'] : []),
      ...(edge.maintenance ? ['MAINTENANCE'] : []),
    ].join(', '),
  ]);
  return table(['EDGE', 'EPOCH', 'STREAM', ''], rows, columns).split('\n');
}

/** One text at the left, one at the right; the right one goes when both do not fit. */
function spread(left: string, right: string, columns: number): string {
  const gap = columns - stringWidth(left) - stringWidth(right);
  return gap < 2 ? left : left + ' '.repeat(gap) + right;
}
