import { formatOrigin } from '#contract/origin.ts';
import { type ReserveOutcome, reserveOutcome } from './outcomes.ts';
import { attempt } from './read-reply.ts';
import type { Question } from './stock.ts';

/** The five arguments of an order, as the header of reserve.lua names them. */
export function reserveArguments({ orderId, userId, quantity, origin, notAfterMs }: Question): (string | number)[] {
  return [orderId, userId, quantity, formatOrigin(origin), notAfterMs === null ? '' : Math.floor(notAfterMs)];
}

/** The outcome in three numbers of a reply; an order that was too late, or a code that nobody knows, is an error. */
export function outcomeAt(reply: readonly unknown[], at: number): ReserveOutcome | Error {
  return attempt(() => reserveOutcome([Number(reply[at]), Number(reply[at + 1]), Number(reply[at + 2])]));
}
