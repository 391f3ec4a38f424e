import { endedOrderStates, type OrderState } from '#contract/order.ts';
import type { Origin } from '#contract/origin.ts';
import { maxUnitsPerUser } from '#contract/sale.ts';
import { checkTicket, type TicketKey } from '#contract/ticket.ts';
import { StockFault } from '#stock/fault.ts';
import { isGranted, type ReserveOutcome } from '#stock/outcomes.ts';
import type { Question, Stock } from '#stock/stock.ts';
import { type Gate, questionLifeMs } from './gate.ts';

/** `now` and Redis' clock both tell whole milliseconds. */
const clockGrainMs = 2;

/** What an expired ticket asks for: the script grants none, and tells of the order if it was granted before. */
const noUnits = 0;

export type PurchaseOutcome =
  | { kind: 'ticket_missing' | 'ticket_invalid' | 'ticket_expired' | 'quantity_missing' | 'quantity_invalid' }
  | { kind: 'unavailable' }
  /** `state`: how it ended, null while stock Redis knows only that its units went back. */
  | { kind: 'ended'; orderId: string; state: OrderState | null }
  | (Exclude<ReserveOutcome, { kind: 'ended' }> & { orderId: string });

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
 * An order that was granted before is told of in every state of the sale, and with an expired ticket too: who missed our
 * yes must not hear a no.
 */
export function createPurchase(deps: {
  stock: Pick<Gate, 'reserve'> & Pick<Stock, 'shown'>;
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
        if (isGranted(outcome) || from >= openUntil) return outcome;
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

  /** How an order ended; null when its picture is behind, or cannot be had. */
  async function endOf(orderId: string): Promise<OrderState | null> {
    const shown = await stock.shown(orderId).catch((error: unknown) => {
      if (error instanceof StockFault) return null;
      throw error;
    });
    return shown !== null && endedOrderStates.has(shown.state) ? shown.state : null;
  }

  return async (saleId, ticketText, body, origin = {}) => {
    if (ticketText === undefined || ticketText === '') return { kind: 'ticket_missing' };
    const check = checkTicket(ticketText, ticketKeys(), now());
    if (check.kind === 'invalid' || check.ticket.saleId !== saleId) return { kind: 'ticket_invalid' };
    const { orderId, userId } = check.ticket;
    const isExpired = check.kind === 'expired';
    const quantity = isExpired ? noUnits : quantityOf(body);
    if (quantity === null) return { kind: 'quantity_missing' };
    if (!isExpired && (!Number.isInteger(quantity) || quantity < 1 || quantity > maxUnitsPerUser))
      return { kind: 'quantity_invalid' };

    const outcome = await reserve(saleId, { orderId, userId, quantity, origin });
    if (outcome === null) return { kind: 'unavailable' };
    if (isExpired && !isGranted(outcome)) return { kind: 'ticket_expired' };
    // A replay may be the answer to a first call whose own answer was lost: to us it is news just the same.
    if (isGranted(outcome)) onAccepted(saleId, outcome.place, orderId);
    if (outcome.kind === 'ended') return { kind: 'ended', orderId, state: await endOf(orderId) };
    if (outcome.kind === 'accepted' && outcome.soldOutEpoch !== null) onSoldOut(saleId, outcome.soldOutEpoch);
    return { ...outcome, orderId };
  };
}

/** The number in `{quantity}`, or null when there is none. */
function quantityOf(body: unknown): number | null {
  if (typeof body !== 'object' || body === null || !('quantity' in body)) return null;
  return typeof body.quantity === 'number' ? body.quantity : null;
}
