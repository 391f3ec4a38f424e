import { type Command, InvalidArgumentError } from 'commander';
import {
  type DrainSettings,
  defaultDrainSettings,
  drainKeys,
  maxDrainRate,
  readDrainReports,
} from '#contract/drain.ts';
import { counted } from '#runtime/counted.ts';
import { carryOut, changes } from '../kit/change.ts';
import { withConnections } from '../kit/connections.ts';
import { dirOption, jsonOption } from '../kit/options.ts';

function rateArgument(text: string): number | null {
  if (text === 'off') return null;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > maxDrainRate) {
    throw new InvalidArgumentError(
      `it must be orders per second, 1 to ${maxDrainRate}, or "off" for no limit. To stop: seckill drain pause.`,
    );
  }
  return value;
}

const inForce = ({ ratePerSecond, paused }: DrainSettings) =>
  `drain limit: ${ratePerSecond === null ? 'no limit' : `${counted(ratePerSecond, 'order')}/s`}${paused ? '; PAUSED: nothing is stored until "seckill drain resume"' : ''}`;

export function registerDrainCommands(program: Command): void {
  const drain = program.command('drain').description('how fast accepted orders reach the database');
  drain
    .command('show')
    .description('the limit, what the workers make of it and why, and what is waiting')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((_options, command: Command) =>
      withConnections(command, async ({ zookeeper, queue, queueRedis, stock, output }) => {
        const { readDrainSettings } = await import('#order-worker/drain/settings.ts');
        const { describeDrain } = await import('#order-worker/drain/describe-drain.ts');
        const { readBacklog } = await import('#order-worker/drain/backlog.ts');
        const { drainText } = await import('./drain-status.ts');
        const settings = await readDrainSettings(zookeeper);
        const reports = readDrainReports(await queueRedis.hgetall(drainKeys.reports), Date.now());
        const outboxes = await Promise.all((await stock.sales()).map((saleId) => stock.outboxLength(saleId)));
        const inOutbox = outboxes.reduce((sum, length) => sum + length, 0);
        const status = describeDrain({
          settings,
          reports,
          inOutbox,
          queue: await readBacklog(await queue()),
          nowMs: Date.now(),
        });
        output.result(status, drainText(status));
      }),
    );
  changes(drain.command('rate'))
    .argument('<n/s>', 'orders per second over all workers, or "off"', rateArgument)
    .description('change the limit while the workers run')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((ratePerSecond: number | null, _options, command: Command) => change(command, { ratePerSecond }));
  changes(drain.command('pause'))
    .description('store nothing from now on, whatever restarts; orders wait in the queue')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((_options, command: Command) => change(command, { paused: true }));
  changes(drain.command('resume'))
    .description('go on at the set rate')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((_options, command: Command) => change(command, { paused: false }));
}

const change = (command: Command, settings: Partial<DrainSettings>) =>
  withConnections(command, async ({ zookeeper, output }) => {
    const { changeDrainSettings, readDrainSettings } = await import('#order-worker/drain/settings.ts');
    const before = await readDrainSettings(zookeeper).catch(() => null); // what cannot be read is overwritten
    const next = { ...defaultDrainSettings, ...before, ...settings };
    await carryOut(command, output, {
      will: `set the ${inForce(next)} (now: ${before === null ? 'nothing that can be read' : inForce(before)})`,
      facts: { before, after: next },
      apply: async () => {
        const now = await changeDrainSettings(zookeeper, settings);
        output.result(now, inForce(now));
      },
    });
  });
