import type { Command } from 'commander';
import { callerSettings } from '../kit/caller-settings.ts';
import { CliError } from '../kit/cli-error.ts';
import { jsonOption } from '../kit/options.ts';
import { runOf } from '../kit/run.ts';

/** A stack on this machine migrates by itself; whoever deploys runs this once before the processes start. */
export function registerMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description(
      'bring the database of SECKILL_DATABASE_URL to the newest schema, and make the role of SECKILL_CDC_DATABASE_URL where that is given; safe to run by several at once',
    )
    .option('--dry-run', 'name what would run, change nothing')
    .addOption(jsonOption())
    .action(async ({ json = false, dryRun = false }: { json?: boolean; dryRun?: boolean }, command: Command) => {
      const run = runOf(command);
      const { commandConfig } = await import('../kit/command-config.ts');
      const { createOutput } = await import('../kit/output.ts');
      const settings = callerSettings(run);
      const { SECKILL_DATABASE_URL: url } = commandConfig(['SECKILL_DATABASE_URL'], settings);
      const cdcUrl = isCdcGiven(settings)
        ? commandConfig(['SECKILL_CDC_DATABASE_URL'], settings).SECKILL_CDC_DATABASE_URL
        : null;
      const { runMigrations } = await import('../../migrations/run.ts');
      const ran = await runMigrations(url, { dryRun });
      const what = ran.length === 0 ? 'the schema is up to date' : ran.join(', ');
      const role = cdcUrl === null ? null : await makeRole({ databaseUrl: url, cdcUrl, dryRun });
      const words = dryRun && ran.length > 0 ? `would run ${what}` : what;
      const roleWords =
        role === null
          ? ''
          : `\n${dryRun ? 'would make or mend' : 'made'} the role ${role}, which \`seckill cdc run\` reads by`;
      createOutput(run, json).result({ ran, role, dryRun }, `${words}${roleWords}`);
    });
}

const isCdcGiven = (settings: Record<string, string | undefined>) =>
  ['SECKILL_CDC_DATABASE_URL', 'SECKILL_CDC_DATABASE_URL_FILE'].some((name) => settings[name] !== undefined);

/** The migrations stay done where the role is refused. */
async function makeRole(options: { databaseUrl: string; cdcUrl: string; dryRun: boolean }): Promise<string> {
  const { CdcRoleRefused, cdcLoginOf, makeCdcRole } = await import('../../migrations/cdc-role.ts');
  if (options.dryRun) return cdcLoginOf(options.cdcUrl).user;
  try {
    return await makeCdcRole(options);
  } catch (error) {
    if (error instanceof CdcRoleRefused) throw new CliError(error.message, 1);
    throw error;
  }
}
