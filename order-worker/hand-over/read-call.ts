import type { Context } from 'hono';
import type { z } from 'zod';
import { problemResponse } from '#contract/problems.ts';
import { verifyWebhook, type WebhookVerdict } from '#runtime/standard-webhooks.ts';

type Refusal = Extract<WebhookVerdict, { kind: 'refused' }>['why'];
const details: Record<Refusal, string> = {
  headers: 'webhook-id, webhook-timestamp and webhook-signature are needed (Standard Webhooks)',
  signature: 'the signature is of none of our secrets: sign the body as it is sent, with the secret of the hand-over',
  timestamp: 'the timestamp is more than 5 minutes off: sign it anew, and set your clock',
};

/**
 * `headers`, `signature`: nothing proves that it is the shop's. `timestamp`: it is, by another clock, or sent again by somebody.
 * `unreadable`: it is, and its body is not what its path asks for.
 */
export type BadCall = Refusal | 'unreadable' | 'not_set_up';

type Body = { type: string; data: { orderId: string } };
/** Proves that a call is the shop's, and reads its body by the schema of its path. What it is not is the refusal to answer. */
export type ReadCall = <B extends Body>(
  context: Context,
  schema: z.ZodType<B>,
) => Promise<{ kind: 'call'; body: B } | { kind: 'bad'; why: BadCall; answer: Response }>;

/**
 * Every route of the hand-over that the shop's server calls begins with this: until it has said that a call is genuine, nothing is
 * looked up and nothing is told. The path must have `:orderId`, the body's order must be that one. The same call may come again
 * within 5 minutes, from anybody who saw it: what is done with it must be idempotent.
 */
export function createReadCall(deps: { secrets: readonly Buffer[] | null; now: () => number }): ReadCall {
  const { secrets, now } = deps;
  return async (context, schema) => {
    const bad = (why: BadCall, answer: Response) => ({ kind: 'bad' as const, why, answer });
    if (secrets === null) {
      const detail = 'the hand-over is not set up here: SECKILL_HAND_OVER_SECRET is missing';
      return bad('not_set_up', problemResponse('UNAVAILABLE', { detail, retryAfterSeconds: 60 }));
    }
    const body = await context.req.text();
    const verdict = verifyWebhook({ headers: context.req.raw.headers, body, nowMs: now() }, secrets);
    if (verdict.kind === 'refused') {
      const code = verdict.why === 'signature' ? 'UNAUTHENTICATED' : 'BAD_REQUEST';
      return bad(verdict.why, problemResponse(code, { detail: details[verdict.why] }));
    }
    const unreadable = (detail: string) => bad('unreadable', problemResponse('BAD_REQUEST', { detail }));
    const parsed = schema.safeParse(jsonOf(body));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return unreadable(`the body's ${issue?.path.join('.') || 'JSON'} ${issue?.message}`);
    }
    const { orderId } = parsed.data.data;
    if (orderId !== context.req.param('orderId'))
      return unreadable(`the body is of ${orderId}, the path of another order`);
    return { kind: 'call', body: parsed.data };
  };
}

/** Undefined for what is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
