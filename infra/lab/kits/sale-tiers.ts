import { join } from 'node:path';
import type { EdgeSale } from '#contract/edge-stream.ts';
import { problemBody } from '#contract/problems.ts';
import { publicSaleSchema } from '#contract/sale.ts';
import type { CountingUpstream } from '#lab/servers/counting-upstream.ts';
import { ask, startEdge } from '#lab/servers/edge.ts';
import { startRedis } from '#lab/servers/redis.ts';

/** A gateway that tells of this. */
export const tells =
  (value: EdgeSale | EdgeSale[]): CountingUpstream['answer'] =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };

/** A gateway that knows no sale. */
export const knowsNone: CountingUpstream['answer'] = (_, response) => {
  response
    .writeHead(404, { 'content-type': 'application/problem+json' })
    .end(JSON.stringify(problemBody('SALE_UNKNOWN')));
};

export const timed = async <T>(work: () => Promise<T>) => {
  const from = performance.now();
  const answers = await work();
  return { answers, seconds: (performance.now() - from) / 1000 };
};

/** An edge that asks a cache Redis of its own and a gateway that the test controls. */
export async function startSaleTiers() {
  const edge = await startEdge({}, [], { values: (dir) => ({ cacheRedis: join(dir, 'redis.sock') }) });
  const startCache = () => startRedis({ socket: join(edge.dir, 'redis.sock') });
  const knowsNothing = edge.gateway.answer;
  const get = (saleId: string) => ask(edge, `/api/sales/${saleId}`);
  let nth = 0;
  const tiers = {
    edge,
    /** The test's own. */
    sale: '',
    redis: await startCache(),
    /** A Redis in the place of the one that was stopped. */
    async restartRedis() {
      tiers.redis = await startCache();
    },
    /** Before each test: nothing is kept, and nothing was asked. A sale of its own: the edge remembers those before. */
    async begin() {
      edge.gateway.answer = knowsNothing;
      edge.forgetSeen();
      await tiers.redis.client.flushall();
      await tiers.redis.client.config('RESETSTAT');
      nth += 1;
      tiers.sale = `sale-${nth}`;
    },
    get,
    many: (count: number, saleId: string) => Promise.all(Array.from({ length: count }, () => get(saleId))),
    epochOf: async (saleId: string) => publicSaleSchema.parse(JSON.parse((await get(saleId)).text)).epoch,
    async stop() {
      await edge.stop();
      await tiers.redis.stop();
    },
  };
  return tiers;
}
