import type { Command } from 'commander';
import { CliError } from '../kit/cli-error.ts';
import { withConnections } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { dirOption, jsonOption } from '../kit/options.ts';

export function registerAuditCommand(program: Command): void {
  program
    .command('audit')
    .argument('<saleId>')
    .description('check the books of a sale, live: units by state, orders against reservations; exit 1 on a difference')
    .option('--units', "name every unit's owner, by order and state")
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string, options: { units?: boolean }, command: Command) =>
      withConnections(command, async (context) => {
        await findSale(context, saleId);
        const { auditSale } = await import('#order-worker/audit/audit.ts');
        const { auditText } = await import('./audit-text.ts');
        const audit = auditSale(context, saleId, { owners: options.units === true });
        const report = await context.output.during('comparing the books', audit);
        if (report === null) throw new CliError(`${saleId} has no stock yet: nothing to audit`, 2);
        context.output.result(report, auditText(report, context.output.width));
        if (!report.balanced) context.run.exitCode = 1;
      }),
    );
}
