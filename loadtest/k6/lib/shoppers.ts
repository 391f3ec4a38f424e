import { SharedArray } from 'k6/data';
import { plan } from './plan.ts';

/** `number`: the shopper's line in the file. */
export type Held = { number: number; ticket: string; token: string; orderId: string };

const lines = new SharedArray<string>('shoppers', () =>
  plan.shoppersFile === null
    ? []
    : open(plan.shoppersFile)
        .split('\n')
        .filter((line) => line !== ''),
);

export const shopperCount = lines.length;

/** The two words of a line; after the last comes the first. */
const wordsOf = (number: number) => (lines[number % shopperCount] ?? '').split(' ');

/** The minted ticket of the shopper with this number. */
export function heldBy(number: number): Held {
  const [ticket = '', token = ''] = wordsOf(number);
  return { number, ticket, token, orderId: orderIn(ticket) };
}

/** Who the shopper is that gets a ticket through the edge. */
export function sessionOf(number: number): { userId: string; token: string } {
  const [userId = '', token = ''] = wordsOf(number);
  return { userId, token };
}

export const orderIn = (ticket: string): string => ticket.split('.')[3] ?? '';
