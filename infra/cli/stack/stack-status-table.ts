import type { StackStatus } from '../../stack/stack.ts';
import { table } from '../../text/table.ts';
import { uptime } from '../../text/uptime.ts';

/** The status as a table for a person. */
export function describeStatus(status: StackStatus, nowMs: number, width: number | null): string {
  if (!status.running) return `not running: ${status.dir}`;
  const rows = status.processes.map((each) => [
    each.name,
    each.health,
    each.pid ?? '-',
    each.startedAt === null ? '-' : uptime(nowMs - Date.parse(each.startedAt)),
    each.restarts,
    each.problem === null ? each.address : `${each.address}  (${each.problem})`,
  ]);
  return table(['NAME', 'HEALTH', 'PID', 'UPTIME', 'RESTARTS', 'ADDRESS'], rows, width);
}
