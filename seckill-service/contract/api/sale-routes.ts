import { publicSaleSchema, publicSalesSchema } from '../sale.ts';
import { type ApiRoute, everywhere } from './route.ts';

export const saleRoutes: readonly ApiRoute[] = [
  {
    method: 'GET',
    path: '/api/sales',
    operation: 'listSales',
    group: 'Sales',
    summary: 'Every sale but the drafts and those of load tests',
    says: "From the edge's own memory, or from the tiers behind it while the edge is new. A CDN may keep it for a second.",
    access: 'open',
    answers: { 200: { says: 'the sales, and the time of the edge', schema: publicSalesSchema } },
    refusals: [...everywhere, 'RATE_LIMITED', 'BUSY'],
  },
  {
    method: 'GET',
    path: '/api/sales/{saleId}',
    operation: 'getSale',
    group: 'Sales',
    summary: 'One sale, with its state at this moment',
    says: "`now` is the server's clock: a countdown to `opensAt` goes by it, not by the visitor's own. `epoch` grows with each change of state.",
    access: 'open',
    answers: { 200: { says: 'the sale', schema: publicSaleSchema } },
    refusals: [...everywhere, 'SALE_UNKNOWN', 'RATE_LIMITED', 'BUSY'],
  },
];
