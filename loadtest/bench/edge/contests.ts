import { type BenchEdge, saleIds } from './nginx.ts';
import type { Shot } from './wrk.ts';

/** Two sides that answer the same in one nginx, and how near ours is to come: requests/s and p99 as ratios to the bare. */
export type Contest = {
  name: string;
  ours: Shot;
  bare: Shot;
  /** Whether a right answer is a refusal (400 and above). */
  refused: boolean;
  /** At least this much of the bare requests a second; null: shown, not required. */
  atLeast: number | null;
  /** At most so many times the bare p99. */
  p99AtMost: number | null;
};

const body = '{"quantity":1}';

export function contests({ tickets, bearers }: Pick<BenchEdge, 'tickets' | 'bearers'>): Contest[] {
  const post = (path: string, file: string): Shot => ({ method: 'POST', path, body, tickets: file });
  const orders = (saleId: string) => `/api/sales/${saleId}/orders`;
  const bareRefusal = '/bare/orders/of/some/sale';
  return [
    {
      name: 'sold-out POST',
      ours: post(orders(saleIds.soldOut), tickets.many),
      bare: post(bareRefusal, tickets.many),
      refused: true,
      atLeast: 0.92,
      p99AtMost: 1.5,
    },
    {
      name: 'sale page',
      ours: { method: 'GET', path: `/sales/${saleIds.open}` },
      bare: { method: 'GET', path: '/bare/page.html' },
      refused: false,
      atLeast: null,
      p99AtMost: null,
    },
    {
      // Both with the headers that a page must have (CSP, caching): what is left is the way to the file.
      name: 'sale page, headers on both',
      ours: { method: 'GET', path: `/sales/${saleIds.open}` },
      bare: { method: 'GET', path: '/bare/dressed.html' },
      refused: false,
      atLeast: 0.98,
      p99AtMost: null,
    },
    {
      name: 'GET /api/sales/<id>',
      ours: { method: 'GET', path: `/api/sales/${saleIds.open}` },
      bare: { method: 'GET', path: '/bare/sales/of/some/length' },
      refused: false,
      atLeast: 0.92,
      p99AtMost: null,
    },
    {
      name: 'good ticket, passed on',
      ours: post(orders(saleIds.open), tickets.many),
      bare: post('/bare/pass/to/the/service', tickets.many),
      refused: false,
      atLeast: 0.85,
      p99AtMost: null,
    },
    {
      name: 'GET …/challenge',
      ours: { method: 'GET', path: `/api/sales/${saleIds.open}/challenge`, bearers: bearers.asking },
      bare: { method: 'GET', path: '/bare/a/challenge/of/a/sale', bearers: bearers.asking },
      refused: false,
      atLeast: 0.6,
      p99AtMost: null,
    },
    {
      name: 'POST …/ticket',
      ours: { method: 'POST', path: `/api/sales/${saleIds.open}/ticket`, bearers: bearers.answering },
      bare: { method: 'POST', path: '/bare/a/ticket/of/a/sale', bearers: bearers.answering },
      refused: false,
      atLeast: 0.45,
      p99AtMost: null,
    },
    {
      name: 'forged ticket',
      ours: post(orders(saleIds.open), tickets.forged),
      bare: post(bareRefusal, tickets.forged),
      refused: true,
      atLeast: null,
      p99AtMost: null,
    },
  ];
}
