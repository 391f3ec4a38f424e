import { type Context, Hono } from 'hono';
import { isJsonType } from '#contract/json-body.ts';
import { opsPaths } from '#contract/ops.ts';
import { problemResponse } from '#contract/problems.ts';
import { saleIdPattern } from '#contract/sale.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { InnerAssets } from '../inner/inner-assets.ts';
import { innerPageHeaders } from '../inner/inner-page-headers.ts';
import type { AskWorker } from './ask-worker.ts';
import type { createDoor } from './door.ts';
import type { History } from './history.ts';
import { renderConsole } from './page.ts';
import type { Viewers } from './viewers.ts';

/** Everything under /console but the queues. The styles alone are for everybody: the form is drawn with them. */
export function createConsoleApp(deps: {
  door: ReturnType<typeof createDoor>;
  assets: () => Promise<InnerAssets>;
  history: History;
  viewers: Viewers;
  askWorker: AskWorker;
  logger: Logger;
}): Hono {
  const { door, assets, history, viewers, askWorker, logger } = deps;
  const app = new Hono();
  const warn = createThrottledWarn(logger);
  app.use('/console', innerPageHeaders());
  app.use('/console/*', (context, next) =>
    context.req.path.startsWith('/console/queues') ? next() : innerPageHeaders()(context, next),
  );
  app.route('/', door.app);
  app.get('/console/assets/console.css', async () => file((await assets())['console.css'], 'text/css'));

  app.use('/console', door.guard);
  app.use('/console/*', door.guard);
  app.get('/console', (context) => context.html(renderConsole()));
  app.get('/console/assets/console.js', async () => file((await assets())['console.js'], 'text/javascript'));

  app.get('/console/api/events', ({ req }) => {
    const saleId = req.query('sale') ?? null;
    if (saleId !== null && !saleIdPattern.test(saleId)) {
      return problemResponse('BAD_REQUEST', { detail: '"sale" must be a sale id.' });
    }
    const stream = viewers.open({ isStillIn: () => door.isStillIn(req.raw), saleId });
    if (stream === null) {
      return problemResponse('BUSY', { detail: 'As many look on as may: close a page.', retryAfterSeconds: 10 });
    }
    return new Response(stream, { headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' } });
  });
  app.get('/console/api/history', (context) => {
    const saleId = context.req.query('sale') ?? '';
    if (!saleIdPattern.test(saleId)) return problemResponse('BAD_REQUEST', { detail: '"sale" must be a sale id.' });
    return file(history.of(saleId), 'application/json');
  });

  app.get('/console/api/audit', (context) => {
    const saleId = context.req.query('sale') ?? '';
    if (!saleIdPattern.test(saleId)) return problemResponse('BAD_REQUEST', { detail: '"sale" must be a sale id.' });
    return askWorker(opsPaths.audit(saleId));
  });
  app.get('/console/api/dead-letters', () => askWorker(opsPaths.deadLetters));
  app.post('/console/api/dead-letters/retry', (context) => handOn(context, opsPaths.retry));
  app.post('/console/api/drain', (context) => handOn(context, opsPaths.drain));

  /** JSON alone, as order-worker wants it. */
  async function handOn(context: Context, path: string): Promise<Response> {
    if (!isJsonType(context.req.header('content-type'))) return problemResponse('UNSUPPORTED_MEDIA_TYPE');
    return askWorker(path, await context.req.text());
  }

  app.onError((error) => {
    warn(error, 'a request of the console failed');
    return problemResponse('UNAVAILABLE', { retryAfterSeconds: 1 });
  });
  return app;
}

const file = (body: string, type: string) =>
  new Response(body, { headers: { 'Content-Type': `${type}; charset=utf-8` } });
