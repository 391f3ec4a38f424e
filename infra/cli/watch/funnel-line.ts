import { shorten } from '../../text/table.ts';
import type { Funnel } from './funnel.ts';

/** How many edges follow, and the names of those that do not. */
function edgesPart({ edges, epoch }: Funnel): { text: string; isWell: boolean } {
  if (edges === null) return { text: 'edges ?', isWell: false };
  const behind = edges.filter((edge) => edge.epoch < epoch).map((edge) => `${edge.edgeId} at e${edge.epoch}`);
  const silent = edges.filter(({ silentSince }) => silentSince !== null).map(({ edgeId }) => `${edgeId} silent`);
  const idle = edges
    .filter(({ silentSince, hasOffice }) => silentSince === null && !hasOffice)
    .map(({ edgeId }) => `${edgeId} makes no tickets`);
  const closed = edges.some(({ maintenance }) => maintenance) ? ['MAINTENANCE'] : [];
  const notes = [...behind, ...silent, ...idle, ...closed];
  const text = `edges ${edges.length}${notes.length === 0 ? ' in step' : ` (${notes.join(', ')})`}`;
  return { text, isWell: notes.length === 0 && edges.length > 0 };
}

/** What the edges counted, and since when where an edge began anew in mid-sale. */
function arrivedPart({ edge }: Funnel, detail: number): string {
  if (edge === null) return 'edge ?';
  const reasons = Object.entries(edge.shed)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${reason} ${count}`);
  const since = edge.since === null ? '' : ` since ${edge.since.slice(11, 19)} UTC`;
  const why = detail > 3 && reasons.length > 0 ? ` (${reasons.join(', ')})` : '';
  const shed = detail > 0 ? `, shed ${edge.arrived - edge.passed}${why}` : '';
  return `arrived ${edge.arrived}${since}${shed}`;
}

/**
 * The funnel in one line: `detail` 4 tells all; less leaves out first reasons, then edges that are well, then noughts, then
 * what was shed.
 */
function line(funnel: Funnel, detail: number): string {
  const { queue, outbox } = funnel;
  const edges = edgesPart(funnel);
  const queued = queue === null ? null : queue.waiting + queue.active;
  return [
    `${funnel.saleId} ${funnel.state} e${funnel.epoch}`,
    ...(detail > 2 || !edges.isWell ? [edges.text] : []),
    `free ${funnel.units.free}/${funnel.units.total}`,
    arrivedPart(funnel, detail),
    `accepted ${funnel.accepted}`,
    ...(detail > 1 || outbox > 0 ? [`outbox ${outbox}`] : []),
    ...(queued === null ? ['queue ?'] : detail > 1 || queued > 0 ? [`queued ${queued}`] : []),
    ...(queue !== null && queue.failed > 0 ? [`dead letters ${queue.failed}`] : []),
    `stored ${funnel.stored}`,
  ].join(' | ');
}

/**
 * One line of at most `width` columns; null: as long as it is. A narrow one leaves out what says the least, and is cut
 * where that is not enough.
 */
export function funnelLine(funnel: Funnel, width: number | null = null): string {
  if (width === null) return line(funnel, 4);
  const fits = [4, 3, 2, 1, 0].map((detail) => line(funnel, detail)).find((text) => text.length <= width);
  return fits ?? shorten(line(funnel, 0), width);
}
