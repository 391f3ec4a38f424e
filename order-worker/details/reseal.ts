import type { Pool } from '#runtime/postgres/connect.ts';
import type { Seal } from './seal.ts';

/** How many rows which key has sealed. */
export async function countByKey(pool: Pool): Promise<{ keyId: string; orders: number }[]> {
  const { rows } = await pool.query<{ keyId: string; orders: number }>(
    'SELECT key_id AS "keyId", count(*)::int AS orders FROM order_details GROUP BY key_id ORDER BY key_id',
  );
  return rows;
}

/**
 * Seals every row anew that another key than the first has sealed, so many at a time; returns how many. Beside shoppers who
 * give theirs at the same moment: what has changed meanwhile is left as it is. Throws when a row does not open.
 */
export async function resealDetails(pool: Pool, seal: Seal, most = 200): Promise<number> {
  let resealed = 0;
  for (let after = ''; ; ) {
    const { rows } = await pool.query<{ order_id: string; key_id: string; sealed: Buffer }>(
      `SELECT order_id, key_id, sealed FROM order_details WHERE order_id > $1 AND key_id <> $2
        ORDER BY order_id LIMIT $3`,
      [after, seal.keyId, most],
    );
    for (const { order_id: orderId, key_id: keyId, sealed } of rows) {
      const anew = seal.seal(orderId, seal.open(orderId, { keyId, sealed }));
      const { rowCount } = await pool.query(
        'UPDATE order_details SET key_id = $2, sealed = $3 WHERE order_id = $1 AND sealed = $4',
        [orderId, anew.keyId, anew.sealed, sealed],
      );
      resealed += rowCount ?? 0;
      after = orderId;
    }
    if (rows.length < most) return resealed;
  }
}
