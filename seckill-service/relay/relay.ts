import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type AcceptedOrder, acceptedOrderSchema } from '#contract/order.ts';
import { orderJobOptions } from '#contract/queues.ts';
import { relayGroup, saleKeys } from '#contract/redis-keys.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, startLoop } from '#runtime/loop.ts';

type Entry = [id: string, fields: string[] | null];

/**
 * Moves accepted orders from each sale's outbox to the queue. An entry is acknowledged and deleted only after the queue
 * has it; a crash in between moves it twice, and the jobId (the order id) makes that one job. Entries that a dead
 * relay had taken are claimed after `takeOverAfterMs`.
 *
 * The queue's depth is bounded: above `maxDepth` jobs the burst rests in the outbox, which costs stock Redis memory
 * that it has already spent, and spares queue Redis.
 */
export function startRelay(deps: {
  redis: Redis;
  queue: Queue;
  sales: () => Promise<string[]>;
  instance: string;
  logger: Logger;
  onMoved?: (count: number) => void;
  batch?: number;
  maxDepth?: number;
  takeOverAfterMs?: number;
}): { nudge: (saleId: string) => void; close: () => Promise<void> } {
  const {
    redis,
    queue,
    sales,
    instance,
    logger,
    onMoved,
    batch = 500,
    maxDepth = 10_000,
    takeOverAfterMs = 3000,
  } = deps;
  const warn = createThrottledWarn(logger);
  const nudged = new Set<string>();
  let fullPassAt = 0;

  async function pass(): Promise<'more' | 'idle'> {
    const full = performance.now() >= fullPassAt;
    const saleIds = full ? await sales() : [...nudged];
    if (full) fullPassAt = performance.now() + 1000;
    nudged.clear();
    if (saleIds.length === 0) return 'idle';
    let more = false;
    // Asked once a pass; what this pass adds is counted along.
    let room = maxDepth - (await depth());
    const one = async (saleId: string) => {
      if (room <= 0) return;
      if (full) room -= await move(saleId, await abandoned(saleId));
      const entries = await fresh(saleId);
      room -= await move(saleId, entries);
      if (entries.length === batch) {
        nudged.add(saleId);
        more = true;
      }
    };
    await eachSafely(saleIds, one, (error, saleId) => warn(error, `moving the orders of ${saleId}`));
    return more && room > 0 ? 'more' : 'idle';
  }

  async function depth(): Promise<number> {
    const { waiting = 0, active = 0 } = await queue.getJobCounts('waiting', 'active');
    return waiting + active;
  }

  async function fresh(saleId: string): Promise<Entry[]> {
    const { outbox } = saleKeys(saleId);
    try {
      const reply = await redis.xreadgroup('GROUP', relayGroup, instance, 'COUNT', batch, 'STREAMS', outbox, '>');
      const streams = (reply ?? []) as [string, Entry[]][]; // XREADGROUP's reply in ioredis' legacy shape
      return streams[0]?.[1] ?? [];
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOGROUP'))) throw error;
      await redis.xgroup('CREATE', outbox, relayGroup, '0', 'MKSTREAM');
      return [];
    }
  }

  /** Entries that were read and never acknowledged: by a relay that died, or by us when a reply was lost. */
  async function abandoned(saleId: string): Promise<Entry[]> {
    const { outbox } = saleKeys(saleId);
    const reply = await redis
      .xautoclaim(outbox, relayGroup, instance, takeOverAfterMs, '0', 'COUNT', batch)
      .catch((error: unknown) => {
        if (error instanceof Error && error.message.startsWith('NOGROUP')) return null;
        throw error;
      });
    if (reply === null) return [];
    const [, entries] = reply as [string, Entry[]]; // XAUTOCLAIM's reply: next cursor, entries
    return entries;
  }

  /** How many entries it moved. */
  async function move(saleId: string, entries: readonly Entry[]): Promise<number> {
    if (entries.length === 0) return 0;
    const orders = entries.flatMap(([id, fields]) => {
      const order = fields === null ? null : readEntry(saleId, id, fields);
      if (order !== null) return [order];
      // It leaves the outbox all the same: its reservation is still held, and the sweeper works from that.
      logger.error({ saleId, id, fields }, 'an outbox entry cannot be read: left to the sweeper');
      return [];
    });
    await queue.addBulk(
      orders.map((order) => ({ name: 'order', data: order, opts: { ...orderJobOptions, jobId: order.orderId } })),
    );
    const ids = entries.map(([id]) => id);
    const { outbox } = saleKeys(saleId);
    // No MULTI: Redis refuses it when out of memory, which is when the outbox must shrink. Deleted first: an entry that
    // is only acknowledged would lie there for ever.
    await redis.xdel(outbox, ...ids);
    await redis.xack(outbox, relayGroup, ...ids);
    onMoved?.(ids.length);
    return ids.length;
  }

  const loop = startLoop({ name: 'relay', everyMs: 250, pass, logger });
  return {
    nudge: (saleId) => {
      nudged.add(saleId);
      loop.nudge();
    },
    close: loop.close,
  };
}

/** An outbox entry as `reserve.lua` wrote it: `o` order, `u` user, `q` units, `p` place; its id begins with the time. */
function readEntry(saleId: string, id: string, fields: readonly string[]): AcceptedOrder | null {
  const values = new Map<string, string>();
  for (let index = 0; index + 1 < fields.length; index += 2) values.set(fields[index] ?? '', fields[index + 1] ?? '');
  const result = acceptedOrderSchema.safeParse({
    orderId: values.get('o'),
    saleId,
    userId: values.get('u'),
    quantity: Number(values.get('q')),
    place: Number(values.get('p')),
    acceptedAt: Number(id.split('-')[0]),
  });
  return result.success ? result.data : null;
}
