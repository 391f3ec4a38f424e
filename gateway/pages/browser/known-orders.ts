import type { Store } from './store.ts';
import { ordersPrefix } from './token.ts';

const prefix = `seckill.${ordersPrefix}`;

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
