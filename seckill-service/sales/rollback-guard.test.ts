import { expect, test } from 'vitest';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { createLogger } from '#runtime/logger.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { StockFault } from '#stock/fault.ts';
import type { SetStateOutcome } from '#stock/outcomes.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import type { SaleWitness } from './catalogue.ts';
import { createRollbackGuard } from './rollback-guard.ts';

const saleId = 'autumn';
const onSale: StockSale = {
  ...{ state: 'open', epoch: 3, total: 1000, free: 500, returned: 0, committed: 0, withheld: 0, skipped: 0 },
  ...{ opensAtMs: 0, closesAtMs: Date.now() + 3_600_000, limitPerUser: 1, fault: null },
} as unknown as StockSale;
const node = { saleId, title: 'x', price: { amount: 1, currency: 'CNY' }, challenge: 'none' };
const window = { opensAt: '2026-11-11T00:00:00.000Z', closesAt: '2026-11-12T00:00:00.000Z' };

/** A guard among servers that hold what `world` says; what it did is in `paused` and `published`. */
function guardIn(world: {
  sale?: StockSale | null;
  reservations?: string[];
  witness?: SaleWitness | Error;
  published?: object | 'silent';
  outcome?: SetStateOutcome;
  /** The connection is another one as soon as the pause was written. */
  isMoved?: boolean;
}) {
  let link = 0;
  const paused: string[] = [];
  const published: { state?: string; epoch?: number }[] = [];
  const guard = createRollbackGuard({
    catalogue: {
      witnesses: async () => {
        if (world.witness instanceof Error) throw world.witness;
        return world.witness === undefined ? [] : [world.witness];
      },
    },
    zookeeper: {
      ready: () => null,
      read: async (path: string) => {
        if (world.published === 'silent') throw new Error('no answer');
        if (world.published === undefined || path !== zookeeperPaths.sale(saleId)) return null;
        const limits = { perUser: 1 };
        return { data: Buffer.from(JSON.stringify({ ...node, window, limits, ...world.published })), version: 1 };
      },
      write: async (_path: string, data: Buffer) => {
        published.push(JSON.parse(data.toString()));
        return true;
      },
    } as unknown as ZooKeeper, // of which it uses these
    logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }),
    onRollback: () => undefined,
  });
  const stock = {
    sales: async () => (world.sale === null ? [] : [saleId]),
    eachSale: async () => new Map([[saleId, world.sale ?? null]]),
    withoutReservation: async (_saleId: string, ids: readonly string[]) =>
      ids.filter((id) => !(world.reservations ?? []).includes(id)),
    barrier: async <T>(_saleId: string, write: () => Promise<T>) => {
      const [mine, written] = [link, await write()];
      if (mine !== link) throw new StockFault('unknown', 'the connection was lost');
      return written;
    },
    pauseForFault: async (_saleId: string, fault: string) => {
      paused.push(fault);
      if (world.isMoved) link += 1;
      return world.outcome ?? { kind: 'done' as const, state: 'paused' as const, epoch: 9 };
    },
  };
  return { guard, paused, published, check: (needsWitness = false) => guard.check(stock, { needsWitness }) };
}

test('an order that this process saw granted is missed, though others have sold on since and the number fits (I1, I3)', async () => {
  const world = { sale: onSale, reservations: ['kept'], published: { state: 'open', epoch: 3 } };
  const { guard, check, paused } = guardIn(world);
  guard.sawOrder(saleId, 499, 'kept');
  expect(await check()).toEqual([]);
  guard.sawOrder(saleId, 500, 'lost');
  expect(await check()).toEqual([saleId]);
  expect(paused).toEqual([expect.stringContaining('such as lost')]);
  expect(await check()).toEqual([]); // it said so; what is true now is a rebuild's to say
});

test('it remembers its newest orders, however many there were', async () => {
  const world = { sale: onSale, reservations: [] as string[], published: { state: 'open', epoch: 3 } };
  const { guard, check } = guardIn(world);
  for (let place = 1; place <= 400; place += 1) guard.sawOrder(saleId, place, `order-${place}`);
  world.reservations = Array.from({ length: 20 }, (_, index) => `order-${381 + index}`);
  expect(await check()).toEqual([]);
  // One shopper who asks again and again does not push the others out.
  for (let press = 0; press < 50; press += 1) guard.sawOrder(saleId, 400, 'order-400');
  world.reservations.shift();
  expect(await check()).toEqual([saleId]);
});

test('where nobody can say what was sold, and this process has not seen it, nothing is let through', async () => {
  const away = { witness: new Error('starting up'), published: 'silent' as const };
  const strange = guardIn({ sale: onSale, ...away });
  await expect(strange.check(true)).rejects.toThrow(/says what was sold of autumn/);
  const known = guardIn({ sale: onSale, reservations: ['mine'], ...away });
  known.guard.sawOrder(saleId, 7, 'mine');
  expect(await known.check(true)).toEqual([]);
  const over = guardIn({ sale: { ...onSale, closesAtMs: Date.now() - 600_000 }, ...away });
  expect(await over.check(true)).toEqual([]);
  // What a Redis with an older past says of itself is no evidence: ops may resume it without anybody's help.
  await expect(guardIn({ sale: { ...onSale, state: 'paused' }, ...away }).check(true)).rejects.toThrow();
});

test('after a loss that everybody knows of, what this process saw before is no evidence against the rebuilt sale', async () => {
  const world: Parameters<typeof guardIn>[0] = { sale: null, published: { state: 'paused', epoch: 4 } };
  const { guard, check } = guardIn(world);
  guard.sawOrder(saleId, 900, 'never stored');
  expect(await check()).toEqual([]);
  world.sale = onSale;
  world.published = { state: 'open', epoch: 3 };
  expect(await check()).toEqual([]);
  // The same where another service has seen it and paused the sale.
  guard.sawOrder(saleId, 900, 'never stored');
  guard.forget(saleId);
  expect(await check()).toEqual([]);
});

test('a sale that ops have closed in that moment is published as closed', async () => {
  const outcome = { kind: 'not_allowed' as const, state: 'closed' as const, epoch: 5 };
  const { guard, check, published } = guardIn({ sale: onSale, published: { state: 'open', epoch: 3 }, outcome });
  guard.sawOrder(saleId, 501, 'lost');
  await check();
  expect(published).toMatchObject([{ state: 'closed', epoch: 5 }]);
});

test('a pause whose server may be lost is not told: its epoch would be evidence against the next one', async () => {
  const { guard, check, paused, published } = guardIn({
    sale: onSale,
    published: { state: 'open', epoch: 3 },
    isMoved: true,
  });
  guard.sawOrder(saleId, 501, 'lost');
  expect(await check()).toEqual([saleId]);
  expect([paused.length, published]).toEqual([1, []]);
});
