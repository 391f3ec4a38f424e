import type { ChainableCommander, Redis } from 'ioredis';
import { type AcceptedOrder, saleIdOfOrder } from '#contract/order.ts';
import { parseOrigin } from '#contract/origin.ts';
import { readOutboxFields } from '#contract/outbox.ts';
import { relayGroup, saleKeys } from '#contract/redis-keys.ts';
import type { Barrier } from '#stock/barrier.ts';
import { noAnswer } from '#stock/replication.ts';

export type OutboxEntry = [id: string, fields: string[] | null];

/**
 * The relay's side of each sale's outbox, for the consumer `instance` of the group that all relays share. What is read comes
 * from behind a barrier: an order that is moved and then lost with its server is a row without a reservation. Entries that too
 * few replicas have, or that are held back, stay with this consumer, and are the first to come when it asks again.
 */
export type OutboxEntries = {
  /** The next entries that no relay was given yet, at most a batch; before those, what was held back. */
  fresh: (saleId: string) => Promise<OutboxEntry[]>;
  /** Entries that this consumer was given are not moved: they come again, and others after them. */
  holdBack: (saleId: string) => void;
  isHeldBack: (saleId: string) => boolean;
  /** Entries that were read and never acknowledged: by a relay that died, or by us when a reply was lost. */
  abandoned: (saleId: string) => Promise<OutboxEntry[]>;
  /** Deletes and acknowledges. */
  remove: (saleId: string, entries: readonly OutboxEntry[]) => Promise<void>;
};

export function createOutboxEntries(deps: {
  redis: Redis;
  /** Of the same connection. */
  barrier: Pick<Barrier, 'send'>;
  instance: string;
  batch: number;
  /** An entry that a relay has kept this long, ms, is taken over by another. */
  takeOverAfterMs: number;
  /** Entries of this sale were read and are not moved yet: too few replicas have them. */
  onNotReplicated: (saleId: string, fault: Error) => void;
}): OutboxEntries {
  const { redis, barrier, instance, batch, takeOverAfterMs, onNotReplicated } = deps;
  /** Sales of which this consumer holds entries that are not replicated, or that the queue did not take. */
  const heldBack = new Set<string>();

  /** The reply to one command; `isBehind` when too few replicas have what it tells of. */
  async function behind(
    saleId: string,
    fill: (pipeline: ChainableCommander) => void,
  ): Promise<{ reply: unknown; isBehind: boolean }> {
    const { replies, fault } = await barrier.send(saleId, fill);
    const [error, reply] = replies[0] ?? noAnswer;
    if (error !== null) throw error;
    if (fault === null) return { reply, isBehind: false };
    heldBack.add(saleId);
    onNotReplicated(saleId, fault);
    return { reply: null, isBehind: true };
  }

  /**
   * `>`: what no relay was given yet; `0`: what this one was given and has not acknowledged. Null when too few replicas have it.
   */
  async function read(saleId: string, from: '>' | '0'): Promise<OutboxEntry[] | null> {
    const { outbox } = saleKeys(saleId);
    const { reply, isBehind } = await behind(saleId, (pipeline) =>
      pipeline.xreadgroup('GROUP', relayGroup, instance, 'COUNT', batch, 'STREAMS', outbox, from),
    );
    if (isBehind) return null;
    const streams = (reply ?? []) as [string, OutboxEntry[]][]; // XREADGROUP's reply in ioredis' legacy shape
    return streams[0]?.[1] ?? [];
  }

  return {
    async fresh(saleId) {
      try {
        if (heldBack.has(saleId)) {
          // Those that are deleted were moved before their acknowledgement was lost; `remove` acknowledges them.
          const own = await read(saleId, '0');
          if (own === null || own.length > 0) return own ?? [];
          heldBack.delete(saleId);
        }
        return (await read(saleId, '>')) ?? [];
      } catch (error) {
        if (!isWithoutGroup(error)) throw error;
        await redis.xgroup('CREATE', saleKeys(saleId).outbox, relayGroup, '0', 'MKSTREAM');
        return [];
      }
    },

    holdBack: (saleId) => void heldBack.add(saleId),
    isHeldBack: (saleId) => heldBack.has(saleId),

    async abandoned(saleId) {
      const { outbox } = saleKeys(saleId);
      const claimed = await behind(saleId, (pipeline) =>
        pipeline.xautoclaim(outbox, relayGroup, instance, takeOverAfterMs, '0', 'COUNT', batch),
      ).catch((error: unknown) => {
        if (isWithoutGroup(error)) return null;
        throw error;
      });
      if (claimed === null || claimed.isBehind) return [];
      const [, entries] = claimed.reply as [string, OutboxEntry[]]; // XAUTOCLAIM's reply: next cursor, entries
      return entries;
    },

    async remove(saleId, entries) {
      const ids = entries.map(([id]) => id);
      const { outbox } = saleKeys(saleId);
      // No MULTI: Redis refuses it when out of memory, which is when the outbox must shrink. Deleted first, on the same
      // connection: an entry that is only acknowledged would lie there for ever.
      await Promise.all([redis.xdel(outbox, ...ids), redis.xack(outbox, relayGroup, ...ids)]);
    },
  };
}

const isWithoutGroup = (error: unknown) => error instanceof Error && error.message.startsWith('NOGROUP');

/** The order of an outbox entry as `reserve.lua` wrote it; null when the entry cannot be read. */
export function readEntry(saleId: string, [id, fields]: OutboxEntry): AcceptedOrder | null {
  if (fields === null) return null;
  const { orderId, userId, quantity, place, origin } = readOutboxFields(fields);
  const acceptedAt = Number(id.slice(0, id.indexOf('-')));
  // As acceptedOrderSchema has it; a schema costs ten times as much, and this is done for every order.
  const isCounted = isCount(quantity) && isCount(place) && isCount(acceptedAt);
  const isRead = isCounted && userId !== '' && saleIdOfOrder(orderId) !== null;
  return isRead ? { orderId, saleId, userId, quantity, place, acceptedAt, ...parseOrigin(origin) } : null;
}

const isCount = (value: number) => Number.isSafeInteger(value) && value > 0;
