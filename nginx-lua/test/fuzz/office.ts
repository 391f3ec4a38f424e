import { ticketAnswerSchema } from '#contract/challenge.ts';
import type { EdgeLine } from '#contract/edge-stream.ts';
import { toEdgeSale } from '#contract/edge-stream.ts';
import { checkTicket, formatTicketKeys } from '#contract/ticket.ts';
import { edgeSignInKeysOf } from '#gateway/agent/edge-sign-in-keys.ts';
import { createChallenges } from '#gateway/tickets/challenge.ts';
import { saleOfficeOf } from '#gateway/tickets/sale-office.ts';
import { createRandom, type Random } from '#lab/random.ts';
import { ticketKeys as purchaseKeys } from '#lab/servers/edge.ts';
import { oddBody } from '../differ/scenes/bodies.ts';
import { newShopper } from '../differ/scenes/scene.ts';
import { makeChallenge } from '../differ/world/challenges.ts';
import { createWorld } from '../differ/world/world.ts';

/** A genuine request to one of the two routes of the ticket office. `body` is null for a challenge. */
export type OfficeRequest = { target: string; token: string; body: Buffer | null };

export type Office = {
  /** What the edge is told, so that it answers by itself. */
  lines: EdgeLine[];
  request: (random: Random) => OfficeRequest;
  /** Whether a 201 holds a ticket that an answer of this run has earned. */
  isEarned: (body: string) => boolean;
};

const saleIds = ['sum', 'quiz', 'long-quiz', 'pow', 'none'];

/** Shoppers who are signed in, with challenges of theirs and the right answers, written in every way. */
export async function createOffice(seed: number): Promise<Office> {
  const world = createWorld(createRandom(seed));
  const { challengeSecret, sessionSecret, ticketTtlMs, calmPerSecond, ticketKeys, keySet } = world;
  const otherKeys = purchaseKeys.filter(({ id }) => ticketKeys.every((key) => key.id !== id));
  const challenges = createChallenges(challengeSecret);
  const earned = new Map<string, string>();
  const keys = await edgeSignInKeysOf({ keys: keySet.keys });
  const signIn = world.signIn === null ? null : { ...world.signIn, keys };
  const sales = [...world.sales.values()].map((sale) => ({ ...toEdgeSale(sale), office: saleOfficeOf(sale) }));

  return {
    lines: [
      { type: 'keys', keys: formatTicketKeys([...ticketKeys, ...otherKeys]) },
      { type: 'office', office: { challengeSecret, sessionSecret, ticketTtlMs, calmPerSecond, signIn } },
      ...sales.map((sale): EdgeLine => ({ type: 'sale', sale })),
    ],
    request(random) {
      const { userId, token } = newShopper({ random, nth: random.int(0, 1e9), world });
      const saleId = random.pick(saleIds);
      if (random.chance(0.3)) return { target: `/api/sales/${saleId}/challenge`, token, body: null };
      const made = makeChallenge({ world, random }, saleId, userId);
      const sale = world.sales.get(saleId);
      const verdict = sale && challenges.judge(sale, made.challengeId, made.answer, userId, Date.now());
      if (verdict?.kind === 'right') earned.set(verdict.orderId, userId);
      const body = random.chance(0.5) ? oddBody(random, made).body : Buffer.from(JSON.stringify(made));
      return { target: `/api/sales/${saleId}/ticket`, token, body };
    },
    isEarned(body) {
      const { ticket } = ticketAnswerSchema.parse(JSON.parse(body));
      const check = checkTicket(ticket, ticketKeys, Date.now());
      return check.kind === 'valid' && earned.get(check.ticket.orderId) === check.ticket.userId;
    },
  };
}
