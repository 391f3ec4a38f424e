import { type Command, InvalidArgumentError } from 'commander';
import { readDrainSettings, writeDrainSettings } from '#order-worker/drain/rate.ts';
import { withConnections } from './connections.ts';
import { dirOption, jsonOption } from './options.ts';

const maxRate = 1_000_000;

function rateArgument(text: string): number | null {
  if (text === 'off') return null;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > maxRate) {
    throw new InvalidArgumentError(`it must be orders per second, 1 to ${maxRate}, or "off" for no limit.`);
  }
  return value;
}

const perSecond = (rate: number | null) => (rate === null ? 'no limit' : `${rate} orders/s`);

export function registerDrainCommands(program: Command): void {
  const drain = program.command('drain').description('how fast accepted orders reach the database');
  drain
    .command('show')
    .description('the limit and what is waiting')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((_options, command: Command) =>
      withConnections(command, async ({ zookeeper, queue, output }) => {
        const { ratePerSecond } = await readDrainSettings(zookeeper);
        const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'failed');
        const { waiting = 0, active = 0, delayed = 0, failed = 0 } = counts;
        output.result(
          { ratePerSecond, waiting, active, delayed, failed },
          `${ratePerSecond === null ? 'no limit' : `limit ${perSecond(ratePerSecond)}`}; waiting ${waiting}, active ${active}, delayed ${delayed}, dead letters ${failed}`,
        );
      }),
    );
  drain
    .command('rate')
    .argument('<n/s>', 'orders per second over all workers, or "off"', rateArgument)
    .description('change the limit while the workers run')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((ratePerSecond: number | null, _options, command: Command) =>
      withConnections(command, async ({ zookeeper, output }) => {
        await writeDrainSettings(zookeeper, { ratePerSecond });
        output.result({ ratePerSecond }, `drain limit: ${perSecond(ratePerSecond)}`);
      }),
    );
}
