import { setTimeout as wait } from 'node:timers/promises';
import { type Context, Hono } from 'hono';
import { z } from 'zod';
import {
  idempotencyHeader,
  newProtocolPaymentSchema,
  newProtocolRefundSchema,
  paymentProtocolRoutes,
} from '#contract/payment-protocol.ts';
import { bearerOf } from '#http/bearer.ts';
import { parseStrictJson } from '#runtime/files/json-file.ts';
import { FileProblem } from '#runtime/files/regular-file.ts';
import { decodeUtf8 } from '#runtime/files/text-file.ts';
import { isSameToken } from '#runtime/same-token.ts';
import { type Behaviour, behaviourFor, behaviourSchema, draw } from './behaviour.ts';
import type { Ledger } from './ledger.ts';
import type { SandboxMetrics } from './metrics.ts';
import { createPageApp } from './page-app.ts';
import { sandboxRoutes } from './sandbox-routes.ts';

const settleSchema = z.strictObject({ state: z.enum(['succeeded', 'failed']) });

function failure(status: number, code: string, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error: { code, message } }, { status, headers });
}

/** The sandbox provider over HTTP: `/v1/…` as a provider has it, `/sandbox/…` to tell it how to behave. */
export function createSandboxApp(deps: {
  ledger: Ledger;
  apiKey: string;
  metrics: Pick<SandboxMetrics, 'calls'>;
}): Hono {
  const { ledger } = deps;
  const calls = new Map<string, number>();
  const app = new Hono();

  app.route('/', createPageApp(ledger)); // before the key is asked for: shoppers have none
  app.use('*', async (context, next) => {
    const given = bearerOf(context.req.raw);
    return given !== null && isSameToken(given, deps.apiKey)
      ? next()
      : failure(401, 'unauthorized', 'the API key is not ours');
  });

  /** Answers as the behaviour of that payment has it; `act` is what the request is about. */
  async function misbehaving(
    call: 'payment' | 'look' | 'end' | 'refund',
    own: Behaviour,
    reference: string,
    signal: AbortSignal,
    act: () => Response,
  ): Promise<Response> {
    const { outcome, answer } = await carriedOut(own, reference, signal, act);
    deps.metrics.calls.inc({ call, outcome });
    return answer;
  }

  async function carriedOut(own: Behaviour, reference: string, signal: AbortSignal, act: () => Response) {
    const turn = (calls.get(reference) ?? 0) + 1;
    calls.set(reference, turn);
    const luck = (what: string) => draw(own, what, reference, turn);
    if (luck('hang') < own.hang) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      return { outcome: 'hung', answer: failure(503, 'unavailable', 'nobody listens any more') };
    }
    if (luck('slow') < own.slow) await wait(own.slowMs);
    if (luck('unavailable') < own.unavailable) {
      return {
        outcome: 'unavailable',
        answer: failure(503, 'unavailable', 'told to be away', { 'Retry-After': '1' }),
      };
    }
    const answer = act();
    if (luck('answerLost') < own.answerLost) {
      return { outcome: 'answer_lost', answer: failure(500, 'internal', 'told to lose this answer') };
    }
    return { outcome: answer.ok ? 'done' : 'refused', answer };
  }

  async function read<T>(context: Context, schema: z.ZodType<T>): Promise<T | Response> {
    let value: unknown;
    try {
      value = parseStrictJson(decodeUtf8(new Uint8Array(await context.req.arrayBuffer())));
    } catch (error) {
      if (error instanceof FileProblem) return failure(422, 'invalid', `the body ${error.message}`);
      throw error;
    }
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const says = result.error.issues
      .map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`)
      .join('; ');
    return failure(422, 'invalid', says);
  }
  const hasKey = (context: Context, reference: string) => context.req.header(idempotencyHeader) === reference;
  const noKey = () => failure(400, 'idempotency_key', `send the reference as ${idempotencyHeader}, too`);

  app.post(paymentProtocolRoutes.payments, async (context) => {
    const wanted = await read(context, newProtocolPaymentSchema);
    if (wanted instanceof Response) return wanted;
    if (!hasKey(context, wanted.reference)) return noKey();
    const own = behaviourFor(ledger.behaviour(), wanted);
    return misbehaving('payment', own, wanted.reference, context.req.raw.signal, () => {
      const outcome = ledger.addPayment(wanted);
      return 'says' in outcome ? failure(409, 'conflict', outcome.says) : Response.json(outcome, { status: 201 });
    });
  });

  app.get(paymentProtocolRoutes.payment, async (context) => {
    const reference = context.req.param('reference');
    const own = behaviourFor(ledger.behaviour(), ledger.payment(reference) ?? { amount: 0, order: '' });
    return misbehaving('look', own, reference, context.req.raw.signal, () => {
      const found = ledger.payment(reference);
      return found === null ? failure(404, 'not_found', 'there is no such payment') : Response.json(found);
    });
  });

  app.post(paymentProtocolRoutes.end, async (context) => {
    const reference = context.req.param('reference');
    if (!hasKey(context, reference)) return noKey();
    const own = behaviourFor(ledger.behaviour(), ledger.payment(reference) ?? { amount: 0, order: '' });
    return misbehaving('end', own, reference, context.req.raw.signal, () => {
      const ended = ledger.end(reference);
      return ended === null ? failure(404, 'not_found', 'there is no such payment') : Response.json(ended);
    });
  });

  app.post(paymentProtocolRoutes.refunds, async (context) => {
    const wanted = await read(context, newProtocolRefundSchema);
    if (wanted instanceof Response) return wanted;
    if (!hasKey(context, wanted.reference)) return noKey();
    const order = ledger.payment(wanted.payment)?.order ?? '';
    const own = behaviourFor(ledger.behaviour(), { amount: wanted.amount, order });
    return misbehaving('refund', own, wanted.reference, context.req.raw.signal, () => {
      const outcome = ledger.addRefund(wanted);
      return 'says' in outcome ? failure(409, 'conflict', outcome.says) : Response.json(outcome, { status: 201 });
    });
  });

  app.get(sandboxRoutes.behaviour, () => Response.json(ledger.behaviour()));
  app.put(sandboxRoutes.behaviour, async (context) => {
    const next = await read(context, behaviourSchema);
    if (next instanceof Response) return next;
    ledger.behave(next);
    return Response.json(next);
  });
  app.get(sandboxRoutes.books, (context) => Response.json(ledger.books(context.req.query('orders') ?? '')));
  app.post(sandboxRoutes.settle, async (context) => {
    const wanted = await read(context, settleSchema);
    if (wanted instanceof Response) return wanted;
    const settled = ledger.settle(context.req.param('reference'), wanted.state);
    return settled === null ? failure(404, 'not_found', 'there is no such payment') : Response.json(settled);
  });

  app.notFound(() => failure(404, 'not_found', 'there is nothing here'));
  return app;
}
