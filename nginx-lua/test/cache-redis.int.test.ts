import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { publicSaleKey } from '#contract/redis-keys.ts';
import { makeCertificate } from '#lab/kits/certificate.ts';
import { knowsNone } from '#lab/kits/sale-tiers.ts';
import { poll } from '#lab/poll.ts';
import { ask, saleOf, startEdge } from '#lab/servers/edge.ts';
import { startRedis } from '#lab/servers/redis.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';

test('the cache Redis may want a password', async () => {
  const guarded = await startEdge({}, [], {
    values: (dir) => ({ cacheRedis: join(dir, 'redis.sock'), cacheRedisPasswordFile: join(dir, 'redis-password') }),
    beforeStart: (config) => writeFile(join(config, '../../redis-password'), 'of the cache\n'),
  });
  const server = await startRedis({ socket: join(guarded.dir, 'redis.sock'), password: 'of the cache' });
  try {
    await server.client.set(publicSaleKey('a'), JSON.stringify(saleOf('a', { epoch: 3 })));
    // A Redis that is late by 200 ms is passed over: then once more.
    await poll('Redis is asked', async () => {
      guarded.gateway.seen.length = 0;
      return JSON.parse((await ask(guarded, '/api/sales/a')).text).epoch === 3;
    });
    expect(guarded.gateway.seen).toEqual([]);
  } finally {
    await guarded.stop();
    await server.stop();
  }
});

test.each([
  { who: 'its authority', isTrusted: true },
  { who: 'another authority', isTrusted: false },
])('the cache Redis may want TLS and an ACL user; an edge that trusts $who', async ({ isTrusted }) => {
  const [dir, other] = [temporaryDirectory('cache-tls'), temporaryDirectory('cache-tls-other')];
  const { certificate, certificateKey } = makeCertificate(dir);
  const { certificate: stranger } = makeCertificate(other);
  const passwordFile = join(dir, 'password');
  await writeFile(passwordFile, 'of the edge\n');
  const tls = { certificate, certificateKey, authority: certificate };
  const server = await startRedis({ user: 'edge', password: 'of the edge', tls });
  const secured = await startEdge({}, [], {
    values: () => ({
      cacheRedis: `127.0.0.1:${new URL(server.url).port}`,
      cacheRedisPasswordFile: passwordFile,
      cacheRedisUser: 'edge',
      cacheRedisTls: { authorities: isTrusted ? certificate : stranger, serverName: 'localhost' },
    }),
  });
  try {
    await server.client.set(publicSaleKey('a'), JSON.stringify(saleOf('a', { epoch: 3 })));
    secured.gateway.answer = knowsNone;
    await poll('an answer', async () => {
      secured.gateway.seen.length = 0;
      const { status, text } = await ask(secured, '/api/sales/a');
      if (!isTrusted) return status === 404 && secured.gateway.seen.length > 0;
      return secured.gateway.seen.length === 0 && JSON.parse(text).epoch === 3;
    });
  } finally {
    await secured.stop();
    await server.stop();
  }
});
