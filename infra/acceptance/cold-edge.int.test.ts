import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { publicSaleKey } from '#contract/redis-keys.ts';
import { publicSaleSchema } from '#contract/sale.ts';
import { type Field, openField } from '../chaos/field.ts';
import { newSaleId, openSale, seckill, until } from './seckill.ts';

/** A stack of its own, whose links can be cut. */
let field: Field;
let dir: string;
const saleId = newSaleId('cold');

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cold-edge-'));
  field = await openField({ dir, environment: process.env });
  await openSale(field.stack.environment, dir, { saleId, units: 3 });
});
afterAll(async () => {
  await field?.close();
  await rm(dir, { recursive: true, force: true });
});

const ask = async (path: string, method = 'GET') => {
  const answer = await fetch(`${field.stack.edgeUrl}${path}`, { method }).catch(() => null);
  return answer === null
    ? { status: 0, body: null }
    : { status: answer.status, body: (await answer.json()) as unknown };
};
const shown = async () => publicSaleSchema.parse((await ask(`/api/sales/${saleId}`)).body);
const kill = async (name: string) => {
  const pid = field.pidOf(name);
  if (pid === null) throw new Error(`${name} does not run`);
  process.kill(pid, 'SIGKILL');
  await until(`${name} to be another process`, async () => ![pid, null].includes(field.pidOf(name)));
};

test('an edge and a gateway that start while ZooKeeper is away show the sale as it is, and sell nothing until it is back', async () => {
  const before = await shown();
  for (const link of field.links('zookeeper', 'gateway-1')) link.mode('cut');
  await kill('gateway-1');
  await kill('edge');

  const after = await until('the sale to be shown again', async () => {
    const { status, body } = await ask(`/api/sales/${saleId}`);
    return status === 200 && publicSaleSchema.parse(body);
  });
  expect({ ...after, now: '' }).toEqual({ ...before, now: '' });
  expect((await ask('/api/sales')).body).toMatchObject({ sales: [{ saleId }] });
  expect((await ask('/api/sales/nobody-knows')).status).toBe(404);
  // What is shown may come from anywhere; what is sold needs the stream.
  expect(await ask(`/api/sales/${saleId}/orders`, 'POST')).toMatchObject({
    status: 503,
    body: { code: 'UNAVAILABLE' },
  });

  const cache = new Redis(field.stack.environment.SECKILL_QUEUE_REDIS_URL ?? '');
  await until(
    'the gateway to leave the sale in the cache',
    async () => (await cache.get(publicSaleKey(saleId))) !== null,
  );
  expect(await cache.ttl(publicSaleKey(saleId))).toBeGreaterThan(0);
  cache.disconnect();

  // Ops pause the sale: PostgreSQL and stock Redis know, ZooKeeper tells this edge nothing.
  await seckill(field.stack.environment, 'sale', 'pause', saleId);
  await until('the pause to be shown', async () => (await shown()).state === 'paused');
  expect((await shown()).epoch).toBeGreaterThan(before.epoch);

  for (const link of field.links('zookeeper', 'gateway-1')) link.mode('pass');
  await until(
    'the stream to tell of the pause',
    async () => ((await ask(`/api/sales/${saleId}/orders`, 'POST')).body as { code: string }).code === 'PAUSED',
  );
  await seckill(field.stack.environment, 'sale', 'resume', saleId);
  await until(
    'the sale to be open again',
    async () => (await ask(`/api/sales/${saleId}/orders`, 'POST')).status === 415,
  );
});
