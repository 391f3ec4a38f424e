import { newOrderId } from '#contract/order.ts';
import { saleFileSchema } from '#contract/sale.ts';
import { signTicket } from '#contract/ticket.ts';
import { readTicketKeys } from '#infra/cli/keys/ticket-keys-file.ts';
import { openConnections } from '#infra/cli/kit/connections.ts';
import { changeSaleState, preloadSale } from '#sales/sale-state.ts';

const hourMs = 3_600_000;

/** Open sales of one unit each, made by the calls that `seckill sale create`, `stock preload` and `sale open` make. */
export type SmallSales = {
  saleIds: string[];
  /** A ticket of a new user. */
  ticketFor: (saleId: string) => { ticket: string; orderId: string };
  /** Puts an order's unit back on sale; throws unless it was this call that did. */
  release: (saleId: string, orderId: string) => Promise<void>;
  close: () => Promise<void>;
};

export async function openSmallSales(environment: Record<string, string>, count: number): Promise<SmallSales> {
  const connections = await openConnections(environment);
  const keys = await readTicketKeys(environment);
  const saleIds = Array.from({ length: count }, (_, nth) => `small-${nth + 1}-${crypto.randomUUID().slice(0, 8)}`);
  const open = async (saleId: string) => {
    const now = Date.now();
    const file = saleFileSchema.parse({
      saleId,
      title: 'One of a kind',
      price: { amount: 1999, currency: 'CNY' },
      units: 1,
      opensAt: new Date(now - 60_000).toISOString(),
      closesAt: new Date(now + hourMs).toISOString(),
    });
    await connections.catalogue.create(file);
    const sale = await connections.catalogue.find(saleId);
    if (sale === null) throw new Error(`${saleId} was created and is not there`);
    await preloadSale(connections, sale, 1);
    await changeSaleState(connections, saleId, 'open');
  };
  try {
    for (const saleId of saleIds) await open(saleId);
  } catch (error) {
    await connections.close();
    throw error;
  }
  return {
    saleIds,
    ticketFor(saleId) {
      const orderId = newOrderId(saleId, Date.now());
      const ticket = { orderId, userId: crypto.randomUUID(), expiresAtMs: Date.now() + hourMs };
      return { orderId, ticket: signTicket(ticket, keys) };
    },
    async release(saleId, orderId) {
      const { kind } = await connections.stock.release(saleId, orderId);
      if (kind !== 'released') throw new Error(`${orderId} was not released: ${kind}`);
    },
    close: connections.close,
  };
}
