import { createHash } from 'node:crypto';
import {
  cloudEventBatchContentType,
  cloudEventContentType,
  dataSchemaOf,
  eventIdOf,
  type OrderCloudEvent,
  personalEventTypes,
  type SentEventType,
  sequenceOf,
  testEventType,
} from '#contract/cloud-events.ts';
import type { OrderDetails } from '#contract/order-details.ts';
import { eventOfState, type StoredOrderState } from '#contract/order-events.ts';
import { parseWebhookSecrets, signWebhook } from '#runtime/standard-webhooks.ts';
import type { StoredEvent } from './event-history.ts';

const stateOfEvent = new Map(
  Object.entries(eventOfState).map(([state, type]) => [type, state as StoredOrderState]), // the table's own keys
);

/** The columns of the order that its events carry, as moveOrders and the order store write them; the rest is details. */
type EventData = {
  sale_id: string;
  user_id: string;
  quantity: number;
  place: number;
  amount: number;
  currency: string;
  pay_by: string;
};

/**
 * An event as subscribers get it. `replay` is the replay's id when it is sent again because somebody asked; `personal`, contact
 * and address for one that is entitled to them: they go into the types that have a place for them.
 */
export function cloudEventOf(
  event: StoredEvent,
  replay?: string,
  personal: OrderDetails | null = null,
): OrderCloudEvent {
  const carries = personal !== null && personalEventTypes.includes(event.type);
  // The columns are written by our own SQL in the transaction of the event, never by a client.
  const {
    id: _id,
    sale_id,
    user_id,
    quantity,
    place,
    amount,
    currency,
    pay_by,
    ...details
  } = event.data as EventData & { id: string };
  return {
    ...envelope(event.type, event.orderId, event.version, event.seq, event.at),
    source: `/seckill/sales/${sale_id}`,
    ...(replay === undefined ? {} : { replay }),
    data: {
      orderId: event.orderId,
      saleId: sale_id,
      userId: user_id,
      version: event.version,
      state: stateOfEvent.get(event.type) ?? 'failed',
      quantity,
      place,
      amount: { amount, currency },
      payBy: new Date(pay_by).toISOString(),
      ...(Object.keys(details).length === 0 ? {} : { details }),
      ...(carries ? { personal } : {}),
    },
  };
}

/** What `seckill subscriber test` sends: looks like an event, and says by its type that it is none. */
export function testEvent(testId: string, now: Date): OrderCloudEvent {
  const orderId = `test-${testId.toLowerCase()}`;
  return {
    ...envelope(testEventType, orderId, 1, 0, now),
    source: '/seckill/sales/test',
    data: {
      orderId,
      saleId: 'test',
      userId: 'nobody',
      version: 1,
      state: 'awaiting_payment',
      quantity: 1,
      place: 1,
      amount: { amount: 100, currency: 'CNY' },
      payBy: now.toISOString(),
    },
  };
}

function envelope(type: SentEventType, orderId: string, version: number, seq: number, at: Date) {
  return {
    specversion: '1.0' as const,
    id: eventIdOf(orderId, version),
    type,
    subject: orderId,
    time: at.toISOString(),
    datacontenttype: 'application/json' as const,
    dataschema: dataSchemaOf(type),
    sequence: sequenceOf(seq),
  };
}

export type Message = { body: string; headers: Record<string, string> };

/** One event as a request, signed with each of the subscriber's secrets. */
export function messageOf(event: OrderCloudEvent, secrets: readonly string[], nowMs: number): Message {
  return signed(JSON.stringify(event), event.id, cloudEventContentType, secrets, nowMs);
}

/** Several events as one request; the same events have the same webhook-id. */
export function batchMessageOf(events: readonly OrderCloudEvent[], secrets: readonly string[], nowMs: number): Message {
  const digest = createHash('sha256');
  for (const { id, replay } of events) digest.update(`${id} ${replay ?? ''}\n`);
  const id = `batch-${digest.digest('hex').slice(0, 32)}`;
  return signed(JSON.stringify(events), id, cloudEventBatchContentType, secrets, nowMs);
}

function signed(body: string, id: string, type: string, secrets: readonly string[], nowMs: number): Message {
  const headers = signWebhook({ id, body, nowMs }, parseWebhookSecrets(secrets.join(' ')));
  return { body, headers: { 'content-type': type, ...headers } };
}
