import { Hono } from 'hono';
import { toEdgeSale } from '#contract/edge-stream.ts';
import { problemResponse } from '#contract/problems.ts';
import { publicSaleKey, publicSalesKey } from '#contract/redis-keys.ts';
import { saleIdPattern } from '#contract/sale.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import type { SaleFinder } from './find-sales.ts';

/** An edge asks for what it shows once a second at most; within this, all edges together ask PostgreSQL once. */
const keptSeconds = 2;

/**
 * The last tier of the edges' cache: `GET /edge/sales/<saleId>` and `GET /edge/sales`, for edges only (the edge has no
 * way to here from outside). Answers the edge's form of a sale, so that each edge goes on with its own clock, and leaves
 * it in the cache Redis for the other edges. A cache that cannot be written is no reason not to answer.
 */
export function createEdgeSaleApp(deps: { find: SaleFinder; cache: Redis; logger: Logger }): Hono {
  const { find, cache } = deps;
  const warn = createThrottledWarn(deps.logger);
  const app = new Hono();

  const answer = (key: string, value: unknown): Response => {
    const text = JSON.stringify(value);
    cache
      .set(key, text, 'EX', keptSeconds)
      .catch((error: unknown) => warn(error, 'the cache redis was not written: the edges ask again sooner'));
    return new Response(text, { headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' } });
  };

  app.get('/edge/sales', async () => answer(publicSalesKey, (await find.listed()).map(toEdgeSale)));

  app.get('/edge/sales/:saleId', async (context) => {
    const saleId = context.req.param('saleId');
    const sale = saleIdPattern.test(saleId) ? await find.one(saleId) : null;
    return sale === null ? problemResponse('SALE_UNKNOWN') : answer(publicSaleKey(saleId), toEdgeSale(sale));
  });

  return app;
}
