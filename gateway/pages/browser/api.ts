import type { ProblemCode } from '#contract/problems.ts';

/** A refusal says why. `lost` says nothing: the server may have done it, or never heard of it. */
export type Reply<Body> =
  | { kind: 'ok'; body: Body }
  | { kind: 'refused'; status: number; code: ProblemCode; detail?: string; retryAfterMs: number | null }
  | { kind: 'lost'; retryAfterMs: number | null };

/** Why there is no body: the refusal's code; an answer that was lost is as good as "not available". Null when there is one. */
export function failureOf(reply: Reply<unknown>): ProblemCode | null {
  if (reply.kind === 'ok') return null;
  return reply.kind === 'lost' ? 'UNAVAILABLE' : reply.code;
}

export type CallOptions = { body?: unknown; headers?: Record<string, string> };
export type Method = 'GET' | 'POST' | 'PUT';
export type Call = <Body>(method: Method, path: string, options?: CallOptions) => Promise<Reply<Body>>;

const deadlineMs = 8000;
const plainCodes: Record<number, ProblemCode> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  429: 'RATE_LIMITED',
};

/** Retry-After is seconds or an HTTP date (RFC 9110, 10.2.3). */
export function parseRetryAfter(text: string | null, nowMs: number): number | null {
  if (text === null) return null;
  const seconds = Number(text);
  const ms = Number.isNaN(seconds) ? Date.parse(text) - nowMs : seconds * 1000;
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

/** Never throws: a broken line, a deadline and a gateway's bare 5xx are all `lost`. The body is the contract's word. */
export function createCall(request: typeof fetch): Call {
  return async <Body>(method: Method, path: string, options: CallOptions = {}): Promise<Reply<Body>> => {
    try {
      const response = await request(path, {
        method,
        headers: { ...(method !== 'GET' && { 'Content-Type': 'application/json' }), ...options.headers },
        ...(method !== 'GET' && { body: JSON.stringify(options.body ?? {}) }),
        cache: 'no-store',
        signal: AbortSignal.timeout(deadlineMs),
      });
      const { ok, status, headers } = response;
      const body: unknown = await response.json().catch(() => null);
      if (ok && (body !== null || status === 204)) return { kind: 'ok', body: body as Body };
      const retryAfterMs = parseRetryAfter(headers.get('Retry-After'), Date.now());
      const problem = body as { code?: ProblemCode; detail?: string } | null;
      const code = problem?.code ?? plainCodes[status];
      if (code === undefined && (status >= 500 || ok)) return { kind: 'lost', retryAfterMs };
      const detail = typeof problem?.detail === 'string' ? { detail: problem.detail } : {};
      return { kind: 'refused', status, code: code ?? 'BAD_REQUEST', ...detail, retryAfterMs };
    } catch {
      return { kind: 'lost', retryAfterMs: null };
    }
  };
}
