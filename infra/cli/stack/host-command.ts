import type { Command } from 'commander';
import { jsonOption } from '../kit/options.ts';
import { runOf } from '../kit/run.ts';

/** The machine that the command runs on: run it on each that serves. Needs no stack. */
export function registerHostCommand(program: Command): void {
  const host = program.command('host').description('the machine that this command runs on');
  host
    .command('check')
    .description('compare its kernel settings and limits with what a sale needs; one that falls short is a warning')
    .addOption(jsonOption())
    .action(async ({ json = false }: { json?: boolean }, command: Command) => {
      const run = runOf(command);
      const { checkHost } = await import('../../sale-check/host.ts');
      const findings = await checkHost();
      const { createOutput } = await import('../kit/output.ts');
      const { hostText } = await import('./host-text.ts');
      const ok = findings.every(({ verdict }) => verdict !== 'fail');
      createOutput(run, json).result({ ok, findings }, hostText(findings));
      if (!ok) run.exitCode = 1;
    });
}
