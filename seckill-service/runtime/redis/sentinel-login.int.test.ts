import { afterAll, expect, onTestFinished, test } from 'vitest';
import { settings } from '#contract/settings.ts';
import { makeCertificate } from '#lab/kits/certificate.ts';
import { poll } from '#lab/poll.ts';
import { startStockTrio } from '#lab/servers/stock-trio.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { createLogger } from '../logger.ts';
import { connectRedis, disconnectRedis, redisReady } from './connect.ts';
import { readRedisTopology } from './topology.ts';

const { certificate, certificateKey } = makeCertificate(temporaryDirectory('sentinel-tls'));
const trio = await startStockTrio({
  ...{ isHurried: true, downAfterMs: 700 },
  tls: { certificate, certificateKey, authority: certificate },
  login: {
    user: 'shop',
    password: 'of the shop: /@',
    sentinelUser: 'watcher',
    sentinelPassword: 'of the sentinels: %&',
  },
});
afterAll(() => trio.stop());
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

function connect(kind: Parameters<typeof connectRedis>[0], url: string) {
  const redis = connectRedis(kind, url, logger);
  onTestFinished(() => disconnectRedis(redis));
  return redis;
}

test('TLS with a private authority, an ACL user of the servers and one of the sentinels: before a failover and after it', async () => {
  const url = settings.SECKILL_STOCK_REDIS_URL.parse(trio.url);
  const all = (['hot', 'queue', 'patient', 'listening'] as const).map((kind) => connect(kind, url));
  const areAll = (user: string) => async () =>
    (await Promise.all(all.map((redis) => redis.call('ACL', 'WHOAMI')))).every((name) => name === user);
  await poll('all are connected', areAll('shop'));
  const { primary, problems, replicas, sentinels } = await readRedisTopology(url);
  expect([problems, primary?.appendfsync, replicas.length]).toEqual([[], 'always', 2]);
  expect(sentinels.map(({ others }) => others)).toEqual([2, 2, 2]);
  const before = await trio.primary();
  await before.redis.kill();
  await trio.primary(before);
  await poll('all are connected again', areAll('shop'));
});

test('a password that the sentinels do not know is told as such', async () => {
  const redis = connect('hot', trio.url.replace('sentinels', 'santinels'));
  const words = await poll('it is known why', async () => {
    const text = await redisReady(redis)();
    return text?.includes(' ') ? text : null;
  });
  expect(words).toMatch(/^no sentinel answers \(127\.0\.0\.1:\d+: .*WRONGPASS/);
});
