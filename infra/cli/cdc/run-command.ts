import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { type CdcSinkName, cdcSinkNames } from '#contract/cdc.ts';
import { cdcSinkSettings } from '#contract/settings.ts';
import { runDirectory } from '../../stack/host/run-directory.ts';
import { stackEnvironment } from '../../stack/running-stack.ts';
import { callerSettings } from '../kit/caller-settings.ts';
import { dirOption } from '../kit/options.ts';
import { runOf } from '../kit/run.ts';

/** `seckill cdc run`: the process itself, in the foreground. */
export function registerCdcRun(cdc: Command): void {
  cdc
    .command('run')
    .description(
      'copy every change of the order tables into files or Kafka, until Ctrl-C; of several processes one writes, the others stand by',
    )
    .addOption(
      new Option('--sink <sink>', 'files in SECKILL_CDC_DIR, or the Kafka of SECKILL_CDC_KAFKA_URL').choices(
        cdcSinkNames,
      ),
    )
    .addOption(dirOption())
    .action(async ({ sink, dir }: { sink?: CdcSinkName; dir?: string }, command: Command) => {
      const run = runOf(command);
      const given = callerSettings(run);
      const runDir = dir ?? given.SECKILL_RUN_DIR;
      const stack = await stackEnvironment(runDir);
      const environment = cdcEnvironment({ given, stack, sink, filesOf: () => join(runDirectory(runDir).root, 'cdc') });
      const { runCdc } = await import('#order-worker/cdc/run-cdc.ts');
      const ended = Promise.withResolvers<number>();
      const interrupted = run.interruption();
      run.surviveLostOutput();
      await runCdc({
        env: environment,
        stderr: run.stderr,
        // One signal for all that a person can do to end it.
        on: (signal, listener) => {
          if (signal === 'SIGTERM') void interrupted.happened.then(() => listener('SIGTERM'));
        },
        exit: ended.resolve,
      });
      run.exitCode = await ended.promise;
      interrupted.release();
    });
}

type Settings = Readonly<Record<string, string | undefined>>;

/** What the process is told: by the caller, else by the stack on this machine. */
export function cdcEnvironment(options: {
  given: Settings;
  stack: Settings | null;
  sink: CdcSinkName | undefined;
  filesOf: () => string;
}): Record<string, string | undefined> {
  const { given, stack, filesOf } = options;
  const wanted = ['SECKILL_ZOOKEEPER', 'SECKILL_ZOOKEEPER_AUTH', 'SECKILL_CDC_DATABASE_URL', 'SECKILL_CDC_SINK'];
  const sinks = Object.values(cdcSinkSettings).flat();
  const isGiven = (name: string) => given[name] !== undefined || given[`${name}_FILE`] !== undefined;
  const told = Object.fromEntries(
    [...wanted, ...sinks].flatMap((name) =>
      isGiven(name) || stack?.[name] === undefined ? [] : [[name, stack[name]]],
    ),
  );
  const environment: Record<string, string | undefined> = { ...told, ...given };
  delete environment.SECKILL_RUN_DIR;
  if (options.sink !== undefined) {
    environment.SECKILL_CDC_SINK = options.sink;
    // The stack's settings of its own sink are not the caller's.
    for (const name of sinks) if (!isGiven(name)) delete environment[name];
    for (const name of cdcSinkSettings[options.sink])
      if (!isGiven(name) && stack?.[name]) environment[name] = stack[name];
  }
  if (environment.SECKILL_CDC_SINK === 'files' && environment.SECKILL_CDC_DIR === undefined && stack !== null)
    environment.SECKILL_CDC_DIR = filesOf();
  environment.SECKILL_INSTANCE ??= instanceName(hostname(), process.pid);
  environment.SECKILL_INNER_LISTEN ??= '127.0.0.1:0';
  return environment;
}

/** Fit for SECKILL_INSTANCE: a-z, 0-9 and hyphen, 40 at most. */
export const instanceName = (host: string, pid: number): string =>
  `cdc-${host
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 25)}-${pid}`;
