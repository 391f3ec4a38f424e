import type { IncomingMessage, RequestListener } from 'node:http';
import { isJsonType } from '#contract/json-body.ts';
import { parseOrigin, requestIdHeader } from '#contract/origin.ts';
import { type Answer, refusal, writeAnswer } from '#http/answer.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { Tracing } from '#runtime/tracing.ts';
import { answerOf, unavailable } from './answer.ts';
import type { Purchase, PurchaseOutcome } from './purchase.ts';

/** The one route of this process. */
export const purchaseRoute = { method: 'POST', path: '/api/sales/{saleId}/orders' } as const;

const path = /^\/api\/sales\/([^/]+)\/orders$/;
const maxCharacters = 1024;
/** So many bytes cannot be 1,024 characters or fewer, whatever they are: UTF-8 takes at most 4 for one. */
const maxBytes = 4 * maxCharacters;

const utf8 = new TextDecoder('utf-8', { fatal: true });

const notFound = refusal('NOT_FOUND');
const notJson = refusal('UNSUPPORTED_MEDIA_TYPE');
const tooLarge = refusal('BODY_TOO_LARGE');
const badJson = refusal('BAD_REQUEST', { detail: 'The body is not valid JSON. Send {"quantity": 1}.' });

/**
 * `POST /api/sales/<saleId>/orders`, on bare node:http: the hot route makes no object that it can do without. Everything
 * else that this process is asked for on its outer address is NOT_FOUND.
 */
export function createPurchaseListener(deps: {
  purchase: Purchase;
  logger: Logger;
  /** Hears each outcome, and the seconds from the request's arrival here, for the metrics. */
  onAnswer: (outcome: PurchaseOutcome['kind'], seconds: number) => void;
  tracing?: Pick<Tracing, 'begin'> | null;
}): RequestListener {
  const { purchase, logger, onAnswer, tracing = null } = deps;
  const warn = createThrottledWarn(logger);

  async function decide(request: IncomingMessage, saleId: string, body: Buffer, from: number): Promise<Answer> {
    let value: unknown;
    try {
      const text = utf8.decode(body);
      if (text.length > maxCharacters) return tooLarge;
      value = JSON.parse(text);
    } catch {
      return badJson;
    }
    const { requestId } = parseOrigin(only(request.headers[requestIdHeader]));
    const span = tracing?.begin('purchase');
    const origin = { requestId, traceparent: span?.traceparent ?? undefined };
    const outcome = await purchase(saleId, only(request.headers['seckill-ticket']), value, origin);
    span?.end({ 'seckill.sale': saleId, 'seckill.outcome': outcome.kind, 'seckill.request_id': requestId ?? '' });
    onAnswer(outcome.kind, (performance.now() - from) / 1000);
    return answerOf(outcome);
  }

  return (request, response) => {
    const from = performance.now();
    const saleId = request.method === 'POST' ? saleIdOf(request.url ?? '') : null;
    if (saleId === null) return writeAnswer(response, notFound);
    if (!isJsonType(request.headers['content-type'])) return writeAnswer(response, notJson);
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else if (!response.headersSent) writeAnswer(response, tooLarge);
    });
    // A request that breaks off has no end, and nobody who could be answered.
    request.on('end', () => {
      if (bytes > maxBytes) return;
      const [first] = chunks;
      const body = first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
      decide(request, saleId, body, from).then(
        (answer) => writeAnswer(response, answer),
        (error: unknown) => {
          warn(error, 'a purchase failed');
          writeAnswer(response, unavailable);
        },
      );
    });
  };
}

/** The sale that a request target names, null when it is none of ours. */
function saleIdOf(target: string): string | null {
  const query = target.indexOf('?');
  const raw = query === -1 ? target : target.slice(0, query);
  const match = path.exec(raw.includes('%') ? decoded(raw) : raw);
  return match?.[1] ?? null;
}

/** nginx judges the decoded path and passes the raw one on. */
function decoded(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    return '';
  }
}

/** Node joins a header that came twice, but for a few of its own; the types cannot know which. */
function only(value: string | string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(', ') : value;
}
