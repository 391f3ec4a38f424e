import { parseOrigin } from '#contract/origin.ts';
import { type Answer, refusal } from '#http/answer.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { Tracing } from '#runtime/tracing.ts';
import { answerOf, unavailable } from './answer.ts';
import type { Purchase, PurchaseOutcome } from './purchase.ts';

const maxCharacters = 1024;

export const tooLarge = refusal('BODY_TOO_LARGE');
const badJson = refusal('BAD_REQUEST', { detail: 'The body is not valid JSON. Send {"quantity": 1}.' });

/** A purchase as it arrived. `body`: null when it is not UTF-8. `from`: when it arrived, as `performance.now()` says. */
export type Asked = {
  saleId: string;
  ticket: string | undefined;
  requestId: string | undefined;
  body: string | null;
  from: number;
};

/** Never rejects: a fault is told as UNAVAILABLE. */
export type Decide = (asked: Asked) => Promise<Answer>;

/** What becomes of a purchase, however it came here: over HTTP (listener.ts) or over an edge's link (link.ts). */
export function createDecide(deps: {
  purchase: Purchase;
  logger: Logger;
  /** Hears each outcome, and the seconds from the request's arrival here, for the metrics. */
  onAnswer: (outcome: PurchaseOutcome['kind'], seconds: number) => void;
  tracing?: Pick<Tracing, 'begin'> | null;
}): Decide {
  const { purchase, logger, onAnswer, tracing = null } = deps;
  const warn = createThrottledWarn(logger);

  return async ({ saleId, ticket, requestId: named, body, from }) => {
    if (body === null) return badJson;
    if (body.length > maxCharacters) return tooLarge;
    let value: unknown;
    try {
      value = JSON.parse(body);
    } catch {
      return badJson;
    }
    try {
      const { requestId } = parseOrigin(named);
      const span = tracing?.begin('purchase');
      const origin = { requestId, traceparent: span?.traceparent ?? undefined };
      const outcome = await purchase(saleId, ticket, value, origin);
      span?.end({ 'seckill.sale': saleId, 'seckill.outcome': outcome.kind, 'seckill.request_id': requestId ?? '' });
      onAnswer(outcome.kind, (performance.now() - from) / 1000);
      return answerOf(outcome);
    } catch (error) {
      warn(error, 'a purchase failed');
      return unavailable;
    }
  };
}
