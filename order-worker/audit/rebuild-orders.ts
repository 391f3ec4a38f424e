import type { Queue } from 'bullmq';
import type { Stock } from '#stock/stock.ts';
import { enqueueOrders, grantedOrder, stillGranted } from '../drain/granted-orders.ts';
import type { OrderStore } from '../orders/order-store.ts';
import { countOrders } from '../queue/queued-orders.ts';
import {
  createLostOrders,
  eachGrantedOrder,
  type GrantedOrder,
  isBehind,
  type LostOrders,
  type LostOrdersDeps,
} from './lost-orders.ts';

type Deps = LostOrdersDeps & {
  stock: LostOrdersDeps['stock'] & Pick<Stock, 'barrier' | 'forgetPictures' | 'show'>;
  store: LostOrdersDeps['store'] & Pick<OrderStore, 'present'>;
  queue: LostOrdersDeps['queue'] & Pick<Queue, 'getJobCounts' | 'remove' | 'addBulk'>;
};

/** Orders, as the relay has it: with more the drain has enough to do, and queue Redis enough to hold. */
const fullQueue = 10_000;

export type RebuiltOrders = Omit<LostOrders, 'lost'> & {
  /** Orders that were put back into the queue, and their units. */
  putBack: LostOrders['lost'];
};

/**
 * Puts every order of a sale back into the queue whose reservation stands and which the database has forgotten; the drain
 * stores it as it stores any other. Pictures that show more than the database knows are drawn anew. A look of its own, page
 * by page, so that it may come any time after the first one and be broken off: again changes nothing more.
 */
export async function rebuildOrders(
  deps: Deps,
  saleId: string,
  hooks: { onLooked?: (count: number) => void; onFull?: () => void } = {},
): Promise<RebuiltOrders> {
  const { stock, store, queue, rest } = deps;
  const { onLooked = () => {}, onFull = () => {} } = hooks;
  const { found, add } = createLostOrders(saleId);

  async function roomInQueue(): Promise<void> {
    for (;;) {
      const { waiting, active } = await countOrders(queue);
      if (waiting + active < fullQueue) return;
      onFull();
      await rest();
    }
  }

  /** Those of them that were put on the queue. */
  async function enqueue(missing: readonly GrantedOrder[]): Promise<readonly GrantedOrder[]> {
    if (missing.length === 0) return missing;
    await roomInQueue();
    const lost = await stillGranted(stock, saleId, missing);
    if (lost.length === 0) return lost;
    // Their rows begin anew: a picture of the row that was would never give way to theirs.
    await stock.forgetPictures(
      saleId,
      lost.flatMap(({ orderId, shown }) => (shown === null ? [] : [orderId])),
    );
    // A job of its own that is done and still stands there would keep out the one that it may need. One that runs is locked, and stays.
    await Promise.all(lost.map(({ orderId }) => queue.remove(orderId)));
    await enqueueOrders(
      queue,
      saleId,
      lost.map(({ orderId, reservation }) => grantedOrder(saleId, orderId, reservation)),
    );
    return lost;
  }

  async function drawAnew(behind: readonly GrantedOrder[]): Promise<void> {
    const ids = behind.map(({ orderId }) => orderId);
    if (ids.length === 0) return;
    await stock.forgetPictures(saleId, ids);
    // Read after that: a row that moves on later is shown by what moves it.
    const rows = await store.present(ids);
    await stock.show(
      saleId,
      [...rows].map(([orderId, shown]) => ({ orderId, ...shown })),
    );
  }

  await eachGrantedOrder(deps, saleId, async (orders) => {
    const lost = await enqueue(orders.filter(({ at }) => at === 'lost'));
    for (const order of [...orders.filter(({ at }) => at !== 'lost'), ...lost]) add(order);
    await drawAnew(orders.filter(isBehind));
    onLooked(orders.length);
  });
  const { lost: putBack, ...seen } = found;
  return { ...seen, putBack };
}
