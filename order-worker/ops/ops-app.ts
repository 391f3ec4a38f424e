import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { isJsonType } from '#contract/json-body.ts';
import {
  type AuditAnswer,
  drainChangeSchema,
  maxSalesCounted,
  opsPaths,
  type RetryRequest,
  retryRequestSchema,
} from '#contract/ops.ts';
import { problemResponse } from '#contract/problems.ts';
import { saleIdPattern } from '#contract/sale.ts';
import { bearerOf } from '#http/bearer.ts';
import { createProblemApp } from '#http/problem-app.ts';
import { readJsonBody } from '#http/read-json-body.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { isSameToken } from '#runtime/same-token.ts';
import { type Found, retryDeadLetter } from '../dead-letters/dead-letters.ts';
import { changeDrainSettings } from '../drain/settings.ts';
import { type OverviewDeps, readOverview } from './overview.ts';

const listed = 50;

/** {@link opsPaths}: what the console asks of order-worker, on the inner port only, and only with the token. */
export function createOpsApp(
  deps: OverviewDeps & { token: string; audit: (saleId: string) => Promise<AuditAnswer | null>; logger: Logger },
): Hono {
  const { token, audit, logger, zookeeper, withDeadLetters } = deps;
  const warn = createThrottledWarn(logger);
  const app = new Hono();

  app.use('/ops/*', async (context, next) => {
    const given = bearerOf(context.req.raw);
    if (given !== null && isSameToken(given, token)) return next();
    return problemResponse('UNAUTHENTICATED', {
      detail: 'This needs the console\'s token: "Authorization: Bearer <SECKILL_CONSOLE_TOKEN>".',
    });
  });
  app.use('/ops/*', bodyLimit({ maxSize: 4096, onError: () => problemResponse('BODY_TOO_LARGE') }));

  app.get(opsPaths.overview, async (context) => {
    const saleIds = [...new Set(context.req.queries('sale') ?? [])];
    if (saleIds.length > maxSalesCounted || !saleIds.every((saleId) => saleIdPattern.test(saleId))) {
      return problemResponse('BAD_REQUEST', { detail: `"sale" must be at most ${maxSalesCounted} sale ids.` });
    }
    return context.json(await readOverview(deps, saleIds));
  });

  app.get(opsPaths.audit(':saleId'), async (context) => {
    const saleId = context.req.param('saleId') ?? '';
    const report = saleIdPattern.test(saleId) ? await audit(saleId) : null;
    if (report === null) return problemResponse('SALE_UNKNOWN', { detail: 'It has no stock yet: nothing to audit.' });
    return context.json(report);
  });

  app.post(opsPaths.drain, async (context) => {
    const change = await bodyOf(context, drainChangeSchema);
    if (change instanceof Response) return change;
    const { ratePerSecond, paused } = change;
    const settings = await changeDrainSettings(zookeeper, {
      ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
      ...(paused === undefined ? {} : { paused }),
    });
    logger.info({ change, settings }, 'the drain was set from the console');
    return context.json(settings);
  });

  app.get(opsPaths.deadLetters, async (context) => {
    const found = await withDeadLetters((letters) => letters.list(listed));
    return context.json({ deadLetters: found.map(({ letter }) => letter) });
  });

  app.post(opsPaths.retry, async (context) => {
    const request = await bodyOf(context, retryRequestSchema);
    if (request instanceof Response) return request;
    const retried = await withDeadLetters((letters) => {
      let count = 0;
      const retry = async (found: Found) => {
        if (isAsked(request, found) && (await retryDeadLetter(found))) count += 1;
      };
      const one = 'id' in request ? letters.find(request.id) : null;
      const work = one === null ? letters.each(retry) : one.then((all) => Promise.all(all.map(retry)));
      return work.then(() => count);
    });
    logger.info({ request, retried }, 'dead letters were retried from the console');
    return context.json({ retried });
  });

  return createProblemApp([app], (error) => warn(error, 'an ops request failed'));
}

const isAsked = (request: RetryRequest, { letter }: Found) => !('queue' in request) || letter.queue === request.queue;

/** The JSON body, or the refusal that says what is wrong with it. */
async function bodyOf<T extends z.ZodType>(context: Context, schema: T): Promise<z.infer<T> | Response> {
  if (!isJsonType(context.req.header('content-type'))) return problemResponse('UNSUPPORTED_MEDIA_TYPE');
  const body = schema.safeParse(await readJsonBody(context.req.raw));
  if (body.success) return body.data;
  return problemResponse('BAD_REQUEST', { detail: z.prettifyError(body.error) });
}
