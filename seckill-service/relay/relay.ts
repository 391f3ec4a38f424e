import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type AcceptedOrder, acceptedOrderSchema, tracks } from '#contract/order.ts';
import { parseOrigin } from '#contract/origin.ts';
import { outboxFields } from '#contract/outbox.ts';
import { relayGroup, saleKeys } from '#contract/redis-keys.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, startLoop } from '#runtime/loop.ts';
import type { Tracing } from '#runtime/tracing.ts';
import type { AddOrders } from './add-orders.ts';
import { outboxLengths } from './outbox-lengths.ts';

type Entry = [id: string, fields: string[] | null];

const batchesInARow = 8;
/** A pass moves all that came in the meantime: a few large batches cost a fraction of many small ones. */
const restMs = 50;

/**
 * Moves accepted orders from each sale's outbox to the queue. An entry is acknowledged and deleted only after the queue
 * has it; a crash in between moves it twice, and the jobId (the order id) makes that one job. Entries that a dead
 * relay had taken are claimed after `takeOverAfterMs`.
 *
 * The queue's depth is bounded: above `maxDepth` jobs the burst rests in the outbox, which costs stock Redis memory
 * that it has already spent, and spares queue Redis. While this process answers `burstPerSecond` purchases or more, the
 * queue is only kept busy (`busyDepth`): the processor is the shoppers', and the rest follows when they are served.
 */
export function startRelay(deps: {
  redis: Redis;
  /** Only its length is asked. */
  queue: Pick<Queue, 'getJobCounts'>;
  addOrders: AddOrders;
  sales: () => Promise<string[]>;
  instance: string;
  logger: Logger;
  onMoved?: (count: number) => void;
  tracing?: Pick<Tracing, 'record'> | null;
  batch?: number;
  maxDepth?: number;
  busyDepth?: number;
  burstPerSecond?: number;
  takeOverAfterMs?: number;
  /** Between two looks at every sale, nudged or not. */
  fullPassMs?: number;
}): {
  /** A purchase of that sale was accepted. */
  nudge: (saleId: string) => void;
  close: () => Promise<void>;
} {
  const {
    redis,
    queue,
    addOrders,
    sales,
    instance,
    logger,
    onMoved,
    tracing = null,
    batch = 500,
    maxDepth = 10_000,
    busyDepth = 1000,
    burstPerSecond = 300,
    takeOverAfterMs = 3000,
    fullPassMs = 1000,
  } = deps;
  const warn = createThrottledWarn(logger);
  const nudged = new Set<string>();
  /** Sales that a pass had no room for: the next one begins with them. */
  const passedOver = new Set<string>();
  let fullPassAt = 0;
  let accepted = 0;
  let countedFrom = performance.now();

  async function pass(): Promise<'more' | 'idle'> {
    const full = performance.now() >= fullPassAt;
    const due = full ? await salesWithOrders() : [...nudged];
    const saleIds = [...new Set([...passedOver, ...due])];
    if (full) fullPassAt = performance.now() + fullPassMs;
    nudged.clear();
    passedOver.clear();
    if (saleIds.length === 0) return 'idle';
    let more = false;
    // Asked once a pass; what this pass adds is counted along.
    let room = (isBurst() ? busyDepth : maxDepth) - (await depth());
    const one = async (saleId: string) => {
      if (room <= 0) {
        passedOver.add(saleId);
        return;
      }
      // After a queue Redis that was full for long, all that was read meanwhile.
      for (let turn = 0, moved = batch; full && moved === batch && room > 0 && turn < batchesInARow; turn += 1) {
        moved = await move(saleId, await abandoned(saleId));
        room -= moved;
      }
      let entries = await fresh(saleId);
      for (let turn = 1; entries.length > 0; turn += 1) {
        room -= entries.length;
        const isFull = entries.length === batch;
        // The next ones are read while these are written. Another sale gets its turn now and then.
        const goesOn = isFull && room > 0 && turn < batchesInARow;
        const [next] = await Promise.all([goesOn ? fresh(saleId) : [], move(saleId, entries)]);
        entries = next;
        if (isFull && !goesOn) {
          nudged.add(saleId);
          more = true;
        }
      }
    };
    await eachSafely(saleIds, one, (error, saleId) => warn(error, `moving the orders of ${saleId}`));
    return more && room > 0 ? 'more' : 'idle';
  }

  /** A sale whose outbox does not answer is among them: what is wrong with it is told when it is moved. */
  async function salesWithOrders(): Promise<string[]> {
    const lengths = await outboxLengths(redis, await sales());
    return [...lengths].filter(([, length]) => length !== 0).map(([saleId]) => saleId);
  }

  /** Whether as many purchases came since it was asked last. */
  function isBurst(): boolean {
    const now = performance.now();
    const perSecond = (accepted / Math.max(restMs, now - countedFrom)) * 1000;
    accepted = 0;
    countedFrom = now;
    return perSecond >= burstPerSecond;
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
    await addOrders(orders);
    const ids = entries.map(([id]) => id);
    const { outbox } = saleKeys(saleId);
    // No MULTI: Redis refuses it when out of memory, which is when the outbox must shrink. Deleted first, on the same
    // connection: an entry that is only acknowledged would lie there for ever.
    await Promise.all([redis.xdel(outbox, ...ids), redis.xack(outbox, relayGroup, ...ids)]);
    // One line a batch, off the requests' path: here an order's id and its request's are first seen together.
    if (orders.length > 0) logger.info({ saleId, orders: orders.map(tracks) }, 'orders moved to the queue');
    if (tracing !== null) for (const order of orders) traceMove(tracing, order);
    onMoved?.(ids.length);
    return ids.length;
  }

  const loop = startLoop({ name: 'relay', everyMs: Math.min(250, fullPassMs), restMs, pass, logger });
  return {
    nudge: (saleId) => {
      accepted += 1;
      nudged.add(saleId);
      loop.nudge();
    },
    close: loop.close,
  };
}

/** From the yes until the queue has it. Only an order whose purchase is traced has a trace. */
function traceMove(tracing: Pick<Tracing, 'record'>, { orderId, traceparent, acceptedAt }: AcceptedOrder): void {
  if (traceparent === undefined) return;
  const attributes = { 'seckill.order': orderId };
  const span = { name: 'relay', kind: 'producer' as const, startMs: acceptedAt, endMs: Date.now(), attributes };
  tracing.record({ ...span, parent: traceparent });
}

/** An outbox entry as `reserve.lua` wrote it. */
function readEntry(saleId: string, id: string, fields: readonly string[]): AcceptedOrder | null {
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
