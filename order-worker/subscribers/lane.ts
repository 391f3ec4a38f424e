import { DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import type { OrderDetails } from '#contract/order-details.ts';
import { queuePrefix } from '#contract/queues.ts';
import { type DeliveryJob, deliveryJobSchema, subscriberQueueName } from '#contract/subscribers.ts';
import { growingWaitMs } from '#runtime/growing-wait.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { createMicroBatcher } from '#runtime/micro-batch.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import { chooseSender } from './choose-sender.ts';
import { createDeliverOrder, DeliveryError } from './deliver-order.ts';
import { type DeliveryStore, type Pending, type Waiting, waitingId } from './delivery-store.ts';
import { createEndpoint } from './endpoint.ts';
import type { EventHistory } from './event-history.ts';
import { watchHealth } from './health.ts';
import type { SubscriberMetrics } from './metrics.ts';
import { openSubscriberQueue, type SubscriberQueue } from './subscriber-queue.ts';
import type { Subscriber, SubscriberStore } from './subscriber-store.ts';

export type LaneDeps = {
  connection: Redis;
  deliveries: DeliveryStore;
  history: Pick<EventHistory, 'ofOrder'>;
  store: SubscriberStore;
  /** Contact and address, by order; those that were erased are left out. */
  details: (orderIds: readonly string[]) => Promise<ReadonlyMap<string, OrderDetails>>;
  metrics: SubscriberMetrics;
  logger: Logger;
  now: () => number;
  random: () => number;
  onReplayFailed: (replayId: string) => Promise<void>;
  /** A subscriber that was paused by its own wish: whoever keeps the lanes should look. */
  onGone: () => void;
};

/** One subscriber's way out of this process: its queue, and while it is active a worker that empties it. */
export type Lane = {
  subscriber: () => Subscriber;
  /** The subscriber as it is now; false when it has changed in a way that needs a new lane. */
  update: (to: Subscriber) => boolean;
  queue: SubscriberQueue;
  /** Notices, when it is called now and then, that nothing gets through to the subscriber. */
  look: () => void;
  close: () => Promise<void>;
};

/** A request that is under way at the end gets so long; then it is cut off, and its job runs again elsewhere. */
const closeWithinMs = 3000;
const ownFaultWaitMs = 2000;

export function openLane(initial: Subscriber, deps: LaneDeps): Lane {
  const { connection, store, metrics, logger, now, random } = deps;
  const { id, name, retry, concurrency, batchSize } = initial;
  const warn = createThrottledWarn(logger);
  let subscriber = initial;
  const queue = openSubscriberQueue({
    connection,
    name,
    tries: retry.tries,
    onError: (error) => warn(error, `queue of subscriber ${name}`),
  });
  const health = watchHealth({
    subscriber: initial,
    isNotedAsFailing: () => subscriber.failingSince !== null,
    store,
    logger,
    onRecovered: queue.retryNow,
    now,
  });
  const { url, allowInner, personal } = initial;
  const endpoint = createEndpoint({ url, allowInner, isPersonal: personal, connections: concurrency, now });
  const deliver = createDeliverOrder({
    subscriber: initial,
    deliveries: { ...togetherWith(deps.deliveries, id), history: deps.history.ofOrder },
    now,
    personalOf: personal ? personalTogether(deps.details) : null,
    sender: chooseSender({
      endpoint,
      secrets: initial.secrets,
      batchSize,
      concurrency,
      now,
      onAnswer: (answer, events) => metrics.answered(name, answer, events),
    }),
  });

  async function run(job: Job, token?: string): Promise<void> {
    const data = deliveryJobSchema.safeParse(job.data);
    if (!data.success) throw new UnrecoverableError(`not a delivery: ${data.error.issues[0]?.message}`);
    try {
      await deliver(data.data);
      health.answered();
    } catch (error) {
      if (error instanceof DeliveryError) {
        await afterFailure(data.data, job, error);
        throw error;
      }
      // The database is away, or we are at fault: that costs the subscriber none of its tries.
      warn(error, `a delivery to ${name} could not be made`);
      await job.moveToDelayed(now() + ownFaultWaitMs, token);
      throw new DelayedError();
    }
  }

  async function afterFailure(data: DeliveryJob, job: Job, { answer }: DeliveryError): Promise<void> {
    const { orderId, version: fromVersion } = data;
    logger.warn(
      { subscriber: name, orderId, fromVersion, jobId: job.id, try: job.attemptsMade + 1, says: answer.says },
      'not delivered',
    );
    health.failed(answer.says);
    if (answer.kind === 'busy' && answer.retryAfterMs !== null) await queue.rest(restMs(answer.retryAfterMs));
    if (answer.kind === 'gone' && (await store.pause(name, answer.says))) {
      logger.error({ subscriber: name, says: answer.says }, 'a subscriber does not want to hear from us: it is paused');
      deps.onGone();
    }
  }

  /** What it asks for, within reason. */
  const restMs = (askedMs: number) => Math.min(Math.max(askedMs, 1000), retry.longestMs);

  function waitMs(attempt: number, error: unknown): number {
    const grown = growingWaitMs(retry, attempt, random);
    const asked = error instanceof DeliveryError && error.answer.kind === 'busy' ? error.answer.retryAfterMs : null;
    return asked === null ? grown : Math.max(grown, restMs(asked));
  }

  const worker =
    initial.state !== 'active'
      ? null
      : new Worker(subscriberQueueName(name), run, {
          connection,
          prefix: queuePrefix,
          concurrency: concurrency * batchSize,
          settings: { backoffStrategy: (attempt, _type, error) => waitMs(attempt, error) },
          lockDuration: 10_000,
          stalledInterval: 5000,
          // A stall is never the order's fault: it must not make a dead letter of it.
          maxStalledCount: 1_000_000,
        });
  worker?.on('error', (error) => warn(error, `worker of subscriber ${name}`));
  worker?.on('failed', (job, error) => {
    if (job === undefined || job.attemptsMade < (job.opts.attempts ?? 1)) return;
    const { orderId, replay } = job.data as DeliveryJob; // parsed when it ran
    logger.error({ subscriber: name, orderId, jobId: job.id, replay: replay?.id, err: error }, 'given up on');
    if (replay !== undefined) void deps.onReplayFailed(replay.id).catch((reason: unknown) => warn(reason, 'replay'));
  });

  return {
    subscriber: () => subscriber,
    update: (to) => {
      if (isServedAlike(subscriber, to)) {
        subscriber = to;
        return true;
      }
      return false;
    },
    queue,
    look: health.look,
    close: async () => {
      const late = setTimeout(() => void endpoint.close(), closeWithinMs);
      await worker?.close();
      clearTimeout(late);
      await endpoint.close();
      await queue.close();
    },
  };
}

/** Whether nothing differs that a lane is built from. */
function isServedAlike(a: Subscriber, b: Subscriber): boolean {
  const built = ({ id, url, allowInner, personal, secrets, types, state, concurrency, batchSize, retry }: Subscriber) =>
    JSON.stringify([id, url, allowInner, personal, secrets, types, state, concurrency, batchSize, retry]);
  return built(a) === built(b);
}

/** The deliveries of one subscriber, asked for one by one and fetched together: one round trip for many jobs. */
function togetherWith(deliveries: DeliveryStore, subscriberId: number) {
  const pending = createMicroBatcher<Waiting, Pending | null>({
    handle: async (orders) => {
      const found = await deliveries.pending(subscriberId, orders);
      return orders.map((order) => found.get(waitingId(order)) ?? null);
    },
    maxSize: 200,
    maxWaitMs: 2,
  });
  const delivered = createMicroBatcher<Waiting & { upTo: number }, boolean>({
    handle: async (orders) => {
      const more = await deliveries.delivered(subscriberId, orders);
      return orders.map((order) => more.has(waitingId(order)));
    },
    maxSize: 200,
    maxWaitMs: 2,
  });
  return { pending: pending.add, delivered: delivered.add };
}

/** Contact and address of orders, asked for one by one and fetched together. One that does not open holds up no other. */
function personalTogether(details: LaneDeps['details']): (orderId: string) => Promise<OrderDetails | null> {
  const alone = (orderId: string) =>
    details([orderId]).then(
      (found) => found.get(orderId) ?? null,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    );
  const { add } = createMicroBatcher<string, OrderDetails | null | Error>({
    handle: async (orderIds) => {
      const found = await details(orderIds).catch(() => null);
      return found === null ? Promise.all(orderIds.map(alone)) : orderIds.map((orderId) => found.get(orderId) ?? null);
    },
    maxSize: 200,
    maxWaitMs: 2,
  });
  return async (orderId) => {
    const personal = await add(orderId);
    if (personal instanceof Error) throw personal;
    return personal;
  };
}
