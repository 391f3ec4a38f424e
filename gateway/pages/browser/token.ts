import { maxPageTokenLength } from '#contract/sign-in.ts';

/** Whom a token names (`sub`), and when it ends, in Unix ms; null where it says nothing of that. */
export type TokenClaims = { userId: string | null; endsAtMs: number | null };

let last: { token: string; claims: TokenClaims | null } | null = null;

/** Only read, never trusted: the server looks at the signature. Null for what is no JWT (RFC 7519). */
export function claimsOf(token: string): TokenClaims | null {
  if (last?.token !== token) last = { token, claims: parse(token) };
  return last.claims;
}

/** Whether a sign-in may have sent it: a JWT that names a user, not too long for a request's headers. */
export const isUsable = (token: string): boolean =>
  token.length <= maxPageTokenLength && /^[\w-]+(\.[\w-]+){2}$/.test(token) && Boolean(claimsOf(token)?.userId);

function parse(token: string): TokenClaims | null {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const { sub, exp } = JSON.parse(new TextDecoder().decode(bytes));
    return {
      userId: typeof sub === 'string' ? sub : null,
      endsAtMs: typeof exp === 'number' ? exp * 1000 : null,
    };
  } catch {
    return null;
  }
}
