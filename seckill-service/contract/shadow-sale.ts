import { saleIdOfOrder } from './order.ts';

/**
 * Sales of load tests: everything about them is real but the selling. Their orders are never charged and no subscriber
 * (warehouse, points, messages) is told of them; `sale create` makes none, only `seckill loadtest` does. No list shows
 * them, and they have no page. The edge's twin is `SHADOW` in nginx-lua/lua/seckill/sales.lua.
 */
export const shadowSalePrefix = 'shadow-';

export const isShadowSale = (saleId: string): boolean => saleId.startsWith(shadowSalePrefix);

/** Whether an order belongs to a shadow sale. */
export function isShadowOrder(orderId: string): boolean {
  const saleId = saleIdOfOrder(orderId);
  return saleId !== null && isShadowSale(saleId);
}

/**
 * Sales of `seckill sale check`: in ZooKeeper alone, for a moment, without stock; one for each check that runs at a time.
 * No rehearsal is called so: its id ends in a number.
 */
export const checkSaleIds = [...'abcdefgh'].map((letter) => `${shadowSalePrefix}check-${letter}`);

export const isCheckSale = (saleId: string): boolean => checkSaleIds.includes(saleId);
