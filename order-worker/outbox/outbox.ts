import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import { inTransaction, type Pool, type PoolClient } from '#runtime/postgres/connect.ts';

export type OutboxEntry = { seq: number; orderId: string };

/**
 * Tells one consumer of the transactional outbox about the events that wait for it, in batches, oldest first, at least
 * once: an entry is taken out by the transaction in which `tell` succeeded. When `tell` throws, the batch stays and is
 * told again. Any number of processes may run the same consumer: each takes entries that no other one has in its hands.
 * With `inTurn` only one of them tells at a time, so that the events of one order are told in their order.
 *
 * What `tell` returns is run after the commit, and may be lost with the process.
 *
 * `nudge` after a transaction that wrote an event; without one an entry waits for the next look.
 * Source: the transactional outbox, microservices.io/patterns/data/transactional-outbox.html
 */
export function startOutbox(deps: {
  consumer: string;
  pool: Pool;
  /** `client` is in the transaction that takes the entries out. */
  tell: (entries: readonly OutboxEntry[], client: PoolClient) => Promise<void | (() => Promise<void>)>;
  inTurn?: boolean;
  /** False: nobody listens, do not even look. */
  when?: () => boolean;
  logger: Logger;
  batchSize?: number;
  everyMs?: number;
}): Loop {
  const { consumer, pool, tell, inTurn = false, when, logger, batchSize = 500, everyMs = 100 } = deps;

  async function pass(client: PoolClient): Promise<{ outcome: 'more' | 'idle'; after?: () => Promise<void> }> {
    if (inTurn && !(await isMyTurn(client, consumer))) return { outcome: 'idle' };
    const { rows } = await client.query<{ seq: number; order_id: string }>({
      name: 'outbox-take',
      text: `DELETE FROM outbox WHERE consumer = $1 AND seq = ANY(ARRAY(
               SELECT seq FROM outbox WHERE consumer = $1 ORDER BY seq LIMIT $2 FOR UPDATE SKIP LOCKED))
             RETURNING seq, order_id`,
      values: [consumer, batchSize],
    });
    if (rows.length === 0) return { outcome: 'idle' };
    const entries = rows.map((row) => ({ seq: row.seq, orderId: row.order_id })).sort((a, b) => a.seq - b.seq);
    const after = await tell(entries, client);
    const outcome = entries.length < batchSize ? 'idle' : 'more';
    return after === undefined ? { outcome } : { outcome, after };
  }

  return startLoop({
    name: `outbox (${consumer})`,
    everyMs,
    logger,
    pass: async () => {
      if (when?.() === false) return 'idle';
      const { outcome, after } = await inTransaction(pool, pass);
      await after?.();
      return outcome;
    },
  });
}

/** Held until the transaction ends. An event's number is lower than that of a later event of its order. */
async function isMyTurn(client: PoolClient, consumer: string): Promise<boolean> {
  const { rows } = await client.query<{ mine: boolean }>({
    name: 'outbox-turn',
    text: "SELECT pg_try_advisory_xact_lock(hashtextextended('outbox ' || $1, 0)) AS mine",
    values: [consumer],
  });
  return rows[0]?.mine ?? false;
}
