import type { IncomingMessage } from 'node:http';

/** A request as fetch has it, or as node:http has. */
export type Asking = Pick<Request, 'headers'> | Pick<IncomingMessage, 'headers'>;

/**
 * The token of `Authorization: Bearer <token>`; null when there is none. The scheme's name is the same in any case, and
 * one or more spaces stand behind it (RFC 9110, 11.1 and 11.4).
 */
export function bearerOf({ headers }: Asking): string | null {
  const text = headers instanceof Headers ? headers.get('authorization') : headers.authorization;
  return /^bearer +(\S+) *$/i.exec(text ?? '')?.[1] ?? null;
}
