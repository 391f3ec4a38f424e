import type { Command } from 'commander';
import { callerSettings } from '../kit/caller-settings.ts';
import { jsonOption } from '../kit/options.ts';
import { runOf } from '../kit/run.ts';

/** A stack on this machine migrates by itself; whoever deploys runs this once before the processes start. */
export function registerMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('bring the database of SECKILL_DATABASE_URL to the newest schema; safe to run by several at once')
    .option('--dry-run', 'name what would run, change nothing')
    .addOption(jsonOption())
    .action(async ({ json = false, dryRun = false }: { json?: boolean; dryRun?: boolean }, command: Command) => {
      const run = runOf(command);
      const { commandConfig } = await import('../kit/command-config.ts');
      const { createOutput } = await import('../kit/output.ts');
      const { SECKILL_DATABASE_URL: url } = commandConfig(['SECKILL_DATABASE_URL'], callerSettings(run));
      const { runMigrations } = await import('../../migrations/run.ts');
      const ran = await runMigrations(url, { dryRun });
      const what = ran.length === 0 ? 'the schema is up to date' : ran.join(', ');
      createOutput(run, json).result({ ran, dryRun }, dryRun && ran.length > 0 ? `would run ${what}` : what);
    });
}
