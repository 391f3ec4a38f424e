import type { Command } from 'commander';
import { runMigrations } from '../../migrations/run.ts';
import { commandConfig } from '../kit/connections.ts';
import { jsonOption } from '../kit/options.ts';
import { createOutput } from '../kit/output.ts';

/** A stack on this machine migrates by itself; whoever deploys runs this once before the processes start. */
export function registerMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('bring the database of SECKILL_DATABASE_URL to the newest schema; safe to run by several at once')
    .option('--dry-run', 'name what would run, change nothing')
    .addOption(jsonOption())
    .action(async ({ json = false, dryRun = false }: { json?: boolean; dryRun?: boolean }) => {
      const given = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('SECKILL_')));
      const { SECKILL_DATABASE_URL: url } = commandConfig(['SECKILL_DATABASE_URL'], given);
      const ran = await runMigrations(url, { dryRun });
      const what = ran.length === 0 ? 'the schema is up to date' : ran.join(', ');
      createOutput(json).result({ ran, dryRun }, dryRun && ran.length > 0 ? `would run ${what}` : what);
    });
}
