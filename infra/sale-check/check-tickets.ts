import { randomUUID } from 'node:crypto';
import { challengeSchema, ticketAnswerSchema } from '#contract/challenge.ts';
import { newOrderId } from '#contract/order.ts';
import { signTicket, type TicketKey } from '#contract/ticket.ts';
import { signSession } from '#http/authenticate.ts';
import { type AskedEdge, askEdge, type EdgeAnswer } from './edge-answers.ts';

/** What this machine can make a ticket with; null: it does not know it. */
export type TicketMeans = { sessionSecret: string | null; keys: readonly TicketKey[] | null };

export type CheckTicket = { kind: 'ticket'; ticket: string; from: string } | { kind: 'refused'; answer: EdgeAnswer };

const lifetimeMs = 60_000;

/**
 * A ticket of somebody new: from the ticket office behind that edge, so that its own key has signed; where nobody can be
 * signed in from here, by this machine's key. Null when it has neither.
 */
export async function checkTicket(means: TicketMeans, edge: AskedEdge, saleId: string): Promise<CheckTicket | null> {
  const { sessionSecret, keys } = means;
  const userId = `sale-check-${randomUUID()}`;
  if (sessionSecret === null) {
    if (keys === null) return null;
    const order = { orderId: newOrderId(saleId, Date.now()), userId, expiresAtMs: Date.now() + lifetimeMs };
    return { kind: 'ticket', ticket: signTicket(order, keys), from: "signed with this machine's key" };
  }
  const headers = { authorization: `Bearer ${signSession(userId, sessionSecret, Date.now())}` };
  const challenge = await askEdge(edge, `/api/sales/${saleId}/challenge`, { headers });
  if (challenge.status !== 200) return { kind: 'refused', answer: challenge };
  const { challengeId } = challengeSchema.parse(JSON.parse(challenge.text));
  const body = { challengeId, answer: '' };
  const answer = await askEdge(edge, `/api/sales/${saleId}/ticket`, { headers, body });
  if (answer.status !== 201) return { kind: 'refused', answer };
  return { kind: 'ticket', ticket: ticketAnswerSchema.parse(JSON.parse(answer.text)).ticket, from: 'of its office' };
}
