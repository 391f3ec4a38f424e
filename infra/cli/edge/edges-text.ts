import { type EdgeSettings, edgeLimitNames } from '#contract/edge-settings.ts';
import type { EdgeNode } from '#contract/edge-stream.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { unreadable } from '#sales/edge-settings.ts';
import type { EdgesInStep } from '#sales/edges.ts';
import { table } from '../../text/table.ts';
import { uptime } from '../../text/uptime.ts';

const unreadableSettings = `${zookeeperPaths.edgeSettings} in ZooKeeper cannot be read`;
const mendSettings = 'mend: seckill edge maintenance off, or any other change: it is written anew';

/** What was set for every edge, in a line. */
export function settingsText(settings: EdgeSettings | null | typeof unreadable): string {
  if (settings === unreadable) return `${unreadableSettings}: edges go on with what they obey. ${mendSettings}`;
  if (settings === null) return 'nothing is set: each edge obeys its own configuration';
  const limits = Object.entries(settings.limits).map(([name, value]) => `${name} ${value}`);
  const { maintenance } = settings;
  return [
    `settings ${settings.version}: ${limits.length === 0 ? 'no limit is set' : limits.join(', ')}`,
    ...(maintenance === null ? [] : [`MAINTENANCE, come back in ${maintenance.retryAfterSeconds} s`]),
  ].join('; ');
}

/** Who follows a change, and who does not. */
export function stepText({ inStep, behind, tookMs }: EdgesInStep): string {
  if (behind.length > 0)
    return `BEHIND: ${behind.join(', ')} (they follow when they are back; see "seckill edge show")`;
  return inStep.length === 0 ? 'no edge is connected' : `applied by ${inStep.join(', ')} within ${tookMs} ms`;
}

/** `live`, and whether its gateway has to make the tickets; or how long nginx has not answered its agent. */
export function streamText({ silentSince, hasOffice }: EdgeNode, nowMs: number): string {
  if (silentSince !== null) return `silent ${uptime(nowMs - Date.parse(silentSince))}`;
  return hasOffice ? 'live' : 'live, makes no tickets';
}

/** Each edge with the limits that it obeys. */
export function edgesTable(edges: readonly EdgeNode[], nowMs: number, width: number | null): string {
  if (edges.length === 0) return 'no edge is connected';
  const rows = edges.map((edge) => [
    edge.edgeId,
    streamText(edge, nowMs),
    edge.settingsVersion,
    edge.maintenance ? 'ON' : 'off',
    ...edgeLimitNames.map((name) => edge.limits[name] ?? '?'),
  ]);
  const header = ['EDGE', 'STREAM', 'SETTINGS', 'MAINTENANCE', ...edgeLimitNames];
  const asTable = table(header, rows, null);
  if (width === null || asTable.indexOf('\n') <= width) return asTable;
  // Numbers are never cut: on a narrow terminal the limits stand beneath each edge.
  return rows
    .map(([edgeId, stream, settings, maintenance, ...limits]) =>
      [
        `${edgeId}  ${stream}, settings ${settings}, maintenance ${maintenance}`,
        ...limits.map((limit, at) => `  ${(edgeLimitNames[at] ?? '').padEnd(18)}${limit}`),
      ].join('\n'),
    )
    .join('\n');
}

/** Each edge with what it has applied, for `seckill status`. */
export function appliedTable(edges: readonly EdgeNode[] | null, nowMs: number, width: number | null): string {
  if (edges === null) return 'edges: ZooKeeper does not answer';
  if (edges.length === 0) return 'edges: none is connected';
  return table(
    ['EDGE', 'STREAM', 'SETTINGS', 'TICKET KEYS', 'EPOCHS'],
    edges.map((edge) => [
      edge.edgeId,
      streamText(edge, nowMs),
      edge.maintenance ? `${edge.settingsVersion} MAINTENANCE` : String(edge.settingsVersion),
      edge.keyIds.join(' ') || '-',
      epochsText(edge.epochs),
    ]),
    width,
  );
}

const shownEpochs = 5;

/** The sales by their names, a few of them: an edge may know a thousand. */
function epochsText(epochs: EdgeNode['epochs']): string {
  const all = Object.entries(epochs).sort(([a], [b]) => (a < b ? -1 : 1));
  const shown = all.slice(-shownEpochs).map(([saleId, epoch]) => `${saleId} ${epoch}`);
  const more = all.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more (--json shows all)`] : [])].join(', ') || '-';
}
