import type { Origin } from '#contract/origin.ts';
import { maxUnitsPerUser } from '#contract/sale.ts';
import { checkTicket, type TicketKey } from '#contract/ticket.ts';
import { StockFault } from '#stock/fault.ts';
import type { ReserveOutcome } from '#stock/outcomes.ts';
import type { Question } from '#stock/stock.ts';
import { type Gate, questionLifeMs } from './gate.ts';

/** `now` and Redis' clock both tell whole milliseconds. */
const clockGrainMs = 2;

export type PurchaseOutcome =
  | { kind: 'ticket_missing' | 'ticket_invalid' | 'ticket_expired' | 'quantity_missing' | 'quantity_invalid' }
  | { kind: 'unavailable' }
  | (ReserveOutcome & { orderId: string });

export type Purchase = (
  saleId: string,
  ticket: string | undefined,
  body: unknown,
  origin?: Origin,
) => Promise<PurchaseOutcome>;

/**
 * Decides one purchase: checks the ticket once more (the edge may be misconfigured, the stock must not suffer from it),
 * then asks stock Redis. When the link breaks after the question was sent the outcome is unknown, and the same order id
 * is asked again until `decideWithinMs`; after that the shopper is told to retry, and the retry gets the truth. A no is
 * not told while an earlier question may still be on its way: it could meet a unit that has come back.
 */
export function createPurchase(deps: {
  stock: Pick<Gate, 'reserve'>;
  ticketKeys: () => readonly TicketKey[];
  now: () => number;
  wait: (ms: number) => Promise<void>;
  onAccepted: (saleId: string, place: number, orderId: string) => void;
  onSoldOut: (saleId: string, epoch: number) => void;
  decideWithinMs?: number;
  /** As the gate has it. */
  lifeMs?: number;
}): Purchase {
  const { stock, ticketKeys, now, wait, onAccepted, onSoldOut } = deps;
  const { decideWithinMs = 2000, lifeMs = questionLifeMs } = deps;

  async function reserve(saleId: string, question: Question): Promise<ReserveOutcome | null> {
    const giveUpAt = now() + decideWithinMs;
    let asked = false;
    let openUntil = 0;
    for (;;) {
      const from = now();
      try {
        const outcome = await stock.reserve(saleId, question);
        if (outcome.kind === 'accepted' || outcome.kind === 'replay' || from >= openUntil) return outcome;
        if (openUntil >= giveUpAt) return null;
        await wait(openUntil - from);
      } catch (error) {
        if (!(error instanceof StockFault)) throw error;
        if (error.kind === 'unknown') {
          asked = true;
          openUntil = from + lifeMs + clockGrainMs;
        }
        // Never asked: nothing was done, and a quick no is kinder than a wait.
        if (!asked || now() >= giveUpAt) return null;
        await wait(50);
      }
    }
  }

  return async (saleId, ticketText, body, origin = {}) => {
    if (ticketText === undefined || ticketText === '') return { kind: 'ticket_missing' };
    const check = checkTicket(ticketText, ticketKeys(), now());
    if (check.kind === 'expired') return { kind: 'ticket_expired' };
    if (check.kind === 'invalid' || check.ticket.saleId !== saleId) return { kind: 'ticket_invalid' };
    const quantity = quantityOf(body);
    if (quantity === null) return { kind: 'quantity_missing' };
    if (!Number.isInteger(quantity) || quantity < 1 || quantity > maxUnitsPerUser) return { kind: 'quantity_invalid' };

    const { orderId, userId } = check.ticket;
    const outcome = await reserve(saleId, { orderId, userId, quantity, origin });
    if (outcome === null) return { kind: 'unavailable' };
    // A replay may be the answer to a first call whose own answer was lost: to us it is news just the same.
    if (outcome.kind === 'accepted' || outcome.kind === 'replay') onAccepted(saleId, outcome.place, orderId);
    if (outcome.kind === 'accepted' && outcome.soldOutEpoch !== null) onSoldOut(saleId, outcome.soldOutEpoch);
    return { ...outcome, orderId };
  };
}

/** The number in `{quantity}`, or null when there is none. */
function quantityOf(body: unknown): number | null {
  if (typeof body !== 'object' || body === null || !('quantity' in body)) return null;
  return typeof body.quantity === 'number' ? body.quantity : null;
}
