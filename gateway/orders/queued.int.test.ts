import { afterAll, afterEach, expect, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { startReplicatedRedis } from '#lab/servers/replicated-redis.ts';
import { createStock } from '#stock/create-stock.ts';
import { createOrderReader } from './read-orders.ts';

const servers = await startReplicatedRedis(1);
afterAll(() => servers.stop());
afterEach(() => servers.resumeReplicas());
const stock = createStock(servers.connect('patient'));
const pool = {
  query: () => {
    throw new Error('PostgreSQL is not asked');
  },
};
/** Not of the hot kind: a machine that stands still for a second is no fault here. */
const readerOf = (replicas: number) => createOrderReader({ redis: servers.connect('patient'), replicas, pool });

/** An order of a sale of its own, which was granted. */
async function granted(): Promise<{ saleId: string; orderId: string }> {
  const saleId = `queued-${crypto.randomUUID().slice(0, 8)}`;
  const window = { opensAtMs: Date.now() - 1000, closesAtMs: Date.now() + 600_000 };
  await stock.preload(saleId, { total: 2, limitPerUser: 1, lowestEpoch: 0, ...window });
  await stock.setState(saleId, 'open');
  const orderId = `${saleId}-${'0'.repeat(26)}`;
  await stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 });
  return { saleId, orderId };
}

test('no shopper is told that an order is queued before a replica has it; one that is stored is shown', async () => {
  const [read, alone] = [readerOf(1), readerOf(0)];
  const [queued, stored] = [await granted(), await granted()];
  const shown = { version: 1, state: 'awaiting_payment' as const, payByMs: 1, amount: 100, currency: 'CNY' };
  const record = await poll('a replica to have it', () => read(queued.orderId).catch(() => null));
  expect(record).toMatchObject({ orderId: queued.orderId, reservation: { state: 'held', place: 1 }, shown: null });

  servers.pauseReplicas();
  await expect(read(queued.orderId)).rejects.toMatchObject({ kind: 'unknown' });
  await stock.show(stored.saleId, [{ orderId: stored.orderId, ...shown }]);
  expect(await read(stored.orderId)).toMatchObject({ shown: { state: 'awaiting_payment' } });
  expect(await read(`${queued.saleId}-${'1'.repeat(26)}`)).toBe(null);
  // Without replicas to wait for, the reservation is what there is.
  expect(await alone(queued.orderId)).toMatchObject({ reservation: { state: 'held' } });
});
