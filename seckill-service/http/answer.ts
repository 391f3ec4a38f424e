import type { ServerResponse } from 'node:http';
import { bearerChallenge, type ProblemCode, problemBody, problemContentType, problems } from '#contract/problems.ts';

/** An answer as node:http writes it: names and values of headers in turn, the body's length among them. */
export type Answer = { status: number; headers: string[]; body: string };

/** A refusal as RFC 9457 says; its headers are those of `problemResponse` (contract/problems.ts). */
export function refusal(
  code: ProblemCode,
  options: { detail?: string | undefined; retryAfterSeconds?: number | undefined } = {},
): Answer {
  const waits = options.retryAfterSeconds;
  const headers = ['Content-Type', problemContentType, 'Cache-Control', 'no-store'];
  if (code === 'UNAUTHENTICATED') headers.push('WWW-Authenticate', bearerChallenge);
  // Whole seconds, at least 1 (RFC 9110, 10.2.3).
  if (waits !== undefined) headers.push('Retry-After', String(Math.max(1, Math.ceil(waits))));
  return withLength(problems[code].status, headers, JSON.stringify(problemBody(code, options.detail)));
}

/** `body` is JSON already. */
export function jsonAnswer(status: number, cacheControl: string, body: string): Answer {
  return withLength(status, ['Cache-Control', cacheControl, 'Content-Type', 'application/json'], body);
}

function withLength(status: number, headers: string[], body: string): Answer {
  headers.push('Content-Length', String(Buffer.byteLength(body)));
  return { status, headers, body };
}

export function writeAnswer(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, headers);
  response.end(body);
}

/** The same for an app of Hono's, which counts the length itself: an answer to HEAD has none. */
export function responseOf({ status, headers, body }: Answer): Response {
  const named: Record<string, string> = {};
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2);
    if (name !== 'Content-Length') named[name] = value;
  }
  return new Response(body, { status, headers: named });
}
