import { Hono } from 'hono';
import type { Redis } from 'ioredis';
import { type OrderState, type OrderView, saleIdOfOrder } from '#contract/order.ts';
import { problemResponse } from '#contract/problems.ts';
import { saleKeys } from '#contract/redis-keys.ts';
import { parseReservation, type Reservation } from '#contract/reservation.ts';
import type { Pool } from '#runtime/postgres.ts';
import type { Authenticate } from '../tickets/session.ts';

type Row = { state: OrderState; amount: number; currency: string; pay_by: Date };

/**
 * `GET /api/orders/<orderId>`, owner only. While the order waits, its reservation in stock Redis answers; once it is
 * stored, its row does.
 */
export function createOrderApp(deps: { redis: Redis; pool: Pool; authenticate: Authenticate }): Hono {
  const { redis, pool, authenticate } = deps;
  const app = new Hono();

  app.get('/api/orders/:orderId', async (context) => {
    const userId = await authenticate(context.req.raw);
    if (userId === null) return problemResponse('UNAUTHENTICATED');
    const orderId = context.req.param('orderId');
    const saleId = saleIdOfOrder(orderId);
    if (saleId === null) return problemResponse('ORDER_UNKNOWN');

    const keys = saleKeys(saleId);
    const [record, [committed, skipped]] = await Promise.all([
      redis.hget(keys.reservations, orderId),
      redis.hmget(keys.sale, 'committed', 'skipped'),
    ]);
    if (record === null) return problemResponse('ORDER_UNKNOWN');
    const reservation = parseReservation(record);
    if (reservation.userId !== userId) return problemResponse('FORBIDDEN');

    const row = reservation.state === 'held' ? null : await findRow(orderId);
    return context.json(view(orderId, saleId, reservation, Number(committed) + Number(skipped), row), 200, {
      'Cache-Control': 'private, no-store',
    });
  });

  async function findRow(orderId: string): Promise<Row | null> {
    const { rows } = await pool.query<Row>('SELECT state, amount, currency, pay_by FROM orders WHERE id = $1', [
      orderId,
    ]);
    return rows[0] ?? null;
  }

  return app;
}

function view(orderId: string, saleId: string, reservation: Reservation, behind: number, row: Row | null): OrderView {
  const { place, units } = reservation;
  return {
    orderId,
    saleId,
    state: row?.state ?? (reservation.state === 'released' ? 'expired' : 'queued'),
    quantity: units,
    place,
    ahead: row === null && reservation.state === 'held' ? Math.max(0, place - units - behind) : 0,
    payBy: row?.pay_by.toISOString() ?? null,
    amount: row === null ? null : { amount: row.amount, currency: row.currency },
  };
}
