/** Every key in stock Redis. One hash tag per sale, so a sale's script runs on one slot of a cluster. */
export type SaleKeys = {
  sale: string;
  stock: string;
  buyers: string;
  reservations: string;
  outbox: string;
  orders: string;
  /** Written before each wait for replicas: what it holds says nothing. */
  fence: string;
};

export const saleKeys = (saleId: string): SaleKeys => keysBelow(`seckill:{${saleId}}:`);

/** Keys of a dry purchase, in the slot of the sale's own; they live inside one transaction. `nonce`: of this one alone. */
export const rehearsalKeys = (saleId: string, nonce: string): SaleKeys =>
  keysBelow(`seckill:{${saleId}}:rehearsal:${nonce}:`);

function keysBelow(prefix: string): SaleKeys {
  return {
    sale: `${prefix}sale`,
    stock: `${prefix}stock`,
    buyers: `${prefix}buyers`,
    reservations: `${prefix}reservations`,
    outbox: `${prefix}outbox`,
    orders: `${prefix}orders`,
    fence: `${prefix}fence`,
  };
}

/**
 * In the cache Redis, for a moment: JSON of the EdgeSale, respectively of all EdgeSales that may be listed, as the gateway
 * read them last. Written by gateway/sales, read by nginx-lua/lua/seckill/tiers.lua.
 */
export const publicSaleKey = (saleId: string): string => `seckill:{${saleId}}:public`;
export const publicSalesKey = 'seckill:sales:public';

/** Set of the sale ids whose stock lives in this Redis: what the relay, the sweeper and the reconciler walk. */
export const salesRegistryKey = 'seckill:sales';

/** Consumer group of the relays on every outbox stream. */
export const relayGroup = 'relay';
