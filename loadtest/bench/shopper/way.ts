import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ticketAnswerSchema } from '#contract/challenge.ts';
import type { ChallengeKind, SignIn } from '#infra/capacity/shopper-costs.ts';
import { answerTo } from './answers.ts';
import { type Connection, type Reply, requestText } from './connection.ts';
import { askAll, closeAll, type Edge, openAll } from './crowd.ts';
import type { Meter } from './meter.ts';
import { saleIdOf } from './sales.ts';
import type { SignToken } from './sign-ins.ts';

/** How a shopper is named, and what stands before the ticket. */
export type Way = { signIn: SignIn; challenge: ChallengeKind };
export type Shopper = { userId: string; token: string };
export type Secrets = { signToken: SignToken; challengeSecret: string };

export const challengeSchema = z.object({ challengeId: z.string(), question: z.string() });
/** A worker has room for 12,000 tokens of 500 bytes. */
const tokensOfWorker = 20_000;
export const bearer = ({ token }: Shopper) => ({ Authorization: `Bearer ${token}` });
/** What came as JSON in UTF-8, read as a letter a byte. */
export const bodyOf = ({ body }: Reply): unknown => JSON.parse(Buffer.from(body, 'latin1').toString());

/**
 * New shoppers take the way up to a press that is answered `pressed`; who they were, and the order that each has a ticket for.
 * With `forget` they ask for the ticket once more after it: then nginx has to verify their tokens anew.
 */
export async function takeWay(
  edge: Edge,
  meter: Meter,
  { signToken, challengeSecret }: Secrets,
  { signIn, challenge: kind }: Way,
  count: number,
  pressed: number,
  forget?: () => Promise<void>,
): Promise<{ shopper: Shopper; orderId: string }[]> {
  const saleId = saleIdOf(kind);
  const path = (what: string) => `/api/sales/${saleId}/${what}`;
  const shoppers = Array.from({ length: count }, (): Shopper => {
    const userId = `user-${randomUUID()}`;
    return { userId, token: signToken(signIn, userId) };
  });
  const connections = await openAll(edge, count);
  const each = <T>(of: (shopper: Shopper, nth: number) => T) =>
    shoppers.map((shopper, nth) => ({ connection: connections[nth] as Connection, ask: of(shopper, nth) })); // as many

  const challenges = await askAll(
    edge,
    meter,
    'challenge',
    200,
    each((shopper) => ({ method: 'GET', path: path('challenge'), headers: bearer(shopper) })),
  );
  const bodies = challenges.map((reply, nth) =>
    answerTo(challengeSchema.parse(bodyOf(reply)), kind, {
      ...{ saleId, userId: shoppers[nth]?.userId ?? '', secret: challengeSecret },
    }),
  );
  const askForTickets = (step: string) =>
    askAll(
      ...([edge, meter, step, 201] as const),
      each((shopper, nth) => ({
        ...{ method: 'POST', path: path('ticket'), headers: bearer(shopper), body: bodies[nth] ?? '' },
      })),
    );
  const replies = await askForTickets('ticket');
  const tickets = replies.map((reply) => ticketAnswerSchema.parse(bodyOf(reply)));
  await askAll(
    edge,
    meter,
    'press',
    pressed,
    each((_, nth) => ({
      ...{ method: 'POST', path: path('orders'), body: '{"quantity":1}' },
      headers: { 'Seckill-Ticket': tickets[nth]?.ticket ?? '' },
    })),
  );
  if (forget !== undefined && replies.every(({ isPassedOn }) => !isPassedOn)) {
    await forget();
    await askForTickets('ticketAnew');
  }
  await closeAll(edge, connections);
  return shoppers.map((shopper, nth) => ({ shopper, orderId: tickets[nth]?.orderId ?? '' }));
}

/** Asks for challenges by so many tokens that a worker of nginx remembers no other ones (office/remembered.lua). */
export async function fillMemory(edge: Edge, { signToken }: Secrets, workers: number): Promise<void> {
  const connections = await openAll(edge, edge.lanes);
  let left = tokensOfWorker * workers;
  const lane = async (connection: Connection) => {
    while (left > 0) {
      left -= 1;
      const userId = `user-${randomUUID()}`;
      const headers = bearer({ userId, token: signToken('HS256', userId) });
      await connection.ask(
        requestText(edge.url, { method: 'GET', path: `/api/sales/${saleIdOf('sum')}/challenge`, headers }),
      );
    }
  };
  await Promise.all(connections.map(lane));
  await closeAll(edge, connections);
}
