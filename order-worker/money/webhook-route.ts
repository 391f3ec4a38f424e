import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { WebhookAnswer } from '#contract/payment.ts';
import { problemResponse } from '#contract/problems.ts';
import type { Logger } from '#runtime/logger.ts';
import type { MoneyDesk } from './money-desk.ts';
import type { EventVerdict, PaymentProvider } from './provider/provider.ts';

type Refusal = Extract<EventVerdict, { kind: 'refused' }>['why'];

const details: Record<Refusal, string> = {
  headers: 'webhook-id, webhook-timestamp and webhook-signature are needed (Standard Webhooks)',
  signature: 'the signature is of none of our secrets',
  timestamp: 'the timestamp is more than 5 minutes off: sign it anew, and set your clock',
  body: 'the body is not an event of this provider',
};
const longestBody = 64 * 1024;

/**
 * `POST /api/payments/webhook`: 200 once what it tells is stored, or was before. Whatever is not genuine, or is not
 * about a payment of ours as we know it, gets a problem and moves nothing; the provider may send it again.
 */
export function createWebhookApp(deps: {
  provider: Pick<PaymentProvider, 'readEvent'>;
  desk: Pick<MoneyDesk, 'takeEvent'>;
  now: () => number;
  logger: Logger;
  /** For the metrics: how each webhook ended. */
  onWebhook: (outcome: 'taken' | 'already' | 'passed_over' | 'refused') => void;
}): Hono {
  const { provider, desk, now, logger, onWebhook } = deps;
  const app = new Hono();

  app.post(
    '/api/payments/webhook',
    bodyLimit({ maxSize: longestBody, onError: () => problemResponse('BODY_TOO_LARGE') }),
    async (context) => {
      const body = await context.req.text();
      const verdict = provider.readEvent({ headers: context.req.raw.headers, body, nowMs: now() });
      if (verdict.kind === 'refused') {
        onWebhook('refused');
        const code = verdict.why === 'signature' ? 'UNAUTHENTICATED' : 'BAD_REQUEST';
        return problemResponse(code, { detail: details[verdict.why] });
      }
      const { event } = verdict;
      const outcome = await desk.takeEvent(event);
      switch (outcome.kind) {
        case 'unknown':
          onWebhook('refused');
          logger.error({ event }, 'the payment provider tells of money that we know nothing of');
          return problemResponse('NOT_FOUND', { detail: 'we have no such payment or refund' });
        case 'mismatch':
          onWebhook('refused');
          logger.error({ event, says: outcome.says }, 'the payment provider tells of another amount than ours');
          return problemResponse('BAD_REQUEST', { detail: `it is about ${outcome.says}` });
        case 'passed_over':
          onWebhook('passed_over');
          break;
        case 'already':
        case 'already_taken':
          onWebhook('already');
          break;
        default:
          onWebhook('taken');
      }
      const answer: WebhookAnswer = { received: true };
      return context.json(answer, 200);
    },
  );
  return app;
}
