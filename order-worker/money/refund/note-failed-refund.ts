import type { PoolClient } from '#runtime/postgres/connect.ts';
import type { FailedRefund } from '../provider/provider.ts';

/**
 * Notes at a refund that the provider says its money did not go back, in the caller's transaction. No order moves by it: a refund
 * under way becomes a dead letter by its next try, and one that was through cannot be made once more by its id, so a person
 * has to give that money back. Only that row is locked.
 */
export async function noteFailedRefund(
  client: Pick<PoolClient, 'query'>,
  { refundId, reason }: FailedRefund,
): Promise<{ kind: 'refund_failed'; orderId: string; says: string } | { kind: 'unknown' }> {
  const { rows } = await client.query<{ order_id: string; state: 'pending' | 'succeeded' }>(
    'UPDATE refunds SET last_error = $2, updated_at = now() WHERE id = $1 RETURNING order_id, state',
    [refundId, `the provider tells that it failed: ${reason}`.slice(0, 500)],
  );
  const [refund] = rows;
  if (refund === undefined) return { kind: 'unknown' };
  return { kind: 'refund_failed', orderId: refund.order_id, says: `it is ${refund.state} here: ${reason}` };
}
