import type { SettingName } from '#contract/settings.ts';

/** Where the servers are: what nearly every command needs to know. */
export const neededSettings = [
  'SECKILL_STOCK_REDIS_URL',
  'SECKILL_QUEUE_REDIS_URL',
  'SECKILL_ZOOKEEPER',
  'SECKILL_DATABASE_URL',
] as const satisfies SettingName[];
