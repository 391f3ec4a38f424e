import { expect, test } from 'vitest';
import { type AcceptedOrder, newOrderId } from '#contract/order.ts';
import type { ShownOrder } from '#contract/shown-order.ts';
import { createLogger } from '#runtime/logger.ts';
import { StockFault } from '#stock/fault.ts';
import type { CommitOutcome } from '#stock/outcomes.ts';
import type { StoreOutcome } from '../orders/order-store.ts';
import { createCommitBatch, PoisonOrder } from './commit-batch.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const order = (saleId: string, userId = 'u'): AcceptedOrder => ({
  orderId: newOrderId(saleId, 1),
  saleId,
  userId,
  quantity: 1,
  place: 1,
  acceptedAt: 1,
});
const shown: ShownOrder = { version: 1, state: 'awaiting_payment', payByMs: 1, amount: 1, currency: 'CNY' };
const sqlError = (code: string) => Object.assign(new Error(code), { code });

function batchWith(options: {
  store?: (orders: readonly AcceptedOrder[]) => Promise<StoreOutcome[]>;
  commit?: (saleId: string, ids: readonly string[]) => Promise<CommitOutcome[]>;
  wait?: () => Promise<void>;
}) {
  const committed: string[] = [];
  const handedOn: string[] = [];
  const commitAll: typeof options.commit = async (_saleId, ids) => {
    committed.push(...ids);
    return ids.map(() => 'committed');
  };
  const { commit = commitAll } = options;
  let waits = 0;
  const commitBatch = createCommitBatch({
    store: { store: options.store ?? (async (orders) => orders.map(() => ({ kind: 'stored', shown }))) },
    stock: {
      commitShown: async (saleId, stored) => {
        const ids = stored.map(({ orderId }) => orderId);
        const replies = await commit(saleId, ids);
        return ids.map((orderId, index) => [orderId, replies[index] ?? 'unknown']);
      },
    },
    logger,
    wait: async () => {
      waits += 1;
      await options.wait?.();
    },
    onStoredOrders: (orders) => handedOn.push(...orders.map(({ orderId }) => orderId)),
  });
  return { commitBatch, committed, handedOn, waits: () => waits };
}

test('reservations are committed by sale, and only after the rows are stored', async () => {
  const steps: string[] = [];
  const { commitBatch } = batchWith({
    store: async (orders) => {
      steps.push(`store ${orders.length}`);
      return orders.map(() => ({ kind: 'stored', shown }));
    },
    commit: async (saleId, ids) => {
      steps.push(`commit ${saleId} ${ids.length}`);
      return ids.map(() => 'committed');
    },
  });
  await commitBatch([order('a'), order('b'), order('a')]);
  expect(steps).toEqual(['store 3', 'commit a 2', 'commit b 1']);
});

test('a process that ends while the database is away gives its batch up, and calls no order unstorable (I3)', async () => {
  const ends = Object.assign(new Error('The operation was aborted'), { name: 'AbortError', code: 'ABORT_ERR' });
  const away = (orders: readonly AcceptedOrder[]) =>
    Promise.reject(orders.length > 1 && alone ? sqlError('23514') : sqlError('57P03'));
  let alone = false;
  for (alone of [false, true]) {
    const { commitBatch } = batchWith({ store: away, wait: () => Promise.reject(ends) });
    await expect(commitBatch([order('a'), order('b')])).rejects.toBe(ends);
  }
});

test('while the database or stock Redis is away the batch waits; nothing fails', async () => {
  let stored = 0;
  let commits = 0;
  const { commitBatch, waits } = batchWith({
    store: async (orders) => {
      stored += 1;
      if (stored < 4) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
      return orders.map(() => ({ kind: 'stored', shown }));
    },
    commit: async (_saleId, ids) => {
      commits += 1;
      if (commits < 3) throw new StockFault('unavailable', 'down');
      return ids.map(() => 'committed');
    },
  });
  expect(await commitBatch([order('a')])).toEqual([{ kind: 'stored', shown }]);
  expect(waits()).toBe(5);
});

test('a poison order fails alone, its batch is stored without it', async () => {
  const poison = order('a', 'poison');
  const { commitBatch, committed, handedOn } = batchWith({
    store: async (orders) => {
      if (orders.includes(poison)) throw sqlError('22P02');
      return orders.map(() => ({ kind: 'stored', shown }));
    },
  });
  const [first, second] = [order('a'), order('a')];
  const outcomes = await commitBatch([first, poison, second]);
  expect(outcomes.map((outcome) => outcome instanceof PoisonOrder)).toEqual([false, true, false]);
  expect(committed).toEqual([first.orderId, second.orderId]);
  expect(handedOn).toEqual(committed); // what expires them hears of stored orders only
});

test('an order of a sale that the catalogue does not have is poison, and is not committed', async () => {
  const { commitBatch, committed } = batchWith({
    store: async (orders) => orders.map(() => ({ kind: 'sale_unknown' })),
  });
  const [outcome] = await commitBatch([order('ghost')]);
  expect(outcome).toBeInstanceOf(PoisonOrder);
  expect(committed).toEqual([]);
});

test('an order that was stored before is committed again: the crash may have come in between', async () => {
  const { commitBatch, committed } = batchWith({
    store: async (orders) => orders.map(() => ({ kind: 'already', shown })),
  });
  const again = order('a');
  await commitBatch([again]);
  expect(committed).toEqual([again.orderId]);
});
