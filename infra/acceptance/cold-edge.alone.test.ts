import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { publicSaleKey } from '#contract/redis-keys.ts';
import { publicSaleSchema } from '#contract/sale.ts';
import { newSaleId, openSale, seckillJson } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { type Field, openField } from '../chaos/field.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

/** A stack of its own, whose links can be cut. */
let field: Field;
let dir: string;
const saleId = newSaleId('cold');

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cold-edge-'));
  field = await openField({ dir, environment: process.env });
  await openSale(field.stack.environment, { saleId, units: 3 });
});
afterAll(async () => {
  await field?.close();
  await rm(dir, { recursive: true, force: true });
});

const ask = async (path: string, method = 'GET') => {
  try {
    const answer = await fetch(`${field.stack.edgeUrl}${path}`, { method });
    return { status: answer.status, body: (await answer.json()) as unknown };
  } catch {
    return { status: 0, body: null };
  }
};
/** Null while the edge cannot tell. */
const shown = async () => publicSaleSchema.safeParse((await ask(`/api/sales/${saleId}`)).body).data ?? null;
const codeOf = (body: unknown) => (body as { code?: string } | null)?.code;
const aWhile = { timeout: 45_000 };
const kill = async (name: string) => {
  const pid = field.pidOf(name);
  if (pid === null) throw new Error(`${name} does not run`);
  process.kill(pid, 'SIGKILL');
  await poll(`${name} to be another process`, async () => ![pid, null].includes(field.pidOf(name)));
};

test('an edge and a gateway that start while ZooKeeper is away show the sale as it is, and sell nothing until it is back', async () => {
  const before = await poll('the sale to be shown', shown);
  for (const link of field.links('zookeeper', 'gateway-1')) link.mode('cut');
  await kill('gateway-1');
  await kill('edge');

  const after = await poll('the sale to be shown again', shown);
  expect({ ...after, now: '' }).toEqual({ ...before, now: '' });
  // A tier that does not answer in time is passed over for a second.
  await expect.poll(async () => (await ask('/api/sales')).body, aWhile).toMatchObject({ sales: [{ saleId }] });
  await expect.poll(async () => (await ask('/api/sales/nobody-knows')).status, aWhile).toBe(404);
  // What is shown may come from anywhere; what is sold needs the stream.
  expect(await ask(`/api/sales/${saleId}/orders`, 'POST')).toMatchObject({
    status: 503,
    body: { code: 'UNAVAILABLE' },
  });

  const cache = new Redis(field.stack.environment.SECKILL_QUEUE_REDIS_URL ?? '');
  // It stays for 2 s, so it is asked for again until it is seen: not longer than that, and not for ever.
  await poll('the gateway to leave the sale in the cache, for a while', async () => {
    await ask(`/api/sales/${saleId}`);
    return (await cache.ttl(publicSaleKey(saleId))) > 0;
  });
  cache.disconnect();

  // Ops pause the sale: PostgreSQL and stock Redis know, ZooKeeper tells this edge nothing.
  await seckillJson(field.stack.environment, 'sale', 'pause', saleId);
  const paused = await poll('the pause to be shown', async () => {
    const sale = await shown();
    return sale?.state === 'paused' && sale;
  });
  expect(paused.epoch).toBeGreaterThan(before.epoch);

  for (const link of field.links('zookeeper', 'gateway-1')) link.mode('pass');
  await poll(
    'the stream to tell of the pause',
    async () => codeOf((await ask(`/api/sales/${saleId}/orders`, 'POST')).body) === 'PAUSED',
  );
  await seckillJson(field.stack.environment, 'sale', 'resume', saleId);
  await poll(
    'the sale to be open again',
    async () => (await ask(`/api/sales/${saleId}/orders`, 'POST')).status === 415,
  );
});
