import type { StackStatus } from '../../stack/stack.ts';
import type { Part } from '../../stack/topology/group.ts';
import { table } from '../../text/table.ts';
import { uptime } from '../../text/uptime.ts';
import { lagText } from './groups-text.ts';

/** The status as a table for a person. `parts`: what each server is among those of its kind, by name; empty where each stands alone. */
export function describeStatus(
  status: StackStatus,
  nowMs: number,
  width: number | null,
  parts: ReadonlyMap<string, Part> = new Map(),
): string {
  if (!status.running) return `not running: ${status.dir}`;
  const partCells = (name: string) => {
    const part = parts.get(name);
    return [part?.part ?? '-', lagText(part?.lag ?? null)];
  };
  const rows = status.processes.map((each) => [
    each.name,
    ...(parts.size === 0 ? [] : partCells(each.name)),
    each.health,
    each.pid ?? '-',
    each.startedAt === null ? '-' : uptime(nowMs - Date.parse(each.startedAt)),
    each.restarts,
    each.problem === null ? each.address : `${each.address}  (${each.problem})`,
  ]);
  const header = [
    'NAME',
    ...(parts.size === 0 ? [] : ['ROLE', 'LAG']),
    'HEALTH',
    'PID',
    'UPTIME',
    'RESTARTS',
    'ADDRESS',
  ];
  return table(header, rows, width);
}
