import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { WebhookAnswer } from '#contract/payment.ts';
import { problemResponse } from '#contract/problems.ts';
import type { Logger } from '#runtime/logger.ts';
import type { EventOutcome, MoneyDesk } from './money-desk.ts';
import type { EventVerdict, PaymentProvider, ProviderEvent } from './provider/provider.ts';

type Refusal = Extract<EventVerdict, { kind: 'refused' }>['why'];

const details: Record<Refusal, string> = {
  headers: 'the headers that sign it are missing: only the payment provider calls here (docs/payment-provider.md)',
  signature: "the signature is not the payment provider's, by the secret or key of the settings",
  timestamp: 'the timestamp is more than 5 minutes off: sign it anew, and set your clock',
};
const longestBody = 64 * 1024;

/** How a webhook was answered: `refused` with a problem, all others with 200. */
export type WebhookOutcome =
  | 'taken'
  | 'already'
  | 'passed_over'
  | 'not_ours'
  | 'wrong_amount'
  | 'refund_failed'
  | 'unreadable'
  | 'refused';

/**
 * `POST /api/payments/webhook`: 200 to each call that is genuine. A provider repeats for days what it hears a no to,
 * and then gives up on the address. So what we cannot use (money that is not ours, another amount, an event of unknown
 * kind) is counted and logged, each by a line with its ids, moves nothing, and is acknowledged like the rest. A problem is
 * for calls that are not genuine, and for our own faults: those shall come again.
 */
export function createWebhookApp(deps: {
  provider: Pick<PaymentProvider, 'readEvent' | 'webhookReply'>;
  desk: Pick<MoneyDesk, 'takeEvent'>;
  now: () => number;
  logger: Pick<Logger, 'error'>;
  /** For the metrics: how each webhook ended. */
  onWebhook: (outcome: WebhookOutcome) => void;
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
      const taken = await desk.takeEvent(event);
      const outcome = outcomes[taken.kind];
      onWebhook(outcome);
      const trouble = troubles[outcome];
      // Each of them, none dropped: the provider signed it, so no stranger can fill the log, and it never comes again.
      if (trouble !== undefined) logger.error(clipped({ ...about(event), ...found(taken) }), trouble);
      const reply = provider.webhookReply;
      if (reply !== undefined) return context.body(reply.body, 200, { 'Content-Type': reply.type });
      const answer: WebhookAnswer = { received: true };
      return context.json(answer, 200);
    },
  );
  return app;
}

const outcomes: Record<EventOutcome['kind'], WebhookOutcome> = {
  paid: 'taken',
  goes_back: 'taken',
  failed: 'taken',
  open: 'taken',
  returned: 'taken',
  already: 'already',
  already_taken: 'already',
  passed_over: 'passed_over',
  unreadable: 'unreadable',
  unknown: 'not_ours',
  mismatch: 'wrong_amount',
  refund_failed: 'refund_failed',
};

/** Genuine webhooks that moved nothing, and need a person: SeckillWebhookUnused tells ops of them. */
export const unusedOutcomes = [
  'not_ours',
  'wrong_amount',
  'refund_failed',
  'unreadable',
] as const satisfies readonly WebhookOutcome[];

const troubles: Partial<Record<WebhookOutcome, string>> & Record<(typeof unusedOutcomes)[number], string> = {
  not_ours: 'the payment provider tells of money that we know nothing of',
  wrong_amount: 'the payment provider tells of another amount than ours',
  refund_failed: 'the payment provider tells that a refund failed: its money is not back',
  unreadable: 'the payment provider tells something that its adapter cannot read',
};

/** What finds an event at the provider. */
function about(event: ProviderEvent): Record<string, string> {
  if (event.kind === 'payment') {
    const { paymentId, providerId } = event.payment;
    return { eventId: event.id, paymentId, providerId };
  }
  if (event.kind === 'refund' || event.kind === 'refund_failed') {
    const { refundId, paymentId, providerId } = event.refund;
    return { eventId: event.id, refundId, paymentId, providerId };
  }
  return { eventId: event.id };
}

/** What we know of it. */
function found(taken: EventOutcome): Record<string, string> {
  return taken.kind === 'mismatch' || taken.kind === 'refund_failed'
    ? { orderId: taken.orderId, says: taken.says }
    : {};
}

const longestText = 128;

/** The provider's texts may have any length. */
function clipped(fields: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, text]) => [
      name,
      text.length > longestText ? `${text.slice(0, longestText)}…` : text,
    ]),
  );
}
