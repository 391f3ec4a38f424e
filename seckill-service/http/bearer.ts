/**
 * The token of `Authorization: Bearer <token>`; null when there is none. The scheme's name is the same in any case, and
 * one or more spaces stand behind it (RFC 9110, 11.1 and 11.4).
 */
export function bearerOf(request: Request): string | null {
  return /^bearer +(\S+) *$/i.exec(request.headers.get('authorization') ?? '')?.[1] ?? null;
}
