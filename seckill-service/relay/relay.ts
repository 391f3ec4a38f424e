import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { maxChunkOrders } from '#contract/order-chunk.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, startLoop } from '#runtime/loop.ts';
import type { Tracing } from '#runtime/tracing.ts';
import { createBarrier, type OnBarrier } from '#stock/barrier.ts';
import { createAddChunks } from './add-chunks.ts';
import { createMoveEntries } from './move-entries.ts';
import { createOutboxEntries } from './outbox-entries.ts';
import { outboxLengths } from './outbox-lengths.ts';
import { createQueueRoom } from './queue-room.ts';

const batchesInARow = 8;
/** A pass moves all that came in the meantime: a few large batches cost a fraction of many small ones. */
const restMs = 50;
/** Between two passes that nothing asks for, and before the queue is tried again that was full. */
const lookMs = 250;

/**
 * Moves accepted orders from each sale's outbox to the queue, in chunks. An entry is acknowledged and deleted only after the
 * queue has it; a crash in between moves it twice: the same entries are the same job, and where an order comes in two chunks
 * the drain finds its row. Entries that a dead relay had taken are claimed after `takeOverAfterMs`.
 *
 * Only what `replicas` servers have beside the primary is moved; the rest waits in the outbox.
 *
 * The queue's depth is bounded: above `maxDepth` orders the burst rests in the outbox, which costs stock Redis memory
 * that it has already spent, and spares queue Redis. While this process answers `burstPerSecond` purchases or more, the
 * queue is only kept busy (`busyDepth`): the processor is the shoppers', and the rest follows when they are served.
 */
export function startRelay(deps: {
  redis: Redis;
  /** How many replicas of it must have an order before it is moved. */
  replicas?: number;
  onBarrier?: OnBarrier;
  queue: Pick<Queue, 'getJobCounts' | 'getRanges' | 'addBulk' | 'getJobState'>;
  sales: () => Promise<string[]>;
  instance: string;
  logger: Logger;
  onMoved?: (count: number) => void;
  tracing?: Pick<Tracing, 'record'> | null;
  /** Entries that are read at once: whole chunks, and few enough that purchases beside it wait for milliseconds at most. */
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
    replicas = 0,
    onBarrier,
    queue,
    sales,
    instance,
    logger,
    onMoved,
    tracing = null,
    batch = 3 * maxChunkOrders,
    maxDepth = 10_000,
    busyDepth = 3000,
    burstPerSecond = 300,
    takeOverAfterMs = 3000,
    fullPassMs = 1000,
  } = deps;
  const everyMs = Math.min(lookMs, fullPassMs);
  const warn = createThrottledWarn(logger);
  const nudged = new Set<string>();
  /** Sales that a pass had no room for: the next one begins with them. */
  const passedOver = new Set<string>();
  /** Asked of one sale, it is true of all: they lie on one server. */
  let isBehind = false;
  /** The queue did not take all that it was given: until then it gets nothing. */
  let queueRestsUntil = 0;
  const outbox = createOutboxEntries({
    ...{ redis, instance, batch, takeOverAfterMs },
    barrier: createBarrier(redis, { replicas, onBarrier }),
    onNotReplicated: (saleId, fault) => {
      isBehind = true;
      warn(fault, `the orders of ${saleId} are not moved yet`);
    },
  });
  const move = createMoveEntries({
    ...{ outbox, addChunks: createAddChunks(queue), logger, tracing, onMoved },
    onRefused: () => {
      queueRestsUntil = performance.now() + everyMs;
    },
  });
  const queueRoom = createQueueRoom({ queue, maxDepth, busyDepth, burstPerSecond, restMs });
  let fullPassAt = 0;

  async function pass(): Promise<'more' | 'idle'> {
    const full = performance.now() >= fullPassAt;
    const due = full ? await salesWithOrders() : [...nudged];
    const saleIds = [...new Set([...passedOver, ...due])];
    if (full) fullPassAt = performance.now() + fullPassMs;
    nudged.clear();
    passedOver.clear();
    if (saleIds.length === 0) return 'idle';
    isBehind = false;
    let more = false;
    // Asked once a pass; what this pass adds is counted along.
    let room = await queueRoom.left();
    const one = async (saleId: string) => {
      if (room <= 0 || isBehind || performance.now() < queueRestsUntil) {
        passedOver.add(saleId);
        return;
      }
      // After a queue Redis that was full for long, all that was read meanwhile.
      for (let turn = 0, moved = batch; full && moved === batch && room > 0 && turn < batchesInARow; turn += 1) {
        moved = await move(saleId, await outbox.abandoned(saleId));
        room -= moved;
      }
      let entries = await outbox.fresh(saleId);
      for (let turn = 1; entries.length > 0; turn += 1) {
        room -= entries.length;
        const isAgain = outbox.isHeldBack(saleId);
        const hasMore = isAgain || entries.length === batch;
        // Another sale gets its turn now and then.
        const goesOn = hasMore && room > 0 && turn < batchesInARow;
        // The next ones are read while these are written; what was held back comes again until it is.
        const [next] = await Promise.all([goesOn && !isAgain ? outbox.fresh(saleId) : [], move(saleId, entries)]);
        entries = goesOn && isAgain ? await outbox.fresh(saleId) : next;
        if (hasMore && !goesOn) {
          nudged.add(saleId);
          more = true;
        }
      }
    };
    await eachSafely(saleIds, one, (error, saleId) => {
      outbox.holdBack(saleId);
      warn(error, `moving the orders of ${saleId}`);
    });
    return more && room > 0 ? 'more' : 'idle';
  }

  /** A sale whose outbox does not answer is among them: what is wrong with it is told when it is moved. */
  async function salesWithOrders(): Promise<string[]> {
    const lengths = await outboxLengths(redis, await sales());
    return [...lengths].filter(([, length]) => length !== 0).map(([saleId]) => saleId);
  }

  const loop = startLoop({ name: 'relay', everyMs, restMs, pass, logger });
  return {
    nudge: (saleId) => {
      queueRoom.sawPurchase();
      nudged.add(saleId);
      loop.nudge();
    },
    close: loop.close,
  };
}
