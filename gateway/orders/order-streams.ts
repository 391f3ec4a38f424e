import type { ServerResponse } from 'node:http';
import { endedOrderStates } from '#contract/order.ts';
import { isYounger, type ShownOrder } from '#contract/shown-order.ts';
import { type EventStream, openEventStream } from './event-stream.ts';
import { createOpenStreams } from './open-streams.ts';
import { type FindTerms, isQueued, orderView } from './order-view.ts';
import type { OrderRecord, ReadOrder } from './read-orders.ts';
import type { SaleProgressReader } from './sale-progress.ts';
import type { StreamMetrics } from './stream-metrics.ts';

export type StreamLimits = { perProcess: number; perUser: number };
export type OpenOutcome = 'open' | 'too_many_of_user' | 'full' | 'closing';

/** After this long a stream ends: the client comes back by itself, and its token is looked at again. */
const maxAgeMs = 15 * 60_000;

/**
 * Every open event stream of this process. A picture that changes is sent on at once, without a read. Once a second
 * (`tick`) those that wait in line are told how far it has come, one read a sale; and a fifteenth of all streams is read
 * again, in batches, to make up for what the channel may have missed.
 */
export type OrderStreams = ReturnType<typeof createOrderStreams>;

export function createOrderStreams(deps: {
  readOrder: ReadOrder;
  progress: SaleProgressReader;
  findTerms: FindTerms;
  limits: StreamLimits;
  metrics: StreamMetrics;
  now: () => number;
  onError: (error: unknown) => void;
}) {
  const { readOrder, progress, findTerms, limits, metrics, now, onError } = deps;
  const streams = createOpenStreams();
  let isClosing = false;

  function forget(stream: EventStream): void {
    if (streams.remove(stream)) metrics.open.set(streams.all().size);
  }

  /** Sends what the record says now; a stream whose order has ended ends with it. */
  async function tell(stream: EventStream): Promise<void> {
    const { record } = stream;
    const line = isQueued(record) ? await progress.get(record.saleId) : null;
    if (stream.record !== record) return; // a younger one was told meanwhile
    const view = orderView(record, line, findTerms(record.saleId), now());
    stream.ahead = view.ahead;
    stream.send(view);
    metrics.sent.inc();
    if (endedOrderStates.has(view.state)) stream.end();
  }

  function learn(stream: EventStream, record: OrderRecord): void {
    const before = stream.record;
    const isNews =
      record.shown === null
        ? before.shown === null && record.reservation.state !== before.reservation.state
        : before.shown === null || isYounger(record.shown, before.shown);
    if (!isNews) return;
    stream.record = record;
    tell(stream).catch(onError);
  }

  async function readAgain(some: Iterable<EventStream>): Promise<void> {
    await Promise.all(
      [...some].map(async (stream) => {
        const record = await readOrder(stream.record.orderId);
        if (record !== null) learn(stream, record);
      }),
    );
  }

  /** Tells the queued streams of each sale how far the line has come, if it has moved for them. */
  async function tellTheLine(): Promise<void> {
    const queued = [...streams.all()].filter(({ record }) => isQueued(record));
    for (const [saleId, ofSale] of Map.groupBy(queued, ({ record }) => record.saleId)) {
      const line = await progress.get(saleId);
      for (const stream of ofSale) {
        if (!isQueued(stream.record)) continue;
        const view = orderView(stream.record, line, findTerms(saleId), now());
        if (view.ahead === stream.ahead) continue;
        stream.ahead = view.ahead;
        stream.send(view);
        metrics.sent.inc();
      }
    }
  }

  return {
    follows: (orderId: string) => streams.ofOrder(orderId) !== undefined,

    /** A picture changed: its streams hear it now. */
    shown(orderId: string, shown: ShownOrder): void {
      for (const stream of streams.ofOrder(orderId) ?? []) learn(stream, { ...stream.record, shown });
    },

    /** Whether one more may open for this user. */
    room(userId: string): OpenOutcome {
      if (isClosing) return 'closing';
      if (streams.all().size >= limits.perProcess) return 'full';
      return streams.countOfUser(userId) >= limits.perUser ? 'too_many_of_user' : 'open';
    },

    /** Opens a stream, if there is room, and sends the first event on it unless the client has seen that `version`. */
    open(record: OrderRecord, response: ServerResponse, seenVersion: number | null): void {
      // Whoever left while the order was looked up will not be heard leaving again.
      if (response.destroyed) return;
      const stream = openEventStream({
        record,
        response,
        nowMs: now(),
        onClose: () => forget(stream),
        onSlow: () => metrics.dropped.inc(),
      });
      streams.add(stream);
      metrics.open.set(streams.all().size);
      // A version does not say how far its payment was, nor whether its details were there.
      const mayBeNews = isQueued(record) || seenVersion === null || record.shown?.step !== undefined;
      if (mayBeNews || (record.shown?.version ?? 0) > seenVersion) tell(stream).catch(onError);
      // What changed between the read and now was said to nobody here.
      readAgain([stream]).catch(onError);
    },

    /** Once a second. */
    tick(): void {
      const round = streams.nextRound();
      for (const stream of round) {
        if (now() - stream.openedAtMs > maxAgeMs) stream.end();
        else stream.beat();
      }
      readAgain(round).catch(onError);
      tellTheLine().catch(onError);
    },

    /** Some pictures may have been missed: all are read again. */
    readAll: () => void readAgain(streams.all()).catch(onError),

    /** Ends every stream; no more are opened. */
    close(): void {
      isClosing = true;
      for (const stream of streams.all()) stream.end();
    },
  };
}
