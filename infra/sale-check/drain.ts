import { drainKeys, readDrainReports } from '#contract/drain.ts';
import { readDrainSettings } from '#order-worker/drain/settings.ts';
import { counted } from '#runtime/counted.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { type Found, pass, warn } from './finding.ts';

/** Whether accepted orders will be stored, and how long the last of them waits. Orders are safe meanwhile: no failure. */
export async function checkDrain(zookeeper: ZooKeeper, queueRedis: Redis, units: number): Promise<Found> {
  const [settings, reports] = await Promise.all([readDrainSettings(zookeeper), queueRedis.hgetall(drainKeys.reports)]);
  if (settings.paused) return warn('the drain is paused: orders wait', 'seckill drain resume');
  if (readDrainReports(reports, Date.now()).length === 0) {
    return warn('no order-worker has reported: orders wait until one is there', 'seckill status');
  }
  const { ratePerSecond } = settings;
  if (ratePerSecond === null) return pass('no limit on the rate');
  const seconds = Math.ceil(units / ratePerSecond);
  const says = `${counted(ratePerSecond, 'order')}/s: the last of ${units} is stored after about ${seconds} s`;
  return seconds > 300 ? warn(says, 'seckill drain rate <n/s>') : pass(says);
}
