import type { Redis } from 'ioredis';
import { type AcceptedOrder, acceptedOrderSchema } from '#contract/order.ts';
import { parseOrigin } from '#contract/origin.ts';
import { outboxFields } from '#contract/outbox.ts';
import { relayGroup, saleKeys } from '#contract/redis-keys.ts';

export type OutboxEntry = [id: string, fields: string[] | null];

/** The relay's side of each sale's outbox, for the consumer `instance` of the group that all relays share. */
export type OutboxEntries = {
  /** The next entries that no relay was given yet, at most a batch. */
  fresh: (saleId: string) => Promise<OutboxEntry[]>;
  /** Entries that were read and never acknowledged: by a relay that died, or by us when a reply was lost. */
  abandoned: (saleId: string) => Promise<OutboxEntry[]>;
  /** Deletes and acknowledges. */
  remove: (saleId: string, entries: readonly OutboxEntry[]) => Promise<void>;
};

export function createOutboxEntries(deps: {
  redis: Redis;
  instance: string;
  batch: number;
  /** An entry that a relay has kept this long, ms, is taken over by another. */
  takeOverAfterMs: number;
}): OutboxEntries {
  const { redis, instance, batch, takeOverAfterMs } = deps;

  return {
    async fresh(saleId) {
      const { outbox } = saleKeys(saleId);
      try {
        const reply = await redis.xreadgroup('GROUP', relayGroup, instance, 'COUNT', batch, 'STREAMS', outbox, '>');
        const streams = (reply ?? []) as [string, OutboxEntry[]][]; // XREADGROUP's reply in ioredis' legacy shape
        return streams[0]?.[1] ?? [];
      } catch (error) {
        if (!isWithoutGroup(error)) throw error;
        await redis.xgroup('CREATE', outbox, relayGroup, '0', 'MKSTREAM');
        return [];
      }
    },

    async abandoned(saleId) {
      const { outbox } = saleKeys(saleId);
      const reply = await redis
        .xautoclaim(outbox, relayGroup, instance, takeOverAfterMs, '0', 'COUNT', batch)
        .catch((error: unknown) => {
          if (isWithoutGroup(error)) return null;
          throw error;
        });
      if (reply === null) return [];
      const [, entries] = reply as [string, OutboxEntry[]]; // XAUTOCLAIM's reply: next cursor, entries
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
  const values = new Map<string, string>();
  for (let index = 0; index + 1 < fields.length; index += 2) values.set(fields[index] ?? '', fields[index + 1] ?? '');
  const result = acceptedOrderSchema.safeParse({
    orderId: values.get(outboxFields.orderId),
    saleId,
    userId: values.get(outboxFields.userId),
    quantity: Number(values.get(outboxFields.quantity)),
    place: Number(values.get(outboxFields.place)),
    acceptedAt: Number(id.split('-')[0]),
    ...parseOrigin(values.get(outboxFields.origin)),
  });
  return result.success ? result.data : null;
}
