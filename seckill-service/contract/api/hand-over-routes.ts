import { type HandOverWord, handOverAnswerSchema, handOverCallSchemas, handOverDetailsSchema } from '../hand-over.ts';
import { handOverKeySetSchema } from '../hand-over-keys.ts';
import { type ApiRoute, passedOn } from './route.ts';

/** A call of the shop's server about an order that its own checkout takes the money of. */
const call = (word: HandOverWord, summary: string, says: string): ApiRoute => ({
  method: 'POST',
  path: `/api/hand-over/orders/{orderId}/${word}`,
  operation: `handOver${word.charAt(0).toUpperCase()}${word.slice(1)}`,
  group: 'Hand-over',
  summary,
  says: `${says} Signed by Standard Webhooks; safe to repeat: the same call has the same answer. \`FORBIDDEN\`: the sale takes its money here.`,
  access: 'webhook',
  body: handOverCallSchemas[word],
  answers: { 200: { says: 'it is on record', schema: handOverAnswerSchema } },
  refusals: [...passedOn, 'UNAUTHENTICATED', 'FORBIDDEN', 'ORDER_UNKNOWN', 'ORDER_STATE'],
});

export const handOverRoutes: readonly ApiRoute[] = [
  {
    method: 'GET',
    path: '/api/hand-over/keys',
    operation: 'handOverKeys',
    group: 'Hand-over',
    summary: "The public keys that the tokens for the shop's own checkout are proven by",
    says: 'A JWK set (RFC 7517), ES256. No keys: the hand-over is not set up.',
    access: 'open',
    answers: { 200: { says: 'the keys', schema: handOverKeySetSchema, headers: { 'Cache-Control': '10 minutes' } } },
    refusals: [...passedOn],
  },
  call(
    'paid',
    'The shop has the money of an order',
    '`ORDER_STATE`: too late, or paid before by another payment; nothing was recorded, give the money back.',
  ),
  call(
    'cancelled',
    'The order will not be paid at the shop',
    'Its item goes back on sale. `ORDER_STATE`: it is paid, or has ended by itself.',
  ),
  call(
    'refunded',
    'The shop has given the money of an order back',
    'Its item goes back on sale, where the sale has it so. `ORDER_STATE`: no such payment of it is on record.',
  ),
  {
    method: 'POST',
    path: '/api/hand-over/orders/{orderId}/details',
    operation: 'handOverDetails',
    group: 'Hand-over',
    summary: 'Contact and address of an order',
    says: 'As its shopper gave them last. Signed by Standard Webhooks; moves nothing. `FORBIDDEN`: the sale takes its money here. `ORDER_STATE`: the order ended unpaid, so there is nothing to ship.',
    access: 'webhook',
    body: handOverCallSchemas.details,
    answers: {
      200: {
        says: 'contact and address; null where none are asked for, none are given yet, or they were erased',
        schema: handOverDetailsSchema,
        headers: { 'Cache-Control': 'not kept' },
      },
    },
    refusals: [...passedOn, 'UNAUTHENTICATED', 'FORBIDDEN', 'ORDER_UNKNOWN', 'ORDER_STATE'],
  },
];
