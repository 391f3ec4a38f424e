import http, { type RefinedParams } from 'k6/http';
import { plan } from './plan.ts';

const timeout = '10s';
const orders = `${plan.edgeUrl}/api/sales/${plan.saleId}/orders`;
const oneUnit = JSON.stringify({ quantity: 1 });

/** A purchase for `http.batch` or `http.post`. The body of the answer is read: it holds the code of a refusal. */
export function purchase(ticket: string): ['POST', string, string, RefinedParams<'text'>] {
  const headers = { 'Content-Type': 'application/json', 'Seckill-Ticket': ticket };
  return ['POST', orders, oneUnit, { headers, timeout, responseType: 'text' }];
}

export const press = (ticket: string) => {
  const [, url, body, params] = purchase(ticket);
  return http.post(url, body, params);
};

export function withToken(token: string): RefinedParams<'text'> {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  return { headers, timeout, responseType: 'text' };
}

export const urlOf = (path: string): string => `${plan.edgeUrl}${path}`;
