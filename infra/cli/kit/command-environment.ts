import { settings } from '#contract/settings.ts';
import { readConfig } from '#runtime/config.ts';
import { stackEnvironment } from '../../stack/running-stack.ts';
import { callerSettings } from './caller-settings.ts';
import { CliError } from './cli-error.ts';
import { neededSettings } from './needed-settings.ts';
import type { CliRun } from './run.ts';

/** The environment of a command: the local stack's addresses, overridden by what the caller set. */
export async function commandEnvironment(
  run: CliRun,
  dir: string | undefined,
): Promise<Record<string, string | undefined>> {
  const given = callerSettings(run);
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
      !(name === 'SECKILL_ZOOKEEPER_AUTH' && isGiven('SECKILL_ZOOKEEPER')) &&
      // It counts the replicas of the stack's stock Redis: another one may have none, and would never say yes.
      !(name === 'SECKILL_STOCK_REPLICAS' && isGiven('SECKILL_STOCK_REDIS_URL')),
  );
  const hint = fromStack === null ? {} : { SECKILL_STATUS_COMMAND: 'seckill status' };
  return { ...hint, ...Object.fromEntries(others), ...given };
}
