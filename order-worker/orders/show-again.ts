import type { PoolClient } from '#runtime/postgres/connect.ts';

/**
 * Has an order's picture drawn again whose row has not moved, in the caller's transaction: something became of its
 * payment. No event, so that only the outbox' consumer `stock` hears of it. `nudge` the outbox after the commit.
 */
export async function showAgain(client: Pick<PoolClient, 'query'>, orderId: string): Promise<void> {
  await client.query(
    `INSERT INTO outbox (consumer, seq, order_id)
     SELECT 'stock', nextval(pg_get_serial_sequence('order_events', 'seq')), $1`,
    [orderId],
  );
}
