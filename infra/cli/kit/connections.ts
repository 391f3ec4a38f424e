import type { Command } from 'commander';
import { type SettingName, settings } from '#contract/settings.ts';
import { readConfig } from '#runtime/config.ts';
import { stackEnvironment } from '../../stack/running-stack.ts';
import { CliError } from './cli-error.ts';
import { neededSettings } from './needed-settings.ts';
import type { openConnections as open } from './open-connections.ts';
import { createOutput, type Output } from './output.ts';
import { type CliRun, runOf } from './run.ts';

/**
 * What a command works with. The CLI connects to Redis, ZooKeeper, the queue and PostgreSQL itself, so it works while a
 * service is down. Addresses come from `SECKILL_*` variables, or from the stack on this machine.
 */
export type Connections = Awaited<ReturnType<typeof open>>;

/** Loads the drivers first: a command that only tells of itself does without them. */
export async function openConnections(environment: Record<string, string | undefined>): Promise<Connections> {
  return (await import('./open-connections.ts')).openConnections(environment);
}

/** The settings among what the caller set. */
export const givenSettings = ({ environment }: Pick<CliRun, 'environment'>): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => name.startsWith('SECKILL_')));

/** The environment of a command: the local stack's addresses, overridden by what the caller set. */
async function commandEnvironment(run: CliRun, dir: string | undefined): Promise<Record<string, string | undefined>> {
  const given = givenSettings(run);
  // A misspelled variable is refused before anything else: it may be the reason why no stack is found.
  readConfig(settings, [], given);
  const runDir = dir ?? given.SECKILL_RUN_DIR;
  const fromStack = await stackEnvironment(runDir);
  const isGiven = (name: string) => given[name] !== undefined || given[`${name}_FILE`] !== undefined;
  if (fromStack === null && !neededSettings.every(isGiven)) {
    const where = runDir === undefined ? '' : ` in ${runDir}`;
    throw new CliError(
      `no stack is running${where}: start one with "seckill up", or set ${neededSettings.join(', ')}`,
      78,
    );
  }
  // Two spellings of one setting, a value and a file: where the caller gave one, the stack's other does not count.
  const others = Object.entries(fromStack ?? {}).filter(
    ([name]) =>
      !isGiven(name.replace(/_FILE$/, '')) &&
      // The stack's password is for the stack's ZooKeeper: nodes in another one would belong to it.
      !(name === 'SECKILL_ZOOKEEPER_AUTH' && isGiven('SECKILL_ZOOKEEPER')),
  );
  return { ...Object.fromEntries(others), ...given };
}

/** Reads the settings that a command needs beyond its connections. */
export function commandConfig<N extends SettingName>(
  names: readonly N[],
  environment: Record<string, string | undefined>,
) {
  return readConfig(settings, names, environment);
}

/** `environment`: the settings in force; what else the caller set is in `run`. */
export type CommandContext = Connections & {
  environment: Record<string, string | undefined>;
  output: Output;
  run: CliRun;
};

/** Runs a command's action with its connections open, and closes them whatever happens. */
export async function withConnections(
  command: Command,
  action: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const { json = false, dir } = command.opts<{ json?: boolean; dir?: string }>();
  const run = runOf(command);
  const environment = await commandEnvironment(run, dir);
  const connections = await openConnections(environment);
  try {
    await action({ ...connections, environment, output: createOutput(run, json), run });
  } finally {
    await connections.close();
  }
}
