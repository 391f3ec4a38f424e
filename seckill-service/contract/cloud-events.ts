import { z } from 'zod';
import { givenDetailsSchema } from './order-details.ts';
import { eventOfState, type OrderEventType, orderEventTypes, type StoredOrderState } from './order-events.ts';

/**
 * What subscribers get: one CloudEvent 1.0 an event, structured mode (github.com/cloudevents/spec). The JSON Schemas in
 * docs/events are made from these. Fields may be added; none is taken away or changes its meaning without a new `:2`.
 */
export const testEventType = 'order.test';
export type SentEventType = OrderEventType | typeof testEventType;
export const sentEventTypes: readonly SentEventType[] = [...orderEventTypes, testEventType];

export const cloudEventContentType = 'application/cloudevents+json';
export const cloudEventBatchContentType = 'application/cloudevents-batch+json';

const storedStates = Object.keys(eventOfState) as [StoredOrderState, ...StoredOrderState[]]; // the table's own keys

const orderEventDataSchema = z.object({
  orderId: z.string(),
  saleId: z.string(),
  userId: z.string(),
  version: z.int().positive().describe('grows by one with each change of the order: a lower one is older'),
  state: z.enum(storedStates).describe('the state that this change led into'),
  quantity: z.int().positive(),
  place: z.int().positive(),
  amount: z.object({ amount: z.int().positive().describe('minor units'), currency: z.string().length(3) }),
  payBy: z.iso.datetime(),
  details: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('what else is known of this change, such as its reason'),
});

/**
 * The events that carry contact and address to subscribers that are entitled to them: an order that is paid is shipped, one whose
 * money goes back is not, or comes back. Before, nobody ships; an order that ended unpaid never is.
 */
export const personalEventTypes: readonly SentEventType[] = ['order.paid', 'order.refunding', 'order.refunded'];

const personalDataSchema = orderEventDataSchema.extend({
  personal: givenDetailsSchema
    .optional()
    .describe('contact and address, for a subscriber that was added with --personal; absent when they were erased'),
});

const common = {
  specversion: z.literal('1.0'),
  id: z.string().describe('the same whenever this event is sent: deduplicate by it. Also the webhook-id'),
  source: z.string().describe('/seckill/sales/<saleId>'),
  subject: z.string().describe('the order id'),
  time: z.iso.datetime(),
  datacontenttype: z.literal('application/json'),
  sequence: z.string().describe('orders the events of all orders, as text; "subscriber replay --from" takes it'),
  replay: z.string().optional().describe('only when this is a replay: which one'),
};

/** The schema of one type of event, as it goes over the wire. */
export const cloudEventSchema = (type: SentEventType) =>
  z.object({
    ...common,
    data: personalEventTypes.includes(type) ? personalDataSchema : orderEventDataSchema,
    type: z.literal(type),
    dataschema: z.literal(dataSchemaOf(type)),
  });
export type OrderCloudEvent = Omit<z.infer<ReturnType<typeof cloudEventSchema>>, 'data'> & {
  data: z.infer<typeof personalDataSchema>;
};

/** The `dataschema` of a type; the schema itself is docs/events/<type>.json. */
export const dataSchemaOf = (type: SentEventType): string => `urn:seckill:event:${type}:1`;

/** The id of an event: unique and the same for ever, and it says which change of which order it is. */
export const eventIdOf = (orderId: string, version: number): string => `${orderId}-${version}`;

/** As text of fixed length, so that it sorts as the number does (CloudEvents, extension `sequence`). */
export const sequenceOf = (seq: number): string => String(seq).padStart(16, '0');
