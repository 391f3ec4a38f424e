/**
 * Every refusal and fault that a client can see: code → status, whether the same request may succeed later, and the
 * sentence a person reads. RFC 9457 bodies. The edge's copy is nginx-lua/lua/seckill/respond.lua; a test compares them.
 */
export const problems = {
  BAD_REQUEST: { status: 400, retryable: false, title: 'The request could not be understood.' },
  QUANTITY_INVALID: { status: 422, retryable: false, title: 'That quantity cannot be bought.' },
  WRONG_ANSWER: { status: 422, retryable: true, title: 'That answer is not right.' },
  TICKET_MISSING: { status: 401, retryable: false, title: 'A ticket is needed: solve the challenge first.' },
  TICKET_INVALID: { status: 401, retryable: false, title: 'This ticket is not valid for this sale.' },
  TICKET_EXPIRED: { status: 401, retryable: false, title: 'This ticket has expired: get a new one.' },
  UNAUTHENTICATED: { status: 401, retryable: false, title: 'Please sign in.' },
  NOT_OPEN: { status: 403, retryable: true, title: 'The sale is not open yet.' },
  FORBIDDEN: { status: 403, retryable: false, title: 'This is not yours to see or do.' },
  SALE_UNKNOWN: { status: 404, retryable: false, title: 'There is no such sale.' },
  ORDER_UNKNOWN: { status: 404, retryable: false, title: 'There is no such order.' },
  NOT_FOUND: { status: 404, retryable: false, title: 'There is nothing here.' },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false, title: 'This method is not allowed here.' },
  LIMIT_REACHED: { status: 409, retryable: false, title: 'That is more than one person may buy in this sale.' },
  ORDER_STATE: { status: 409, retryable: false, title: 'The order is not in a state that allows this.' },
  SOLD_OUT: { status: 410, retryable: true, title: 'Sold out.' },
  SALE_CLOSED: { status: 410, retryable: false, title: 'The sale is over.' },
  BODY_TOO_LARGE: { status: 413, retryable: false, title: 'The request body is too large.' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, retryable: false, title: 'Send the body as application/json.' },
  RATE_LIMITED: { status: 429, retryable: true, title: 'Too many requests: slow down a little.' },
  PAUSED: { status: 503, retryable: true, title: 'The sale is paused for a moment.' },
  BUSY: { status: 503, retryable: true, title: 'Very busy: try again in a moment.' },
  UNAVAILABLE: { status: 503, retryable: true, title: 'This is not available right now: try again in a moment.' },
} as const satisfies Record<string, { status: number; retryable: boolean; title: string }>;

export type ProblemCode = keyof typeof problems;

export const problemCodes = Object.keys(problems) as ProblemCode[]; // the table's own keys

export type ProblemBody = { type: string; title: string; status: number; code: ProblemCode; detail?: string };

/** The RFC 9457 body of a code; `detail` says what to change, in this one case. */
export function problemBody(code: ProblemCode, detail?: string): ProblemBody {
  const { status, title } = problems[code];
  return { type: `urn:seckill:problem:${code}`, title, status, code, ...(detail === undefined ? {} : { detail }) };
}

export const problemContentType = 'application/problem+json';

/**
 * `WWW-Authenticate` of each UNAUTHENTICATED: RFC 9110, 15.5.2, wants a challenge, RFC 6750, 3, its scheme and a parameter.
 * The refusals of a ticket, 401 too, have none: a ticket is a header of its own, and no HTTP authentication scheme.
 */
export const bearerChallenge = 'Bearer realm="seckill"';

/** A refusal as a Response. `retryAfterSeconds` wherever waiting helps: whole seconds, at least 1 (RFC 9110, 10.2.3). */
export function problemResponse(
  code: ProblemCode,
  options: { detail?: string | undefined; retryAfterSeconds?: number | undefined } = {},
): Response {
  const headers: Record<string, string> = { 'Content-Type': problemContentType, 'Cache-Control': 'no-store' };
  if (code === 'UNAUTHENTICATED') headers['WWW-Authenticate'] = bearerChallenge;
  if (options.retryAfterSeconds !== undefined) {
    headers['Retry-After'] = String(Math.max(1, Math.ceil(options.retryAfterSeconds)));
  }
  return new Response(JSON.stringify(problemBody(code, options.detail)), { status: problems[code].status, headers });
}
