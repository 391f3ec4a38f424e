import type { z } from 'zod';
import type { ProblemCode } from '../problems.ts';

/** What a caller shows of itself. `webhook`: a server's signature in headers of its own naming: the payment provider's, or the shop's. */
export type ApiAccess = 'open' | 'session' | 'ticket' | 'webhook';

/** One success of a route. Without a `schema` there is no JSON body. */
export type ApiAnswer = { says: string; schema?: z.ZodType; type?: string; headers?: Readonly<Record<string, string>> };

/** One route of DESIGN's section 6, and everything that it can answer. */
export type ApiRoute = {
  method: 'GET' | 'POST' | 'PUT';
  /** With `{saleId}` and `{orderId}`. */
  path: string;
  /** Its name in generated clients. */
  operation: string;
  group: 'Sales' | 'Tickets' | 'Orders' | 'Payments' | 'Hand-over' | 'Pages';
  summary: string;
  says: string;
  access: ApiAccess;
  body?: z.ZodType;
  headers?: readonly { name: string; says: string }[];
  /** All may be left out. */
  query?: readonly { name: string; says: string }[];
  answers: Readonly<Record<number, ApiAnswer>>;
  refusals: readonly ProblemCode[];
};

/** What every route may answer: nginx' own refusals, and an edge that cannot serve. */
export const everywhere = [
  'BAD_REQUEST',
  'METHOD_NOT_ALLOWED',
  'BODY_TOO_LARGE',
  'UNAVAILABLE',
] as const satisfies ProblemCode[];
/** What is passed on to a process behind the edge is limited by address before. */
export const passedOn = [...everywhere, 'RATE_LIMITED'] as const satisfies ProblemCode[];
