import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { settings } from '#contract/settings.ts';
import { makeCertificate } from '#lab/kits/certificate.ts';
import { startRedis } from '#lab/servers/redis.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { createStock } from '#stock/create-stock.ts';
import { ConfigError } from '../config.ts';
import { createLogger } from '../logger.ts';
import { connectRedis, disconnectRedis } from './connect.ts';

const [own, other] = [temporaryDirectory('redis-tls'), temporaryDirectory('redis-tls-other')];
const { certificate, certificateKey } = makeCertificate(own);
const { certificate: stranger } = makeCertificate(other);
const server = await startRedis({
  ...{ user: 'shop', password: 'of the shop: /@' },
  tls: { certificate, certificateKey, authority: certificate },
});
afterAll(() => server.stop());
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

/** The URL as an operator writes it: an ACL user, a password with signs, and whom to trust. */
function urlWith(authority: string | null): string {
  const url = new URL(server.url);
  if (authority !== null) url.searchParams.set('sslrootcert', authority);
  return settings.SECKILL_STOCK_REDIS_URL.parse(url.href);
}
function connect(kind: Parameters<typeof connectRedis>[0], url: string) {
  const redis = connectRedis(kind, url, logger);
  onTestFinished(() => disconnectRedis(redis));
  return redis;
}

test.each(['hot', 'queue', 'patient', 'listening'] as const)(
  'a %s connection speaks TLS with a private authority, as an ACL user',
  async (kind) => {
    const redis = connect(kind, urlWith(certificate));
    if (redis.status !== 'ready') await new Promise((resolve) => redis.once('ready', resolve));
    expect(await redis.call('ACL', 'WHOAMI')).toBe('shop');
  },
);

test('the rights that docs/redis.md names are enough for the stock', async () => {
  const stock = createStock(connect('patient', urlWith(certificate)));
  const window = { opensAtMs: Date.now() - 1000, closesAtMs: Date.now() + 60_000 };
  await stock.preload('tls', { total: 1, limitPerUser: 1, lowestEpoch: 0, ...window });
  await stock.setState('tls', 'open');
  const orderId = newOrderId('tls', Date.now());
  expect(await stock.reserve('tls', { orderId, userId: 'ada', quantity: 1 })).toMatchObject({ kind: 'accepted' });
  expect(await stock.sales()).toEqual(['tls']);
});

test("BullMQ's own connections do the same", async () => {
  const queue = new Queue('x', { connection: connect('queue', urlWith(certificate)).duplicate() });
  onTestFinished(() => queue.disconnect());
  await queue.add('job', {});
  expect(await queue.getWaitingCount()).toBe(1);
});

test.each([
  ['is not known', null],
  ['is another one', stranger],
])('a server whose authority %s is not spoken to', async (_how, authority) => {
  const redis = connect('patient', urlWith(authority));
  const error = await new Promise<Error>((resolve) => redis.once('error', resolve));
  expect(error.message).toMatch(/self-signed certificate/);
});

test('a server under another name than its certificate has is not spoken to', async () => {
  const url = new URL(urlWith(certificate));
  url.hostname = '127.0.0.2'; // every 127.… is this machine, and the certificate does not name it
  const redis = connect('patient', url.href);
  const error = await new Promise<Error>((resolve) => redis.once('error', resolve));
  expect(error.message).toMatch(/does not match|ECONNREFUSED/);
});

test('authorities in a pipe or a device, which have no end, are refused at once', () => {
  const pipe = join(other, 'ca.pipe');
  execFileSync('mkfifo', [pipe]);
  expect(() => connect('hot', urlWith(pipe))).toThrow(
    /sslrootcert of rediss:.*ca\.pipe: the file is a pipe: name a regular file/,
  );
  expect(() => connect('hot', urlWith('/dev/zero'))).toThrow(/\/dev\/zero: the file is a device: name a regular file/);
});

test('authorities that cannot be read, or that a plain connection would not use, end the start with a reason', () => {
  expect(() => connect('hot', urlWith('/nowhere/ca.pem'))).toThrow(ConfigError);
  expect(() => connect('hot', urlWith('/nowhere/ca.pem'))).toThrow(/sslrootcert of rediss:.*\/nowhere\/ca\.pem/);
  for (const wrong of ['redis://h:1?sslrootcert=/ca.pem', 'rediss://h:1?sslrootcert=ca.pem']) {
    expect(settings.SECKILL_STOCK_REDIS_URL.safeParse(wrong).success).toBe(false);
  }
});
