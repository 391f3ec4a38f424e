import { settings, stockReplicas } from '#contract/settings.ts';
import { readConfig } from '#runtime/config.ts';
import type { Group } from './group.ts';
import { postgresGroup } from './postgres-group.ts';
import { redisGroup } from './redis-group.ts';
import { zookeeperGroup } from './zookeeper-group.ts';

/**
 * Asks the servers that the settings of `environment` name who leads and who is missing, all at once, 3 s at most. A server
 * that is away is in the answer. Throws ConfigError, which names every setting that is wrong.
 */
export async function readGroups(environment: Readonly<Record<string, string | undefined>>): Promise<Group[]> {
  const config = readConfig(
    settings,
    [
      'SECKILL_STOCK_REDIS_URL',
      'SECKILL_STOCK_REPLICAS',
      'SECKILL_QUEUE_REDIS_URL',
      'SECKILL_ZOOKEEPER',
      'SECKILL_DATABASE_URL',
    ],
    environment,
  );
  return Promise.all([
    redisGroup('stock Redis', config.SECKILL_STOCK_REDIS_URL, stockReplicas(config)),
    redisGroup('queue Redis', config.SECKILL_QUEUE_REDIS_URL, 0),
    zookeeperGroup(config.SECKILL_ZOOKEEPER),
    postgresGroup(config.SECKILL_DATABASE_URL),
  ]);
}
