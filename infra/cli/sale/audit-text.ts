import type { AuditReport, UnitOwner } from '#order-worker/audit/audit.ts';
import { counted } from '#runtime/counted.ts';
import { table } from '../../text/table.ts';

/** The report as people read it. */
export function auditText(report: AuditReport, width: number | null): string {
  const checks = report.checks.map((check) => `  ${check.holds ? 'ok  ' : 'FAIL'} ${check.invariant}  ${check.says}`);
  const shown = report.differences.slice(0, 20).map((it) => `  ${it.invariant} ${it.orderId}: ${it.explains}`);
  const more = report.differences.length - shown.length;
  return [
    `${report.saleId}: ${report.balanced ? 'balanced' : 'NOT BALANCED'}; ${counted(report.orders.reservations, 'reservation')}, ${counted(report.orders.rows, 'row')}`,
    ...(report.fault === null ? [] : [`  FAULT ${report.fault}: run "seckill stock rebuild ${report.saleId}"`]),
    ...(report.balanced ? [] : mendText(report)),
    ...checks,
    ...(report.oldestHeldAt === null
      ? []
      : [`  the oldest held order was accepted at ${report.oldestHeldAt}: see "seckill drain show"`]),
    ...(shown.length > 0 ? ['differences:', ...shown] : []),
    ...(report.owners === undefined ? [] : [ownersTable(report.owners, width)]),
    ...(more > 0 ? [`  … and ${more} more (--json shows all)`] : []),
  ].join('\n');
}

/** The commands that put it right, each once; what none of them can says itself what it is about. */
function mendText({ saleId, differences, fault }: AuditReport): string[] {
  const own = [...new Set(differences.flatMap(({ mend }) => mend ?? []))];
  const isStock = fault === null && (own.length === 0 || differences.some(({ mend }) => mend === undefined));
  return [
    ...own.map((mend) => `  mend: ${mend}`),
    ...(isStock
      ? [`  what would be put right, once the sale is paused: seckill stock rebuild ${saleId} --dry-run`]
      : []),
  ];
}

function ownersTable(owners: readonly UnitOwner[], width: number | null): string {
  const rows = owners.map(({ place, units, where, orderId, userId }) => [place, units, where, orderId, userId]);
  return table(['PLACE', 'UNITS', 'WHERE', 'ORDER', 'USER'], rows, width);
}
