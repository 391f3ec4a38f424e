import { Hono, type MiddlewareHandler } from 'hono';
import { problemResponse } from '#contract/problems.ts';

/**
 * Puts the rooms' own apps together; an unknown path and a fault are answered with a problem. `onFault` hears of faults,
 * `around` sees every request and its answer.
 */
export function createProblemApp(
  parts: readonly Hono[],
  onFault: (error: Error, request: Request) => void,
  around?: MiddlewareHandler,
): Hono {
  const app = new Hono();
  if (around !== undefined) app.use(around);
  for (const part of parts) app.route('/', part);
  app.notFound(() => problemResponse('NOT_FOUND'));
  app.onError((error, context) => {
    onFault(error, context.req.raw);
    return problemResponse('UNAVAILABLE', { retryAfterSeconds: 1 });
  });
  return app;
}
