import { formatOrigin, type Origin } from '#contract/origin.ts';
import { type ReserveOutcome, reserveOutcome } from './outcomes.ts';
import { attempt, list } from './read-reply.ts';
import type { Asked } from './stock.ts';

const unknownOrigin: Origin = {};

/** The five arguments of an order, as the header of reserve.lua names them. */
export function reserveArguments({ question, notAfterMs }: Asked): (string | number)[] {
  const { orderId, userId, quantity, origin = unknownOrigin } = question;
  return [orderId, userId, quantity, formatOrigin(origin), notAfterMs === null ? '' : Math.floor(notAfterMs)];
}

/** The outcomes of a call, in the order of `asked`; throws when the reply is not one to it. */
export function outcomesIn(answer: unknown, asked: readonly Asked[]): (ReserveOutcome | Error)[] {
  const reply = list(answer);
  if (reply.length !== 3 * asked.length)
    throw new Error(`the script reserve answered ${asked.length} orders with ${JSON.stringify(reply)}`);
  return asked.map((_each, index) => outcomeAt(reply, 3 * index));
}

/** The outcome in three numbers of a reply; an order that was too late, or an unknown code, is an error. */
function outcomeAt(reply: readonly unknown[], at: number): ReserveOutcome | Error {
  return attempt(() => reserveOutcome([Number(reply[at]), Number(reply[at + 1]), Number(reply[at + 2])]));
}
