import type { Pool } from '#runtime/postgres/connect.ts';
import type { Seal, Sealed } from './seal.ts';

/** How many rows which key has sealed. */
export async function countByKey(pool: Pool): Promise<{ keyId: string; orders: number }[]> {
  const { rows } = await pool.query<{ keyId: string; orders: number }>(
    'SELECT key_id AS "keyId", count(*)::int AS orders FROM order_details GROUP BY key_id ORDER BY key_id',
  );
  return rows;
}

/**
 * Seals every row anew that another key than the first has sealed, in batches; returns how many. Beside shoppers who
 * give theirs at the same moment: what has changed meanwhile is left as it is. A row that does not open keeps no other from it;
 * at the end it is thrown with its order.
 */
export async function resealDetails(pool: Pool, seal: Seal, most = 200): Promise<number> {
  let resealed = 0;
  const closed: string[] = [];
  for (let after = ''; ; ) {
    const { rows } = await pool.query<{ order_id: string; key_id: string; sealed: Buffer }>(
      `SELECT order_id, key_id, sealed FROM order_details WHERE order_id > $1 AND key_id <> $2
        ORDER BY order_id LIMIT $3`,
      [after, seal.keyId, most],
    );
    for (const { order_id: orderId, key_id: keyId, sealed } of rows) {
      after = orderId;
      const text = opened(seal, orderId, { keyId, sealed });
      if (text === null) {
        closed.push(`${orderId} (${keyId})`);
        continue;
      }
      const anew = seal.seal(orderId, text);
      const { rowCount } = await pool.query(
        'UPDATE order_details SET key_id = $2, sealed = $3 WHERE order_id = $1 AND sealed = $4',
        [orderId, anew.keyId, anew.sealed, sealed],
      );
      resealed += rowCount ?? 0;
    }
    if (rows.length < most) break;
  }
  if (closed.length === 0) return resealed;
  const some = `${closed.slice(0, 5).join(', ')}${closed.length > 5 ? ', …' : ''}`;
  throw new Error(
    `${resealed} sealed anew, and ${closed.length} do not open: ${some}. List the key in brackets in SECKILL_PERSONAL_KEYS and do it again`,
  );
}

function opened(seal: Seal, orderId: string, row: Sealed): string | null {
  try {
    return seal.open(orderId, row);
  } catch {
    return null; // without its key, or not what was sealed for this order
  }
}
