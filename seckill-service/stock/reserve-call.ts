import { formatOrigin, type Origin } from '#contract/origin.ts';
import { type ReserveOutcome, reserveOutcome } from './outcomes.ts';
import { attempt } from './read-reply.ts';
import type { Asked } from './stock.ts';

const unknownOrigin: Origin = {};

/** The five arguments of an order, as the header of reserve.lua names them. */
export function reserveArguments({ question, notAfterMs }: Asked): (string | number)[] {
  const { orderId, userId, quantity, origin = unknownOrigin } = question;
  return [orderId, userId, quantity, formatOrigin(origin), notAfterMs === null ? '' : Math.floor(notAfterMs)];
}

/** The outcome in three numbers of a reply; an order that was too late, or an unknown code, is an error. */
export function outcomeAt(reply: readonly unknown[], at: number): ReserveOutcome | Error {
  return attempt(() => reserveOutcome([Number(reply[at]), Number(reply[at + 1]), Number(reply[at + 2])]));
}
