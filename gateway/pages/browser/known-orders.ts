import type { Store } from './store.ts';

const prefix = 'seckill.order.';

/** Orders that were bought in this browser, as my-order.ts keeps them: the last one of each sale. */
export function knownOrders(storage: () => Storage, lasting: Store): string[] {
  try {
    return Object.keys(storage())
      .filter((name) => name.startsWith(prefix))
      .map((name) => lasting.read<unknown>(name.slice('seckill.'.length)))
      .filter((orderId) => typeof orderId === 'string');
  } catch {
    return []; // storage is denied
  }
}
