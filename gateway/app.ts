import { Hono } from 'hono';
import { problemResponse } from '#contract/problems.ts';
import type { Logger } from '#runtime/logger.ts';

/** Everything that the gateway answers, put together: the routes' own apps, and problem bodies for the rest. */
export function createGatewayApp(parts: readonly Hono[], logger: Logger): Hono {
  const app = new Hono();
  for (const part of parts) app.route('/', part);
  app.notFound(() => problemResponse('NOT_FOUND'));
  app.onError((error, context) => {
    logger.error(
      { err: error, path: context.req.path, requestId: context.req.header('x-request-id') },
      'request failed',
    );
    return problemResponse('UNAVAILABLE', { retryAfterSeconds: 1 });
  });
  return app;
}
