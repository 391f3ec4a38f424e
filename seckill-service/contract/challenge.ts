import { z } from 'zod';
import { localTextSchema } from './plain-text.ts';
import { challengeKinds } from './sale.ts';

/** `pow`: what the shopper's machine has to find, see gateway/tickets/proof-of-work.ts. */
export const workSchema = z.object({ rounds: z.int().positive(), bits: z.int().positive() });
export type Work = z.infer<typeof workSchema>;

/**
 * `GET /api/sales/<saleId>/challenge`, good for the bearer who asked. `question` is in English; `questions` holds it in every language there is.
 * `expiresAt` is ISO 8601 UTC.
 */
export const challengeSchema = z.object({
  challengeId: z.string(),
  kind: z.enum(challengeKinds),
  question: z.string(),
  questions: localTextSchema,
  expiresAt: z.iso.datetime(),
  work: workSchema.optional(),
});
export type Challenge = z.infer<typeof challengeSchema>;

/** `POST /api/sales/<saleId>/ticket`: the answer to a challenge. */
export const ticketRequestSchema = z.object({
  challengeId: z.string().max(256),
  answer: z.union([z.string().max(200), z.number()]).transform(String),
});

/** What comes back, 201. `orderId` is the order that this ticket can make; `expiresAt` is ISO 8601 UTC. */
export const ticketAnswerSchema = z.object({ ticket: z.string(), orderId: z.string(), expiresAt: z.iso.datetime() });
export type TicketAnswer = z.infer<typeof ticketAnswerSchema>;
