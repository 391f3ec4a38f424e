/** Every key in stock Redis. One hash tag per sale, so a sale's script runs on one slot of a cluster. */
export type SaleKeys = { sale: string; stock: string; buyers: string; reservations: string; outbox: string };

export function saleKeys(saleId: string): SaleKeys {
  const prefix = `seckill:{${saleId}}:`;
  return {
    sale: `${prefix}sale`,
    stock: `${prefix}stock`,
    buyers: `${prefix}buyers`,
    reservations: `${prefix}reservations`,
    outbox: `${prefix}outbox`,
  };
}

/** Set of the sale ids whose stock lives in this Redis: what the relay, the sweeper and the reconciler walk. */
export const salesRegistryKey = 'seckill:sales';

/** Consumer group of the relays on every outbox stream. */
export const relayGroup = 'relay';
