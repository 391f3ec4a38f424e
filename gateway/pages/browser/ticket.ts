import type { Challenge } from '#contract/challenge.ts';
import type { ProblemCode } from '#contract/problems.ts';
import { failureOf } from './api.ts';
import type { Page } from './page.ts';
import { askPatiently } from './purchase.ts';

type Issued = { ticket: string; orderId: string; expiresAt: string };
/** What the ticket was given for: good for the same ticket again until it expires. */
type Proof = { challengeId: string; answer: string; expiresAt: string };
/** `wasTried`: an order was asked for with it, and the answer is not known. */
export type HeldTicket = Issued & { userId: string | null; proof: Proof; renewAtMs: number; wasTried: boolean };

const marginMs = 2000;

/**
 * One sale's challenge and ticket as this shopper holds them. The ticket is kept for all tabs of the browser: two tabs
 * buy with one ticket, which is one order (I5). Refusals come back as their code, success as null.
 */
export function createTicketDesk(page: Page, saleId: string, onWait: () => void) {
  const key = `ticket.${saleId}`;
  const path = `/api/sales/${saleId}`;
  const waiting = { sleep: page.sleep, nowMs: page.clock.now, random: Math.random, onWait };
  let challenge: (Challenge & { userId: string | null }) | null = null;
  const lastsMs = (thing: { expiresAt: string }) => Date.parse(thing.expiresAt) - marginMs - page.clock.now();

  function held(): HeldTicket | null {
    const ticket = page.lasting.read<HeldTicket>(key);
    if (ticket === null || ticket.userId !== page.session.userId()) return null;
    // One that was tried stays past its end: its order must be asked for before another is bought.
    return ticket.wasTried || lastsMs(ticket) > 0 ? ticket : null;
  }

  async function post(proof: Proof): Promise<ProblemCode | null> {
    const { challengeId, answer } = proof;
    const reply = await askPatiently(waiting, () =>
      page.session.call<Issued>('POST', `${path}/ticket`, { body: { challengeId, answer } }),
    );
    if (reply.kind !== 'ok') return failureOf(reply);
    // Another tab may have been quicker: both go on with one ticket.
    const other = held();
    if (other !== null && other.orderId !== reply.body.orderId) return null;
    const span = Math.min(lastsMs(reply.body), lastsMs(proof)) * (0.5 + Math.random() * 0.35);
    page.lasting.write(key, {
      ...reply.body,
      proof,
      userId: page.session.userId(),
      renewAtMs: page.clock.now() + Math.max(1000, span),
      wasTried: other?.wasTried ?? false,
    } satisfies HeldTicket);
    return null;
  }

  return {
    key,
    held,
    /** None that was given to another user: another tab may have signed in anew. */
    challenge: () =>
      challenge !== null && challenge.userId === page.session.userId() && lastsMs(challenge) > 0 ? challenge : null,
    drop: () => page.lasting.write(key, null),
    markTried: (wasTried: boolean) => page.lasting.write(key, { ...held(), wasTried }),
    async ask(): Promise<ProblemCode | null> {
      challenge = null;
      const reply = await askPatiently(waiting, () => page.session.call<Challenge>('GET', `${path}/challenge`));
      if (reply.kind === 'ok') challenge = { ...reply.body, userId: page.session.userId() };
      return failureOf(reply);
    },
    async redeem(answer: string): Promise<ProblemCode | null> {
      if (challenge === null) return 'TICKET_MISSING';
      const { challengeId, expiresAt } = challenge;
      const problem = await post({ challengeId, answer, expiresAt });
      // One whose answer was wrong is not answered again: what a machine found would be wrong again.
      if (problem === null || problem === 'WRONG_ANSWER') challenge = null;
      return problem;
    },
    /** Whether the ticket should be made to last longer now, with the answer that it was given for. */
    needsRenewal(): boolean {
      const ticket = held();
      if (ticket === null || ticket.wasTried) return false;
      return page.clock.now() >= ticket.renewAtMs && lastsMs(ticket.proof) > 0;
    },
    async renew(): Promise<ProblemCode | null> {
      const ticket = held();
      return ticket === null ? null : post(ticket.proof);
    },
  };
}
export type TicketDesk = ReturnType<typeof createTicketDesk>;
