import type { ProblemCode } from '#contract/problems.ts';
import type { challengeKinds } from '#contract/sale.ts';
import type { Page } from './page.ts';
import { askPatiently } from './purchase.ts';

export type Challenge = {
  challengeId: string;
  kind: (typeof challengeKinds)[number];
  question: string;
  expiresAt: string;
};
/** `wasTried`: an order was asked for with it, and the answer is not known. */
export type HeldTicket = { ticket: string; orderId: string; expiresAt: string; wasTried: boolean };

const marginMs = 2000;

/** One sale's challenge and ticket as this shopper holds them. Refusals come back as their code, success as null. */
export function createTicketDesk(page: Page, saleId: string, onWait: () => void) {
  const key = `ticket.${saleId}`;
  const waiting = { sleep: page.sleep, nowMs: page.clock.now, random: Math.random, onWait };
  let challenge: Challenge | null = null;
  const isLasting = (thing: { expiresAt: string }) => Date.parse(thing.expiresAt) - marginMs > page.clock.now();

  function held(): HeldTicket | null {
    const ticket = page.passing.read<HeldTicket>(key);
    // One that was tried stays past its end: its order must be asked for before another is bought.
    return ticket !== null && (ticket.wasTried || isLasting(ticket)) ? ticket : null;
  }

  return {
    held,
    challenge: () => (challenge !== null && isLasting(challenge) ? challenge : null),
    drop: () => page.passing.write(key, null),
    markTried: (wasTried: boolean) => page.passing.write(key, { ...held(), wasTried }),
    async ask(): Promise<ProblemCode | null> {
      challenge = null;
      const path = `/api/sales/${saleId}/challenge`;
      const reply = await askPatiently(waiting, () => page.session.call<Challenge>('GET', path));
      if (reply.kind !== 'ok') return reply.kind === 'lost' ? 'UNAVAILABLE' : reply.code;
      challenge = reply.body;
      return null;
    },
    async redeem(challengeId: string, answer: string): Promise<ProblemCode | null> {
      const path = `/api/sales/${saleId}/ticket`;
      const reply = await askPatiently(waiting, () =>
        page.session.call<Omit<HeldTicket, 'wasTried'>>('POST', path, { body: { challengeId, answer } }),
      );
      if (reply.kind !== 'ok') return reply.kind === 'lost' ? 'UNAVAILABLE' : reply.code;
      challenge = null;
      page.passing.write(key, { ...reply.body, wasTried: false });
      return null;
    },
  };
}
