import http from 'k6/http';
import { plan } from './plan.ts';
import { type Held, orderIn, sessionOf } from './shoppers.ts';

/** This virtual user's own, oldest first. */
let lines: string[] = [];

/**
 * The next ticket that a shopper got and no buyer has pressed with, from the command that started k6 (loadtest/run/hand-over.ts).
 * Null when there is none for some seconds.
 */
export function nextHeld(): Held | null {
  if (lines.length === 0) {
    const { status, body } = http.get(`${plan.gateUrl}/tickets`, { responseType: 'text', timeout: '30s' });
    lines = status === 200 && typeof body === 'string' ? body.split('\n') : [];
  }
  const [number, ticket] = lines.shift()?.split(' ') ?? [];
  if (number === undefined || ticket === undefined) return null;
  return { number: Number(number), ticket, token: sessionOf(Number(number)).token, orderId: orderIn(ticket) };
}
