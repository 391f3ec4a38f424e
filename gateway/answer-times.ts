import type { MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { Histogram, type Registry } from '#runtime/metrics.ts';

/** `observe` takes an answer that no app of Hono's has made; the path as the app spells it. */
export type AnswerTimes = {
  middleware: MiddlewareHandler;
  observe: (path: string, status: number, seconds: number) => void;
};

/**
 * Times each answer of the gateway's own routes, by the route's pattern (`other` where none fits) and the class of its
 * status. An event stream counts until it is open.
 */
export function createAnswerTimes(registers: Registry[]): AnswerTimes {
  const histogram = new Histogram({
    name: 'seckill_gateway_answer_seconds',
    help: 'From a request’s arrival in this process until its answer begins, by route and class of status',
    labelNames: ['route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });
  const observe = (route: string, status: number, seconds: number) =>
    histogram.observe({ route, status: `${Math.floor(status / 100)}xx` }, seconds);
  return {
    observe,
    async middleware(context, next) {
      const startedAt = performance.now();
      await next();
      // The middleware itself is matched, too, by a pattern that fits everything.
      const route = matchedRoutes(context).findLast(({ path }) => !path.endsWith('*'))?.path ?? 'other';
      observe(route, context.res.status, (performance.now() - startedAt) / 1000);
    },
  };
}
