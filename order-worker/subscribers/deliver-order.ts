import { type OrderCloudEvent, personalEventTypes } from '#contract/cloud-events.ts';
import type { OrderDetails } from '#contract/order-details.ts';
import type { DeliveryJob } from '#contract/subscribers.ts';
import type { Answer } from './answer.ts';
import type { Pending, Waiting } from './delivery-store.ts';
import type { StoredEvent } from './event-history.ts';
import { cloudEventOf } from './event-message.ts';
import type { Sender } from './sender.ts';
import type { Subscriber } from './subscriber-store.ts';

/** A try that failed. Its stack is the one line that dead letters keep of each try. */
export class DeliveryError extends Error {
  readonly answer: Answer;
  constructor(answer: Answer, at: Date) {
    super(answer.says);
    this.answer = answer;
    this.stack = `${at.toISOString()} ${answer.says}`;
  }
}

/** What a job needs of the deliveries, one order at a time. */
export type OrderDeliveries = {
  pending: (waiting: Waiting) => Promise<Pending | null>;
  /** True when more of the order waits. */
  delivered: (waiting: Waiting & { upTo: number }) => Promise<boolean>;
  history: (orderId: string, firstVersion: number, lastVersion: number) => Promise<StoredEvent[]>;
};

/**
 * Does one job: sends what waits of one order, oldest first, and goes on until nothing of it waits. What was taken is
 * noted before anything else happens, also when the next event fails: then it throws a {@link DeliveryError}. A job whose
 * work was done by another (it stalled, it was enqueued twice) finds nothing and is done.
 */
export function createDeliverOrder(deps: {
  subscriber: Pick<Subscriber, 'types'>;
  deliveries: OrderDeliveries;
  sender: Sender;
  /** Contact and address of an order, opened now and kept nowhere; null for a subscriber that is not entitled to them. */
  personalOf: ((orderId: string) => Promise<OrderDetails | null>) | null;
  now: () => number;
}): (job: DeliveryJob) => Promise<void> {
  const { subscriber, deliveries, sender, personalOf, now } = deps;
  const isFor = ({ type }: StoredEvent) => subscriber.types === null || subscriber.types.includes(type);

  async function messagesOf(events: readonly StoredEvent[], replayId?: string): Promise<OrderCloudEvent[]> {
    const [first] = events.filter(({ type }) => personalEventTypes.includes(type));
    const personal = first === undefined || personalOf === null ? null : await personalOf(first.orderId);
    return events.map((event) => cloudEventOf(event, replayId, personal));
  }

  async function replay({ orderId, version, replay: wanted }: DeliveryJob): Promise<void> {
    if (wanted === undefined) return;
    const events = (await deliveries.history(orderId, version, wanted.lastVersion)).filter(isFor);
    await sendAll(await messagesOf(events, wanted.id));
  }

  async function sendAll(events: readonly OrderCloudEvent[]): Promise<void> {
    for (let left = events; left.length > 0; ) {
      const { done, failure } = await sender.send(left);
      if (failure !== null) throw new DeliveryError(failure, new Date(now()));
      left = left.slice(done);
    }
  }

  async function live({ orderId, version }: DeliveryJob): Promise<void> {
    const waiting = { orderId, firstVersion: version };
    for (;;) {
      const pending = await deliveries.pending(waiting);
      if (pending === null) return;
      const events = pending.events.filter(isFor);
      const { done, failure } =
        events.length === 0 ? { done: 0, failure: null } : await sender.send(await messagesOf(events));
      const next = events[done];
      const upTo = next === undefined ? pending.lastVersion : next.version - 1;
      const isMore = failure !== null && done === 0 ? true : await deliveries.delivered({ ...waiting, upTo });
      if (failure !== null) throw new DeliveryError(failure, new Date(now()));
      if (!isMore) return;
    }
  }

  return (job) => (job.replay === undefined ? live(job) : replay(job));
}
