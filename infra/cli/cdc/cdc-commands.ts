import type { Command } from 'commander';
import { withConnections } from '../kit/connections.ts';
import { dirOption, jsonOption } from '../kit/options.ts';
import { registerCdcRun } from './run-command.ts';
import { registerCdcSnapshot } from './snapshot-command.ts';

export function registerCdcCommands(program: Command): void {
  const cdc = program
    .command('cdc')
    .description('every change of the order tables, for the data team: docs/data-team.md');

  cdc
    .command('status')
    .description(
      'publication, slot, who copies and how far behind; exit code 1 when something is wrong, with what mends it',
    )
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((_options, command: Command) =>
      withConnections(command, async ({ pool, zookeeper, output, run }) => {
        const { cdcTroubles, readCdcStatus } = await import('#order-worker/cdc/cdc-status.ts');
        const { cdcText } = await import('./cdc-text.ts');
        const status = await readCdcStatus({ pool, zookeeper });
        const troubles = cdcTroubles(status);
        output.result({ ...status, troubles }, cdcText(status, troubles));
        if (troubles.length > 0) run.exitCode = 1;
      }),
    );
  registerCdcRun(cdc);
  registerCdcSnapshot(cdc);
}
