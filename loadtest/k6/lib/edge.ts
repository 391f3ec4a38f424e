import http, { type RefinedParams } from 'k6/http';
import { plan } from './plan.ts';

const timeout = '10s';
const orders = `${plan.edgeUrl}/api/sales/${plan.saleId}/orders`;
const oneUnit = JSON.stringify({ quantity: 1 });

/**
 * A purchase for `http.batch` or `http.post`. The body of the answer is read: it holds the code of a refusal. `attempt`: 2
 * and up for a repeat.
 */
export function purchase(ticket: string, attempt = 1): ['POST', string, string, RefinedParams<'text'>] {
  const headers = {
    'Content-Type': 'application/json',
    'Seckill-Ticket': ticket,
    ...(attempt > 1 && { 'Seckill-Attempt': String(attempt) }),
  };
  return ['POST', orders, oneUnit, { headers, timeout, responseType: 'text' }];
}

export const press = (ticket: string, attempt = 1) => {
  const [, url, body, params] = purchase(ticket, attempt);
  return http.post(url, body, params);
};

export function withToken(token: string): RefinedParams<'text'> {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  return { headers, timeout, responseType: 'text' };
}

export const urlOf = (path: string): string => `${plan.edgeUrl}${path}`;
