import { setTimeout as wait } from 'node:timers/promises';
import { request } from 'undici';
import { z } from 'zod';
import { saleStates } from '#contract/sale.ts';
import type { ReachedEdge } from './reach-edges.ts';

/** What an edge says from outside, as a shopper hears it. */

const deadlineMs = 2000;

/** Null for the status and empty text when it does not answer; `says` is for people. `retryAfterMs`: 0 where it says none. */
export type EdgeAnswer = { status: number | null; text: string; says: string; retryAfterMs: number };

export type EdgeQuestion = { headers?: Record<string, string>; body?: unknown };

/** What a question needs to know of an edge. */
export type AskedEdge = Pick<ReachedEdge, 'name' | 'url' | 'dispatcher'>;

const maxTries = 3;
const firstWaitMs = 200;
/** Asks no more after this time: a check has a deadline of its own. */
const againWithinMs = 1500;

/**
 * GET, or POST when there is a body. One request that is refused or lost says nothing about an edge: what passes by itself
 * (a broken line, 429, 503) is asked again, three times in all, within two seconds and by what Retry-After says.
 */
export async function askEdge(edge: AskedEdge, path: string, question: EdgeQuestion = {}): Promise<EdgeAnswer> {
  const from = performance.now();
  for (let tries = 1; ; tries += 1) {
    const answer = await askOnce(edge, path, question);
    const isPassing = answer.status === null || answer.status === 429 || answer.status === 503;
    const waitMs = Math.max(answer.retryAfterMs, firstWaitMs * tries);
    if (!isPassing || tries === maxTries || performance.now() - from + waitMs > againWithinMs) return answer;
    await wait(waitMs);
  }
}

async function askOnce(edge: AskedEdge, path: string, question: EdgeQuestion): Promise<EdgeAnswer> {
  const { name, url, dispatcher } = edge;
  const { headers = {}, body } = question;
  const post = { method: 'POST', body: JSON.stringify(body) } as const;
  try {
    const response = await request(new URL(path, url), {
      ...(body === undefined ? {} : post),
      dispatcher,
      headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
      headersTimeout: deadlineMs,
      bodyTimeout: deadlineMs,
      signal: AbortSignal.timeout(deadlineMs),
    });
    const text = await response.body.text();
    const retryAfterMs = 1000 * (Number(response.headers['retry-after']) || 0);
    return { status: response.statusCode, text, says: `${name} answers ${response.statusCode}`, retryAfterMs };
  } catch (error) {
    return { status: null, text: '', says: `${name} does not answer (${messageOf(error)})`, retryAfterMs: 0 };
  }
}

function messageOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `nothing in ${deadlineMs / 1000} s`;
  return error instanceof Error ? error.message : String(error);
}

const edgeSaleSchema = z.object({
  state: z.enum(saleStates),
  epoch: z.int(),
  opensAt: z.iso.datetime(),
  now: z.iso.datetime(),
});
export type ShownByEdge = z.infer<typeof edgeSaleSchema>;

/** The sale as an edge tells it. Throws when it does not. */
export async function readEdgeSale(edge: AskedEdge, saleId: string): Promise<ShownByEdge> {
  const { status, text, says } = await askEdge(edge, `/api/sales/${saleId}`);
  if (status !== 200) throw new Error(says);
  return edgeSaleSchema.parse(JSON.parse(text));
}

/** The code of a problem document, null when there is none. */
export function problemCode(text: string): string | null {
  try {
    return z.object({ code: z.string() }).parse(JSON.parse(text)).code;
  } catch {
    return null;
  }
}
