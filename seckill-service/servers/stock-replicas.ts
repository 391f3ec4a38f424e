import { metricNames } from '#contract/metric-names.ts';
import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import { Gauge, type Registry } from '#runtime/metrics.ts';
import type { Redis } from '#runtime/redis/connect.ts';

const usuallyEveryMs = 5000;
/** A replica tells its primary once a second how far it is. */
const silentForSeconds = 3;

/**
 * Tells the metrics how many replicas follow stock Redis' primary, as the primary says. `asked`: SECKILL_STOCK_REPLICAS; with 0
 * nothing is asked of any server. An answer that does not come counts as none: no yes could be told.
 */
export function watchStockReplicas(deps: {
  /** Kind `patient`: what decides purchases does not wait for this. */
  redis: Redis;
  asked: number;
  registers: Registry[];
  logger: Logger;
  everyMs?: number;
}): Loop | null {
  const { redis, asked, registers, logger, everyMs = usuallyEveryMs } = deps;
  const replicas = new Gauge({
    name: metricNames.stockReplicas,
    help: 'Replicas of stock Redis that follow its primary and are not behind, as the primary says; 0 when it does not answer',
    registers,
  });
  new Gauge({
    name: metricNames.stockReplicasAsked,
    help: 'Replicas that must have a yes before it is told (SECKILL_STOCK_REPLICAS)',
    registers,
  }).set(asked);
  if (asked === 0) return null;
  return startLoop({
    name: 'stock replicas',
    everyMs,
    logger,
    pass: async () => {
      try {
        replicas.set(followingReplicas(await redis.info('replication')));
      } catch (error) {
        replicas.set(0);
        throw error;
      }
      return 'idle';
    },
  });
}

/**
 * What is missing for a yes to be told, in words: fewer replicas follow the primary than are asked for. Null when nothing is;
 * nothing is asked of any server with 0. Rejects where the server does not answer.
 */
export async function missingReplicas(redis: Redis, asked: number): Promise<string | null> {
  if (asked === 0) return null;
  const following = followingReplicas(await redis.info('replication'));
  if (following >= asked) return null;
  const one = following === 1 ? '1 replica follows' : `${following} replicas follow`;
  return `${one} its primary, and SECKILL_STOCK_REPLICAS asks for ${asked}: nothing is sold until one does`;
}

/** Of `INFO replication`: replicas that are in step and have spoken lately. A server that is no primary has none. */
export function followingReplicas(info: string): number {
  if (!/^role:master\r?$/m.test(info)) return 0;
  const lines = [...info.matchAll(/^slave\d+:.*\bstate=(\w+),.*\blag=(-?\d+)/gm)];
  return lines.filter(([, state, lag]) => state === 'online' && Number(lag) >= 0 && Number(lag) < silentForSeconds)
    .length;
}
