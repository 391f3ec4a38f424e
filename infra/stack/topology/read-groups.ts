import { settings } from '#contract/settings.ts';
import { readConfig } from '#runtime/config.ts';
import type { Group } from './group.ts';
import { postgresGroup } from './postgres-group.ts';
import { zookeeperGroup } from './zookeeper-group.ts';

/**
 * Asks the servers that the settings of `environment` name who leads and who is missing, all at once, some seconds at most.
 * A server that is away is in the answer. Throws ConfigError, which names every setting that is wrong.
 */
export async function readGroups(environment: Readonly<Record<string, string | undefined>>): Promise<Group[]> {
  const config = readConfig(settings, ['SECKILL_ZOOKEEPER', 'SECKILL_DATABASE_URL'], environment);
  return Promise.all([zookeeperGroup(config.SECKILL_ZOOKEEPER), postgresGroup(config.SECKILL_DATABASE_URL)]);
}
