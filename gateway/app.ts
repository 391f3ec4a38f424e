import { Hono } from 'hono';
import { problemResponse } from '#contract/problems.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';

/** Everything that the gateway answers, put together: the routes' own apps, and problem bodies for the rest. */
export function createGatewayApp(parts: readonly Hono[], logger: Logger): Hono {
  const app = new Hono();
  const warn = createThrottledWarn(logger);
  for (const part of parts) app.route('/', part);
  app.notFound(() => problemResponse('NOT_FOUND'));
  app.onError((error) => {
    warn(error, 'a request failed'); // throttled: an outage makes one of these for every poll
    return problemResponse('UNAVAILABLE', { retryAfterSeconds: 1 });
  });
  return app;
}
