import { SharedArray } from 'k6/data';
import { plan } from './plan.ts';

export type Held = { ticket: string; token: string; orderId: string };

const lines = new SharedArray<string>('tickets', () =>
  plan.ticketsFile === null
    ? []
    : open(plan.ticketsFile)
        .split('\n')
        .filter((line) => line !== ''),
);

export const ticketCount = lines.length;

/** The shopper with this number; after the last comes the first. */
export function heldBy(index: number): Held {
  const line = lines[index % lines.length] ?? '';
  const [ticket = '', token = ''] = line.split(' ');
  return { ticket, token, orderId: ticket.split('.')[3] ?? '' };
}
