import { handOverRoutes } from './hand-over-routes.ts';
import { orderRoutes } from './order-routes.ts';
import { pageRoutes } from './page-routes.ts';
import { paymentRoutes } from './payment-routes.ts';
import type { ApiRoute } from './route.ts';
import { saleRoutes } from './sale-routes.ts';
import { ticketRoutes } from './ticket-routes.ts';

/** Every route that the public can reach, in the order in which a purchase meets them: what gateway/reference/openapi.ts tells. */
export const apiRoutes: readonly ApiRoute[] = [
  ...saleRoutes,
  ...ticketRoutes,
  ...orderRoutes,
  ...paymentRoutes,
  ...handOverRoutes,
  ...pageRoutes,
];
