import type { Command } from 'commander';
import { type AuditReport, auditSale } from '#order-worker/audit/audit.ts';
import { CliError } from './cli-error.ts';
import { withConnections } from './connections.ts';
import { dirOption, jsonOption } from './options.ts';
import { findSale } from './sale-commands.ts';

/** The report as people read it. */
export function auditText(report: AuditReport): string {
  const checks = report.checks.map((check) => `  ${check.holds ? 'ok  ' : 'FAIL'} ${check.invariant}  ${check.says}`);
  const shown = report.differences.slice(0, 20).map((it) => `  ${it.invariant} ${it.orderId}: ${it.explains}`);
  const more = report.differences.length - shown.length;
  return [
    `${report.saleId}: ${report.balanced ? 'balanced' : 'NOT BALANCED'}; ${report.orders.reservations} reservations, ${report.orders.rows} rows`,
    ...checks,
    ...(shown.length > 0 ? ['differences:', ...shown] : []),
    ...(more > 0 ? [`  … and ${more} more (--json shows all)`] : []),
  ].join('\n');
}

export function registerAuditCommand(program: Command): void {
  program
    .command('audit')
    .argument('<saleId>')
    .description('check the books of a sale, live: units by state, orders against reservations; exit 1 on a difference')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string, _options, command: Command) =>
      withConnections(command, async (context) => {
        await findSale(context, saleId);
        const report = await auditSale(context, saleId);
        if (report === null) throw new CliError(`${saleId} has no stock yet: nothing to audit`, 1);
        context.output.result(report, auditText(report));
        if (!report.balanced) process.exitCode = 1;
      }),
    );
}
